from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunlin.domain.choices import Weekday
from dunlin.domain.rules.schedule import SendWindow, days_late, next_opening, starts_at, step_dates, window_of

BRUSSELS = ZoneInfo("Europe/Brussels")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
EVERY_DAY = frozenset(Weekday)
WORKDAYS = EVERY_DAY - {Weekday.SATURDAY, Weekday.SUNDAY}
OFFICE_HOURS = SendWindow("08:00", "20:00", WORKDAYS)
ALL_DAY = SendWindow("00:00", "24:00", EVERY_DAY)

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


MONDAYS = SendWindow("09:00", "12:00", frozenset({Weekday.MONDAY}))
EVENING = SendWindow("18:00", "24:00", WORKDAYS)
# 4 March 2026 is a Wednesday.
OPENINGS = {
    "an open window lets a reminder go at once": (OFFICE_HOURS, "2026-03-04T12:34:56", "2026-03-04T12:34:56"),
    "a window is open at its start": (OFFICE_HOURS, "2026-03-04T08:00", "2026-03-04T08:00"),
    "before its start a window opens the same day": (OFFICE_HOURS, "2026-03-04T07:59:59", "2026-03-04T08:00"),
    "a window is closed at its end": (OFFICE_HOURS, "2026-03-04T20:00", "2026-03-05T08:00"),
    "a window is open until just before its end": (OFFICE_HOURS, "2026-03-04T19:59:59", "2026-03-04T19:59:59"),
    "after its end a window opens the next day": (OFFICE_HOURS, "2026-03-04T23:00", "2026-03-05T08:00"),
    "after Friday's end a window opens on Monday": (OFFICE_HOURS, "2026-03-06T20:00", "2026-03-09T08:00"),
    "a closed day is skipped": (OFFICE_HOURS, "2026-03-07T12:00", "2026-03-09T08:00"),
    "a week with one day: open on it": (MONDAYS, "2026-03-09T10:00", "2026-03-09T10:00"),
    "a week with one day: before its start": (MONDAYS, "2026-03-09T00:00", "2026-03-09T09:00"),
    "a week with one day: a week later when it has closed": (MONDAYS, "2026-03-09T12:00", "2026-03-16T09:00"),
    "a week with one day: the day after": (MONDAYS, "2026-03-10T10:00", "2026-03-16T09:00"),
    "an end of 24:00 includes the last second": (EVENING, "2026-03-04T23:59:59", "2026-03-04T23:59:59"),
    "an end of 24:00 excludes midnight": (EVENING, "2026-03-05T00:00", "2026-03-05T18:00"),
    "an end of 24:00 on Friday is the end of the week": (EVENING, "2026-03-07T00:00", "2026-03-09T18:00"),
    "a window of all day never waits": (ALL_DAY, "2026-03-07T00:00", "2026-03-07T00:00"),
    "over the end of a year": (MONDAYS, "2026-12-29T10:00", "2027-01-04T09:00"),
    "over the end of February": (MONDAYS, "2028-02-28T12:00", "2028-03-06T09:00"),
}


@pytest.mark.parametrize(("window", "now", "expected"), OPENINGS.values(), ids=OPENINGS.keys())
def test_a_reminder_leaves_at_the_next_moment_within_the_window(window: SendWindow, now: str, expected: str) -> None:
    assert next_opening(local(now), window, BRUSSELS) == local(expected)


def test_the_days_of_a_window_are_those_of_the_organization_and_not_of_utc() -> None:
    sunday_in_auckland = utc("2026-03-07T12:00")

    assert next_opening(sunday_in_auckland, OFFICE_HOURS, ZoneInfo("Pacific/Auckland")) == utc("2026-03-08T19:00")


