from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from dunlin.api.scalars import SCALARS

BY_NAME: dict[str, ScalarDefinition] = {scalar.name: scalar for scalar in SCALARS.values()}


def parse(name: str, value: object) -> object:
    parse_value = BY_NAME[name].parse_value
    assert parse_value is not None
    return parse_value(value)


def written(name: str, value: Any) -> object:
    serialize = BY_NAME[name].serialize
    assert serialize is not None
    return serialize(value)


BRUSSELS = timezone(timedelta(hours=1))
ACCEPTED: list[tuple[str, str, object]] = [
    ("DateTime", "2026-11-22T08:30:00+01:00", datetime(2026, 11, 22, 8, 30, tzinfo=BRUSSELS)),
    ("DateTime", "2026-11-22t08:30:00z", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
    ("DateTime", "2026-11-22T08:30:00Z", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
    ("DateTime", "2026-11-22T08:30:00.125+00:00", datetime(2026, 11, 22, 8, 30, 0, 125_000, tzinfo=UTC)),
    ("Date", "2026-11-22", date(2026, 11, 22)),
    ("Date", "2028-02-29", date(2028, 2, 29)),
    ("Decimal", "12.50", Decimal("12.50")),
    ("Decimal", "12", Decimal(12)),
    ("Decimal", "-0.0079", Decimal("-0.0079")),
    ("Decimal", "0.1", Decimal("0.1")),
    ("Decimal", "9" * 20 + "." + "9" * 20, Decimal("9" * 20 + "." + "9" * 20)),
    ("PhoneNumber", "+32470123456", "+32470123456"),
    ("PhoneNumber", "+15005550006", "+15005550006"),
    ("CountryCode", "BE", "BE"),
    ("CurrencyCode", "EUR", "EUR"),
    ("CurrencyCode", "SEK", "SEK"),
    ("LanguageCode", "nl", "nl"),
    ("LanguageCode", "fr-BE", "fr-BE"),
    ("LanguageCode", "sr-Latn", "sr-Latn"),
    ("LanguageCode", "zh-Hant-TW", "zh-Hant-TW"),
    ("LanguageCode", "es-419", "es-419"),
    ("TimeZone", "Europe/Brussels", "Europe/Brussels"),
    ("TimeZone", "America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
    ("TimeZone", "UTC", "UTC"),
]


@pytest.mark.parametrize(("name", "text", "value"), ACCEPTED, ids=[f"{name} {text[:40]}" for name, text, _ in ACCEPTED])
def test_a_scalar_is_read(name: str, text: str, value: object) -> None:
    assert parse(name, text) == value


SENTENCES = {
    "DateTime": "A DateTime is written as 2026-11-22T08:30:00+01:00, with its offset.",
    "Date": "A Date is written as 2026-11-22.",
    "Decimal": 'A Decimal is a number written as a string, such as "12.50".',
    "PhoneNumber": "A PhoneNumber is written in E.164, such as +32470123456.",
    "CountryCode": "A CountryCode has two capital letters, such as BE.",
    "CurrencyCode": "A CurrencyCode is one of ISO 4217, such as EUR.",
    "LanguageCode": "A LanguageCode is written as nl or fr-BE.",
    "TimeZone": "A TimeZone is an IANA name, such as Europe/Brussels.",
}
REFUSED: dict[str, dict[str, object]] = {
    "DateTime": {
        "without an offset": "2026-11-22T08:30:00",
        "with NUL at its end": "2026-11-22T08:30:00+01:00\0",
        "without seconds": "2026-11-22T08:30+01:00",
        "of a week": "2026-W47-7T08:30:00Z",
        "a date only": "2026-11-22",
        "a day that does not exist": "2026-02-30T08:30:00Z",
        "an hour that does not exist": "2026-11-22T25:30:00Z",
        "seconds since 1970": 1795336200,
        "seconds since 1970 as text": "1795336200",
    },
    "Date": {
        "a day that does not exist": "2026-02-29",
        "a month that does not exist": "2026-13-01",
        "with a time": "2026-11-22T08:30:00+01:00",
        "without hyphens": "20261122",
        "a week": "2026-W47-7",
        "days before months": "22-11-2026",
        "digits of another script": "\u0662\u0660\u0662\u0666-11-22",
    },
    "Decimal": {
        "a float": 12.5,
        "an integer": 12,
        "a truth": True,
        "an exponent": "1e5",
        "no number": "NaN",
        "no end": "Infinity",
        "a comma": "12,50",
        "a thousands separator": "1_000",
        "a plus": "+1",
        "no digit before the point": ".5",
        "no digit after the point": "5.",
        "a space": " 12.50",
        "a line end": "12.50\n",
        "digits of another script": "\u0661\u0662",
        "endless": "9" * 5_000,
    },
    "PhoneNumber": {
        "no plus": "32470123456",
        "spaces": "+32 470 12 34 56",
        "too short": "+12345",
        "too long": "+1234567890123456",
        "a country code of zero": "+0470123456",
        "a number": 32470123456,
    },
    "CountryCode": {"small letters": "be", "three letters": "BEL", "a name": "Belgium", "a line end": "BE\n"},
    "CurrencyCode": {"small letters": "eur", "a sign": "€", "one that does not exist": "ABC", "a number": 978},
    "LanguageCode": {
        "an underscore": "fr_BE",
        "capital letters": "FR",
        "a name": "French",
        "a small region": "fr-be",
        "a line end": "fr\n",
    },
    "TimeZone": {
        "an offset": "+01:00",
        "a city": "Brussels",
        "small letters": "europe/brussels",
        "one that does not exist": "Europe/Atlantis",
        "a path": "../../etc/passwd",
    },
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name}: {what}")
        for name, values in REFUSED.items()
        for what, value in {**values, "nothing": "", "a list": ["a"], "an object": {}}.items()
    ],
)
def test_what_a_scalar_cannot_be_is_refused_with_an_example_of_what_it_can(name: str, value: object) -> None:
    with pytest.raises(GraphQLError) as refused:
        parse(name, value)

    assert refused.value.message == SENTENCES[name]
    assert refused.value.extensions == {"code": "BAD_USER_INPUT"}


def test_every_scalar_has_its_tables() -> None:
    assert set(BY_NAME) == set(REFUSED) == {name for name, _, _ in ACCEPTED}


DECIMALS = {
    "12.5": "12.50",
    "12.50": "12.50",
    "12.5000": "12.50",
    "100": "100.00",
    "1E+3": "1000.00",
    "0": "0.00",
    "0.0079": "0.0079",
    "0.00790": "0.0079",
    "1E-7": "0.0000001",
    "-84.5": "-84.50",
    "99999999999999.9999": "99999999999999.9999",
}


@pytest.mark.parametrize(("value", "text"), DECIMALS.items())
def test_a_decimal_is_written_plainly_with_two_decimals_or_as_many_as_it_has(value: str, text: str) -> None:
    assert written("Decimal", Decimal(value)) == text


def test_a_moment_is_written_with_its_offset_and_a_date_without() -> None:
    assert written("DateTime", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)) == "2026-11-22T08:30:00+00:00"
    assert written("Date", date(2026, 11, 22)) == "2026-11-22"


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, text, _ in ACCEPTED if name not in ("DateTime", "Decimal")]
)
def test_every_other_scalar_is_written_as_it_was_read(name: str, text: str) -> None:
    assert written(name, parse(name, text)) == text
