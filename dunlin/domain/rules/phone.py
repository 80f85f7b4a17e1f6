"""Phone numbers: parsed by libphonenumber's metadata, stored in E.164, shown masked."""

from functools import lru_cache

import phonenumbers


def normalize(number: str, country: str) -> str | None:
    """Return `number` in E.164, reading a national one as of `country` (ISO 3166-1 alpha-2).

    None if it cannot be a number, or lacks its area code. Only the length and the country code are
    checked, not whether the range is in use: a carrier knows better, and numbers reserved for testing
    must pass.
    """
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def mask(number: str) -> str:
    """Return `number` (E.164) with its country code and last two digits only: +32 *** ** 56."""
    try:
        code = phonenumbers.parse(number).country_code
    except phonenumbers.NumberParseException:
        return "***"
    return f"+{code} *** ** {number[-2:]}"


@lru_cache(maxsize=4_096)  # zones, holidays and prices ask in turn
def parsed(number: str) -> phonenumbers.PhoneNumber | None:
    """Return what libphonenumber makes of `number` (E.164), not to be changed; None if it is none."""
    try:
        return phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None


# Shared by countries whose prices differ much, so that the most likely one would be a guess.
_SHARED = frozenset({1, 7})


@lru_cache(maxsize=4_096)
def country_of(number: str) -> str | None:
    """Return the country (ISO 3166-1 alpha-2) that `number` (E.164) belongs to; None if that cannot be told.

    A number of a range that is not in use belongs to the main country of its calling code.
    """
    known = parsed(number)
    if known is None:
        return None
    country, code = phonenumbers.region_code_for_number(known), known.country_code
    if country is None and code is not None and code not in _SHARED:
        country = phonenumbers.region_code_for_country_code(code)
    return country if country is not None and country.isalpha() and country != "ZZ" else None
