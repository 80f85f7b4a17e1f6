"""What a reminder says: chosen among a step's texts, filled in and counted."""

from collections.abc import Mapping
from dataclasses import dataclass

from dunlin.domain.rules.segments import Encoded, encode
from dunlin.domain.rules.texts import (
    BODY,
    SUBJECT,
    BadText,
    Filling,
    base_of,
    choose_language,
    render,
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a step says in one language. Only an e-mail has a subject."""

    body: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a reminder is written with. `texts` are a step's, by language."""

    texts: Mapping[str, Wording]
    customer_language: str | None
    default_language: str
    filling: Filling


@dataclass(frozen=True, slots=True)
class Written:
    """`is_fallback`: the customer's own language has no text, so that another one was taken.

    Only a text is `encoded`, and only an e-mail has a `subject`.
    """

    text: str
    language: str
    is_fallback: bool
    encoded: Encoded | None
    subject: str | None = None


def write(draft: Draft) -> Written:
    """Return what a reminder says, or raise `BadText` with a sentence on why it says nothing."""
    wanted, default = draft.customer_language, draft.default_language
    language = choose_language(draft.texts, wanted, default)
    if language is None:
        raise BadText(f"The step has no text in {wanted or default} nor in {default}.")
    is_fallback = wanted is not None and language not in (wanted, base_of(wanted))
    try:
        written = _write(draft.texts[language], draft.filling, language, is_fallback=is_fallback)
    except BadText as error:
        raise BadText(f"The text in {language} cannot be sent. {error}") from error
    if not written.text:
        raise BadText(f"The text in {language} is empty once filled in.")
    if written.subject == "":
        raise BadText(f"The subject in {language} is empty once filled in.")
    return written


def _write(wording: Wording, filling: Filling, language: str, *, is_fallback: bool) -> Written:
    if wording.subject is None:
        text = render(wording.body, filling, language)
        return Written(text, language, is_fallback=is_fallback, encoded=encode(text))
    body = render(wording.body, filling, language, BODY)
    # A line end would begin another header.
    subject = " ".join(render(wording.subject, filling, language, SUBJECT).split())
    return Written(body, language, is_fallback=is_fallback, encoded=None, subject=subject)
