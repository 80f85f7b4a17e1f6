"""Texts with placeholders: Liquid, kept small on purpose.

Placeholders are filled with strings only, so that no text can reach into an object.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency
from liquid import BoundTemplate, Environment, FalsyStrictUndefined
from liquid.exceptions import LiquidError, LiquidSyntaxError, UndefinedError
from liquid.token import TOKEN_EXPRESSION, Token

from dunlin.domain.choices import ReturnReaction

MAX_LENGTH = 456  # three joined segments of the smallest size in use, 152 septets
MAX_SENT = 1_600  # Twilio refuses longer texts (21617), whatever their encoding
MAX_SUBJECT = 200
MAX_BODY = 10_000

PLACEHOLDERS = ("customer.name", "organization.name", "amount", "due_date", "reference", "reaction", "payment_link")

_RANGE = re.compile(r"\(.+?\.\.", re.DOTALL)


class _Texts(Environment):
    loop_iteration_limit = 100
    output_stream_limit = 20_000
    local_namespace_limit = 1_000

    def tokenizer(self) -> Callable[[str], Iterator[Token]]:
        """Refuse ranges: no limit holds for `(1..9999999999) contains "a"`, which would count for minutes."""
        return partial(_without_ranges, super().tokenizer())


def _without_ranges(tokenize: Callable[[str], Iterator[Token]], source: str) -> Iterator[Token]:
    for token in tokenize(source):
        if token.kind == TOKEN_EXPRESSION and _RANGE.search(token.value):
            raise LiquidSyntaxError("ranges are not allowed", token=token)
        yield token


# What is missing may be asked for, {% if payment_link %}, but not written.
_ENVIRONMENT = _Texts(undefined=FalsyStrictUndefined, autoescape=False)
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


@dataclass(frozen=True, slots=True)
class Kind:
    """What a template makes, and how many characters that may have."""

    name: str
    most: int


TEXT = Kind("a text message", MAX_SENT)
SUBJECT = Kind("a subject", 500)
BODY = Kind("an e-mail", _Texts.output_stream_limit)


class BadText(Exception):
    """The text cannot be used as a template; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What a text is about. `reference` is the one that the customer knows: the case's external reference.

    `reaction` is what the return reason asks for: {% if reaction == "ASK_FOR_MANDATE" %}...{% endif %}.
    `payment_link` is where the customer can pay; not every case has one: {% if payment_link %}...{% endif %}.
    """

    customer_name: str
    organization_name: str
    amount: Decimal
    currency: str
    due_on: date
    reference: str
    reaction: ReturnReaction = ReturnReaction.REMIND
    payment_link: str | None = None


@lru_cache(maxsize=1_024)
def parse(text: str) -> BoundTemplate:
    """Return `text` as a template, or raise `BadText`."""
    try:
        return _ENVIRONMENT.from_string(text)
    except LiquidError as error:
        raise BadText(_sentence(error)) from error


@lru_cache(maxsize=1_024)
def named(text: str) -> tuple[str, ...]:
    """Return what `text` asks to be filled in, each name once, in its order; or raise `BadText`."""
    template = parse(text)
    try:
        found = template.analyze(include_partials=False).globals
    except LiquidError as error:
        raise BadText(_sentence(error)) from error
    return tuple(dict.fromkeys(str(variable) for variables in found.values() for variable in variables))


def unknown_placeholders(text: str) -> list[str]:
    """Return the placeholders of `text` that do not exist, or raise `BadText` if it cannot be read."""
    return [name for name in named(text) if name not in PLACEHOLDERS]


def render(text: str, filling: Filling, language: str, kind: Kind = TEXT) -> str:
    """Return `text` filled in for `language` (BCP 47), in Unicode's composed form.

    Raise `BadText` if that cannot be done, or makes more characters than its kind may have.
    """
    values: dict[str, object] = {
        "customer": {"name": composed(filling.customer_name)},
        "organization": {"name": composed(filling.organization_name)},
        "due_date": write_date(filling.due_on, language),
        "reference": composed(filling.reference),
        "reaction": filling.reaction.value,
    }
    if filling.payment_link is not None:
        values["payment_link"] = filling.payment_link
    if "amount" in named(text):  # the dearest to write
        values["amount"] = write_amount(filling.amount, filling.currency, language)
    try:
        filled = parse(text).render(**values)
    except UndefinedError as error:
        if filling.payment_link is None and "payment_link" in named(text):
            raise BadText("The text names payment_link, and the case has none.") from error
        raise BadText(_sentence(error)) from error
    except LiquidError as error:
        raise BadText(_sentence(error)) from error
    sent = as_sent(filled)
    if len(sent) > kind.most:
        raise BadText(f"Filled in, it has {len(sent):,} characters; {kind.name} has at most {kind.most:,}.")
    return sent


def as_sent(filled: str) -> str:
    """Return a filled text as it goes out: in composed form, without space around it."""
    # A no-break space, which Babel puts between amount and sign, would make the whole text UCS-2.
    return composed(filled.replace("\u00a0", " ").replace("\u202f", " ")).strip()


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def write_amount(amount: Decimal, currency: str, language: str) -> str:
    return format_currency(amount, currency, locale=_locale(language))


@lru_cache(maxsize=1_024)
def write_date(day: date, language: str) -> str:
    return format_date(day, format="long", locale=_locale(language))


def choose_language(texts: Mapping[str, object], wanted: str | None, default: str) -> str | None:
    """Return the language to write in: the customer's, its base language, or the organization's default.

    A step written in one language only is meant for everybody.
    """
    candidates = [wanted, base_of(wanted) if wanted else None, default, base_of(default)]
    if len(texts) == 1:
        candidates += texts
    return next((language for language in candidates if language and language in texts), None)


def base_of(language: str) -> str:
    """Return the language without script and region: fr of fr-BE."""
    return language.split("-")[0]


@lru_cache(maxsize=256)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def _sentence(error: LiquidError) -> str:
    return f"The text is not a valid template: {error.args[0] if error.args else 'it cannot be read'}."
