"""The scalars of the schema. What cannot be read is refused with a short sentence, never with Python's words."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NewType, TypeVar

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from dunlin.domain.rules.notation import CURRENCIES, LANGUAGE, TIME_ZONES, read_date, read_decimal

PhoneNumber = NewType("PhoneNumber", str)
CountryCode = NewType("CountryCode", str)
CurrencyCode = NewType("CurrencyCode", str)
LanguageCode = NewType("LanguageCode", str)
TimeZone = NewType("TimeZone", str)

T = TypeVar("T")

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _bad(what: str) -> GraphQLError:
    return GraphQLError(what, extensions={"code": "BAD_USER_INPUT"})


def _matching(pattern: re.Pattern[str], sentence: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        raise _bad(sentence)

    return parse


def _among(allowed: frozenset[str], sentence: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        raise _bad(sentence)

    return parse


def _parse_datetime(value: object) -> datetime:
    # Python reads more than RFC 3339, even a NUL at the end.
    if isinstance(value, str) and _DATETIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:
            pass
    raise _bad("A DateTime is written as 2026-11-22T08:30:00+01:00, with its offset.")


def _parse_date(value: object) -> date:
    day = read_date(value) if isinstance(value, str) else None
    if day is None:
        raise _bad("A Date is written as 2026-11-22.")
    return day


def _parse_decimal(value: object) -> Decimal:
    number = read_decimal(value) if isinstance(value, str) else None
    if number is None:
        raise _bad('A Decimal is a number written as a string, such as "12.50".')
    return number


def _write_decimal(value: Decimal) -> str:
    """Write plainly, with at least two decimals and no zeros after them: 12.50, 0.0079."""
    text = str(value)
    if text[-5:-4] == "." and text.endswith("00"):  # 84.5000, as the database keeps most amounts: five times as quick
        return text[:-2]
    if not value.is_finite():
        raise ValueError("It is no number.")
    whole, _, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment, in RFC 3339 with seconds and offset, e.g. 2026-11-22T08:30:00+00:00. Shown in UTC.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=datetime.isoformat,
        parse_value=_parse_datetime,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A calendar date, e.g. 2026-11-22.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=date.isoformat,
        parse_value=_parse_date,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number as a string, e.g. "12.50", with at least two decimals; never a float.',
        specified_by_url="https://www.w3.org/TR/xmlschema-2/#decimal",
        serialize=_write_decimal,
        parse_value=_parse_decimal,
    ),
    PhoneNumber: strawberry.scalar(
        name="PhoneNumber",
        description="A phone number in E.164, e.g. +32470123456.",
        specified_by_url="https://www.itu.int/rec/T-REC-E.164",
        serialize=str,
        parse_value=_matching(_E164, "A PhoneNumber is written in E.164, such as +32470123456."),
    ),
    CountryCode: strawberry.scalar(
        name="CountryCode",
        description="A country by ISO 3166-1 alpha-2, e.g. BE.",
        specified_by_url="https://www.iso.org/iso-3166-country-codes.html",
        serialize=str,
        parse_value=_matching(_COUNTRY, "A CountryCode has two capital letters, such as BE."),
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode",
        description="A currency by ISO 4217, e.g. EUR.",
        specified_by_url="https://www.iso.org/iso-4217-currency-codes.html",
        serialize=str,
        parse_value=_among(CURRENCIES, "A CurrencyCode is one of ISO 4217, such as EUR."),
    ),
    LanguageCode: strawberry.scalar(
        name="LanguageCode",
        description="A language by BCP 47, e.g. nl or fr-BE.",
        specified_by_url="https://www.rfc-editor.org/info/bcp47",
        serialize=str,
        parse_value=_matching(LANGUAGE, "A LanguageCode is written as nl or fr-BE."),
    ),
    TimeZone: strawberry.scalar(
        name="TimeZone",
        description="A time zone by its IANA name, e.g. Europe/Brussels.",
        specified_by_url="https://www.iana.org/time-zones",
        serialize=str,
        parse_value=_among(TIME_ZONES, "A TimeZone is an IANA name, such as Europe/Brussels."),
    ),
}
