"""The public holidays of a country: those of all of it, with the days off that stand in for them."""

import warnings
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import holidays

_SUPPORTED = frozenset(holidays.list_supported_countries(include_aliases=False))


def holiday_on(day: date, country: str) -> str | None:
    """Return the name, in English where there is one, of the public holiday of `country` (ISO 3166-1 alpha-2) on `day`.

    None if there is none, or none is known: no calendar knows every country, nor every year.
    """
    return _holidays(country, day.year).get(day)


@lru_cache(maxsize=512)  # a few kilobytes each
def _holidays(country: str, year: int) -> Mapping[date, str]:
    if country not in _SUPPORTED:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some holidays are not known for years far ahead
        return dict(holidays.country_holidays(country, years=year, expand=False, language="en_US"))