NIGHT = SendWindow("02:00", "03:00", EVERY_DAY)
LATE_NIGHT = SendWindow("02:30", "04:00", EVERY_DAY)
SUNDAY_NIGHT = SendWindow("02:00", "03:00", frozenset({Weekday.SUNDAY}))
MORNING = SendWindow("08:00", "09:00", EVERY_DAY)
SKIPPED_START = utc("2026-03-29T01:30")
CLOCK_CHANGES = {
    "a window opens an hour earlier after the clocks went forward": (
        (MORNING, BRUSSELS),
        (utc("2026-03-28T12:00"), utc("2026-03-29T06:00")),
    ),
    "a window opens an hour later after the clocks went back": (
        (MORNING, BRUSSELS),
        (utc("2026-10-24T12:00"), utc("2026-10-25T07:00")),
    ),
    "a window whose start is skipped opens as much later": (
        (LATE_NIGHT, BRUSSELS),
        (local("2026-03-29T01:00"), SKIPPED_START),
    ),
    "a window whose start comes twice opens at the first": (
        (LATE_NIGHT, BRUSSELS),
        (local("2026-10-25T01:00"), local("2026-10-25T02:30")),
    ),
    "a window that is skipped as a whole stays closed that day": (
        (NIGHT, BRUSSELS),
        (local("2026-03-29T01:59"), local("2026-03-30T02:00")),
    ),
    "a week's only window that is skipped opens the week after": (
        (SUNDAY_NIGHT, BRUSSELS),
        (local("2026-03-23T12:00"), local("2026-04-05T02:00")),
    ),
    "a week's only window has closed and the next one is skipped": (
        (SUNDAY_NIGHT, BRUSSELS),
        (local("2026-03-22T12:00"), local("2026-04-05T02:00")),
    ),
    "an end that comes twice is the first": (
        (SendWindow("01:00", "02:30", EVERY_DAY), BRUSSELS),
        (local("2026-10-25T02:15", second=True), local("2026-10-26T01:00")),
    ),
    "a day that starts at one in the morning is open from then": (
        (ALL_DAY, SAO_PAULO),
        (utc("2018-11-04T03:00"), utc("2018-11-04T03:00")),
    ),
    "an end of 24:00 before such a day is that moment": (
        (SendWindow("18:00", "24:00", frozenset({Weekday.SATURDAY})), SAO_PAULO),
        (utc("2018-11-04T03:00"), utc("2018-11-10T20:00")),
    ),
    "an evening with an hour twice is open for both": (
        (SendWindow("18:00", "24:00", frozenset({Weekday.SATURDAY})), SAO_PAULO),
        (utc("2019-02-17T02:30"), utc("2019-02-17T02:30")),
    ),
    "half an hour is skipped on Lord Howe": (
        (SendWindow("02:00", "08:00", EVERY_DAY), LORD_HOWE),
        (utc("2026-10-03T15:00"), utc("2026-10-03T15:30")),
    ),
}


@pytest.mark.parametrize(("place", "moments"), CLOCK_CHANGES.values(), ids=CLOCK_CHANGES.keys())
def test_a_window_follows_the_local_clock_when_it_changes(
    place: tuple[SendWindow, ZoneInfo], moments: tuple[datetime, datetime]
) -> None:
    now, expected = moments

    assert next_opening(now, *place) == expected


def test_a_window_without_days_is_refused_rather_than_searched_forever() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        next_opening(local("2026-03-04T12:00"), SendWindow("08:00", "20:00", frozenset()), BRUSSELS)


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


ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Brussels",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Easter",
    "UTC",
]
QUARTERS = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45)]


@st.composite
def day_windows(draw: st.DrawFn) -> SendWindow:
    """Windows that begin or end at no hour which some zone skips or repeats; midnight is one that some do skip."""
    start = draw(st.sampled_from(["00:00", *(start for start in QUARTERS if "04:00" <= start <= "20:00")]))
    ends = [end for end in QUARTERS if max(start, "04:00") < end <= "21:45"]
    days = draw(st.frozensets(st.sampled_from(list(Weekday)), min_size=1))
    return SendWindow(start, draw(st.sampled_from([*ends, "24:00"])), days)


@st.composite
def any_windows(draw: st.DrawFn) -> SendWindow:
    start, end = sorted(draw(st.lists(st.sampled_from([*QUARTERS, "24:00"]), min_size=2, max_size=2, unique=True)))
    return SendWindow(start, end, draw(st.frozensets(st.sampled_from(list(Weekday)), min_size=1)))


moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from([ZoneInfo(name) for name in ZONES])
quick = settings(max_examples=50, derandomize=True, deadline=None, database=None)


def week_from(start: datetime) -> list[datetime]:
    """Return moments of the week after `start`, at every minute of the hour in turn."""
    return [start + timedelta(minutes=97 * step) for step in range(104)]


@quick
@given(start=moments, window=day_windows(), zone=zones)
def test_no_reminder_leaves_outside_the_window_by_the_local_clock_of_any_zone(
    start: datetime, window: SendWindow, zone: ZoneInfo
) -> None:
    for now in week_from(start):
        clock = next_opening(now, window, zone).astimezone(zone)

        assert window.opens_on(clock.date())
        assert time.fromisoformat(window.start) <= clock.time()
        assert window.end == "24:00" or clock.time() < time.fromisoformat(window.end)


@quick
@given(start=moments, window=any_windows(), zone=zones)
def test_a_reminder_waits_forward_only_and_may_go_when_its_moment_has_come(
    start: datetime, window: SendWindow, zone: ZoneInfo
) -> None:
    for now in week_from(start):
        opening = next_opening(now, window, zone)

        assert now <= opening <= now + timedelta(days=14)
        assert next_opening(opening, window, zone) == opening


@quick
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
