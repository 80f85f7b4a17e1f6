from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunlin.domain.choices import Weekday
from dunlin.domain.rules.schedule import SendWindow, days_late, starts_at, step_dates, window_of

BRUSSELS = ZoneInfo("Europe/Brussels")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
EVERY_DAY = frozenset(Weekday)

TODAY = date(2026, 3, 4)


def local(text: str, zone: ZoneInfo = BRUSSELS, *, second: bool = False) -> datetime:
    """Return the moment at which clocks of `zone` show `text`; of an hour that comes twice, the first or `second`."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=int(second)).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


STEP_DATES = {
    "a case opened in time counts from its due date": (date(2026, 3, 10), [7, 14, 5], ["03-17", "03-31", "04-05"]),
    "a first step of zero days is due on the due date": (date(2026, 3, 10), [0, 7], ["03-10", "03-17"]),
    "a first step that is due today stays today": (date(2026, 2, 25), [7, 7], ["03-04", "03-11"]),
    "a case opened late starts today and keeps its gaps": (date(2025, 6, 1), [7, 14, 5], ["03-04", "03-18", "03-23"]),
    "a case opened a day late moves by that day": (date(2026, 2, 24), [7, 7], ["03-04", "03-11"]),
    "steps without a gap share their day": (date(2026, 3, 10), [0, 0, 1], ["03-10", "03-10", "03-11"]),
    "a cycle without steps has no days": (date(2026, 3, 10), [], []),
}


@pytest.mark.parametrize(("due_on", "days", "expected"), STEP_DATES.values(), ids=STEP_DATES.keys())
def test_steps_fall_on_their_days_but_never_before_today(due_on: date, days: list[int], expected: list[str]) -> None:
    assert step_dates(due_on, days, TODAY) == [date.fromisoformat(f"2026-{day}") for day in expected]


def test_days_are_counted_over_a_leap_day() -> None:
    assert step_dates(date(2028, 2, 22), [7, 1], date(2028, 1, 1)) == [date(2028, 2, 29), date(2028, 3, 1)]


def test_a_common_year_has_no_leap_day_to_count() -> None:
    assert step_dates(date(2026, 2, 22), [7, 1], date(2026, 1, 1)) == [date(2026, 3, 1), date(2026, 3, 2)]


def test_days_are_counted_over_the_end_of_a_year() -> None:
    assert step_dates(date(2026, 12, 20), [10, 7], date(2026, 12, 1)) == [date(2026, 12, 30), date(2027, 1, 6)]


STARTS = {
    "Brussels in winter": ("2026-01-15", "08:00", BRUSSELS, "2026-01-15T07:00"),
    "Brussels in summer": ("2026-07-15", "08:00", BRUSSELS, "2026-07-15T06:00"),
    "Brussels at midnight before its clocks go forward": ("2026-03-29", "00:00", BRUSSELS, "2026-03-28T23:00"),
    "Brussels at 02:30 on the day that has none": ("2026-03-29", "02:30", BRUSSELS, "2026-03-29T01:30"),
    "Brussels at 02:30 on the day that has two, the first": ("2026-10-25", "02:30", BRUSSELS, "2026-10-25T00:30"),
    "Brussels the day after": ("2026-10-26", "02:30", BRUSSELS, "2026-10-26T01:30"),
    "Sao Paulo at midnight on the day that has none": ("2018-11-04", "00:00", SAO_PAULO, "2018-11-04T03:00"),
    "Sao Paulo at 02:30 on that day": ("2018-11-04", "02:30", SAO_PAULO, "2018-11-04T04:30"),
    "Sao Paulo at midnight after the hour that came twice": ("2019-02-17", "00:00", SAO_PAULO, "2019-02-17T03:00"),
    "Sao Paulo today, without summer time": ("2026-11-04", "00:00", SAO_PAULO, "2026-11-04T03:00"),
    "Lord Howe at midnight before half an hour is skipped": ("2026-10-04", "00:00", LORD_HOWE, "2026-10-03T13:30"),
    "Lord Howe at 02:30, when that half hour is over": ("2026-10-04", "02:30", LORD_HOWE, "2026-10-03T15:30"),
    "Lord Howe at 02:15, within that half hour": ("2026-10-04", "02:15", LORD_HOWE, "2026-10-03T15:45"),
    "Lord Howe at 01:45, which comes twice, the first": ("2026-04-05", "01:45", LORD_HOWE, "2026-04-04T14:45"),
    "Lord Howe at 02:30 on that day": ("2026-04-05", "02:30", LORD_HOWE, "2026-04-04T16:00"),
}


@pytest.mark.parametrize(("day", "start", "zone", "expected"), STARTS.values(), ids=STARTS.keys())
def test_a_step_is_due_at_the_local_start_of_the_window(day: str, start: str, zone: ZoneInfo, expected: str) -> None:
    moment = starts_at(date.fromisoformat(day), SendWindow(start, "24:00", EVERY_DAY), zone)

    assert moment == utc(expected)
    assert moment.utcoffset() == timedelta(0)


LATE = {
    "a step that is due today is not late": ("2026-03-04T08:00", "2026-03-04T23:59", 0),
    "a step is a day late after midnight": ("2026-03-04T23:59", "2026-03-05T00:00", 1),
    "a step is late by calendar days, not by 24 hours": ("2026-03-04T20:00", "2026-03-06T08:00", 2),
    "a step that is still ahead is not late": ("2026-03-06T08:00", "2026-03-04T08:00", 0),
    "a day of 23 hours is one day": ("2026-03-29T00:00", "2026-03-30T00:00", 1),
    "a day of 25 hours is one day": ("2026-10-25T00:00", "2026-10-25T23:59", 0),
    "days are counted over the end of a year": ("2026-12-30T08:00", "2027-01-02T08:00", 3),
}


@pytest.mark.parametrize(("due_at", "now", "days"), LATE.values(), ids=LATE.keys())
def test_lateness_is_counted_in_the_organization_s_calendar_days(due_at: str, now: str, days: int) -> None:
    assert days_late(local(due_at), local(now), BRUSSELS) == days


def test_the_same_moments_are_more_days_apart_where_midnight_lies_between() -> None:
    due_at, now = utc("2026-03-04T22:30"), utc("2026-03-04T23:30")

    assert days_late(due_at, now, BRUSSELS) == 1
    assert days_late(due_at, now, ZoneInfo("UTC")) == 0


def test_a_stored_window_is_read_back() -> None:
    assert window_of("08:00", "20:00", ["MONDAY", "FRIDAY"]) == SendWindow(
        "08:00", "20:00", frozenset({Weekday.MONDAY, Weekday.FRIDAY})
    )


@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(
    due_on=st.dates(date(2024, 1, 1), date(2028, 12, 31)),
    days=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    late=st.integers(-100, 400),
)
def test_steps_keep_their_gaps_however_late_a_case_is_opened(due_on: date, days: list[int], late: int) -> None:
    today = due_on + timedelta(days=late)

    dates = step_dates(due_on, days, today)

    assert dates[0] >= today
    assert [(later - earlier).days for earlier, later in pairwise(dates)] == days[1:]
