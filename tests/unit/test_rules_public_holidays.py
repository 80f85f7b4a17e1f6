from datetime import date, timedelta

import holidays
import pytest

from dunlin.domain.rules.public_holidays import holiday_on

DAYS = {
    "Belgium's national day": ("2026-07-21", "BE", "National Day"),
    "a day like any other": ("2026-07-22", "BE", None),
    "Easter Monday moves": ("2027-03-29", "BE", "Easter Monday"),
    "the Monday that stands in for a holiday at the weekend": ("2026-12-28", "GB", "Boxing Day (observed)"),
    "a holiday of one land only does not count": ("2026-11-01", "DE", None),
    "a country that nobody knows": ("2026-12-25", "XX", None),
    "a year of which nobody knows": ("9998-08-20", "IN", None),
}


@pytest.mark.parametrize(("day", "country", "name"), DAYS.values(), ids=DAYS.keys())
def test_a_day_has_the_name_of_its_public_holiday(day: str, country: str, name: str | None) -> None:
    assert holiday_on(date.fromisoformat(day), country) == name


@pytest.mark.parametrize("country", sorted(holidays.list_supported_countries(include_aliases=False)))
def test_every_country_answers_for_years_ahead_and_leaves_days_to_work(country: str) -> None:
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(5 * 365)]

    assert sum(holiday_on(day, country) is not None for day in days) < 5 * 60
