"""Texts with placeholders: Liquid, kept small on purpose.

Placeholders are filled with strings only, so that no text can reach into an object.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency
from liquid import Environment, StrictUndefined
from liquid.exceptions import LiquidError, LiquidSyntaxError
from liquid.token import TOKEN_EXPRESSION, Token

from dunlin.domain.choices import ReturnReaction

MAX_LENGTH = 456  # three joined segments of the smallest size in use, 152 septets

PLACEHOLDERS = ("customer.name", "organization.name", "amount", "due_date", "reference", "reaction")

_RANGE = re.compile(r"\(.+?\.\.", re.DOTALL)


class _Texts(Environment):
    loop_iteration_limit = 100
    output_stream_limit = 5_000
    local_namespace_limit = 1_000

    def tokenizer(self) -> Callable[[str], Iterator[Token]]:
        """Refuse ranges: no limit holds for `(1..9999999999) contains "a"`, which would count for minutes."""
        return partial(_without_ranges, super().tokenizer())


def _without_ranges(tokenize: Callable[[str], Iterator[Token]], source: str) -> Iterator[Token]:
    for token in tokenize(source):
        if token.kind == TOKEN_EXPRESSION and _RANGE.search(token.value):
            raise LiquidSyntaxError("ranges are not allowed", token=token)
        yield token


_ENVIRONMENT = _Texts(undefined=StrictUndefined, autoescape=False)
for _name in set(_ENVIRONMENT.filters) - {"upcase", "downcase", "capitalize", "strip", "default", "truncate"}:
    del _ENVIRONMENT.filters[_name]
for _name in set(_ENVIRONMENT.tags) & {
    "include",
    "render",
    "for",
    "tablerow",
    "macro",
    "call",
    "extends",
    "block",
}:
    del _ENVIRONMENT.tags[_name]


class BadText(Exception):
    """The text cannot be used as a template; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What a text is about. `reference` is the one that the customer knows: the case's external reference.

    `reaction` is what the return reason asks for: {% if reaction == "ASK_FOR_MANDATE" %}...{% endif %}.
    """

    customer_name: str
    organization_name: str
    amount: Decimal
    currency: str
    due_on: date
    reference: str
    reaction: ReturnReaction = ReturnReaction.REMIND


def unknown_placeholders(text: str) -> list[str]:
    """Return the placeholders of `text` that do not exist, or raise `BadText` if it cannot be read."""
    try:
        found = _ENVIRONMENT.from_string(text).analyze(include_partials=False).globals
    except LiquidError as error:
        raise BadText(_sentence(error)) from error
    names = (str(variable) for variables in found.values() for variable in variables)
    return [name for name in dict.fromkeys(names) if name not in PLACEHOLDERS]


def render(text: str, filling: Filling, language: str) -> str:
    """Return `text` filled in for `language` (BCP 47), in Unicode's composed form, or raise `BadText`."""
    locale = _locale(language)
    values: Mapping[str, object] = {
        "customer": {"name": filling.customer_name},
        "organization": {"name": filling.organization_name},
        "amount": format_currency(filling.amount, filling.currency, locale=locale),
        "due_date": format_date(filling.due_on, format="long", locale=locale),
        "reference": filling.reference,
        "reaction": filling.reaction.value,
    }
    try:
        filled = _ENVIRONMENT.from_string(text).render(**values)
    except LiquidError as error:
        raise BadText(_sentence(error)) from error
    # A no-break space, which Babel puts between amount and sign, would make the whole text UCS-2.
    plain = filled.replace("\u00a0", " ").replace("\u202f", " ")
    return unicodedata.normalize("NFC", plain).strip()


def choose_language(texts: Mapping[str, str], wanted: str | None, default: str) -> str | None:
    """Return the language to write in: the customer's, its base language, or the organization's default.

    A step written in one language only is meant for everybody.
    """
    candidates = [wanted, wanted.split("-")[0] if wanted else None, default, default.split("-")[0]]
    if len(texts) == 1:
        candidates += texts
    return next((language for language in candidates if language and language in texts), None)


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def _sentence(error: LiquidError) -> str:
    return f"The text is not a valid template: {error.args[0] if error.args else 'it cannot be read'}."
