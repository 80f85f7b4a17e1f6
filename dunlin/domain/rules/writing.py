"""What a reminder says: chosen among a step's texts, filled in and counted."""

from collections.abc import Mapping
from dataclasses import dataclass

from dunlin.domain.rules.segments import Encoded, encode
from dunlin.domain.rules.texts import BadText, Filling, base_of, choose_language, render


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a reminder is written with. `texts` are a step's, by language."""

    texts: Mapping[str, str]
    customer_language: str | None
    default_language: str
    filling: Filling


@dataclass(frozen=True, slots=True)
class Written:
    """`is_fallback`: the customer's own language has no text, so that another one was taken."""

    text: str
    language: str
    is_fallback: bool
    encoded: Encoded


def write(draft: Draft) -> Written:
    """Return what a reminder says, or raise `BadText` with a sentence on why it says nothing."""
    wanted, default = draft.customer_language, draft.default_language
    language = choose_language(draft.texts, wanted, default)
    if language is None:
        raise BadText(f"The step has no text in {wanted or default} nor in {default}.")
    try:
        text = render(draft.texts[language], draft.filling, language)
    except BadText as error:
        raise BadText(f"The text in {language} cannot be sent. {error}") from error
    if not text:
        raise BadText(f"The text in {language} is empty once filled in.")
    is_fallback = wanted is not None and language not in (wanted, base_of(wanted))
    return Written(text, language, is_fallback, encode(text))
