from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunlin.domain.choices import Weekday
from dunlin.domain.rules.moments import HORIZON, Hours, never_opens, next_moment
from dunlin.domain.rules.public_holidays import holiday_on
from dunlin.domain.rules.schedule import SendWindow

BRUSSELS = ZoneInfo("Europe/Brussels")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
EVERY_DAY = frozenset(Weekday)
WORKDAYS = EVERY_DAY - {Weekday.SATURDAY, Weekday.SUNDAY}
OFFICE_HOURS = SendWindow("08:00", "20:00", WORKDAYS)
ALL_DAY = SendWindow("00:00", "24:00", EVERY_DAY)


def next_opening(now: datetime, window: SendWindow, *zones: ZoneInfo) -> datetime:
    moment = next_moment(now, Hours(window, tuple(zone.key for zone in zones)))
    assert moment is not None
    return moment


def local(text: str, zone: ZoneInfo = BRUSSELS, *, second: bool = False) -> datetime:
    """Return the moment at which clocks of `zone` show `text`; of an hour that comes twice, the first or `second`."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=int(second)).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


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


def test_a_window_without_days_never_opens() -> None:
    assert next_moment(utc("2026-03-04T12:00"), Hours(SendWindow("08:00", "20:00", frozenset()), ("UTC",))) is None


NEW_YORK = ZoneInfo("America/New_York")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
PHOENIX = ZoneInfo("America/Phoenix")
DENVER = ZoneInfo("America/Denver")
GUAM = ZoneInfo("Pacific/Guam")
REG_F = SendWindow("08:00", "21:00", EVERY_DAY)
EARLY = SendWindow("08:00", "09:00", EVERY_DAY)
WHERE_IN_DOUBT = {
    # 12 CFR 1006.6(b): where the consumer's place is not certain, a time must be convenient in every possible one.
    "Reg F: 8:00 in New York is 5:00 in Los Angeles, so texts wait until 8:00 there": (
        (REG_F, (LOS_ANGELES, NEW_YORK)),
        (local("2026-03-04T08:00", NEW_YORK), local("2026-03-04T08:00", LOS_ANGELES)),
    ),
    "Reg F: 20:59 in New York is the last minute for both": (
        (REG_F, (LOS_ANGELES, NEW_YORK)),
        (local("2026-03-04T20:59", NEW_YORK), local("2026-03-04T20:59", NEW_YORK)),
    ),
    "Reg F: at 21:00 in New York texts wait, although it is only 18:00 in Los Angeles": (
        (REG_F, (LOS_ANGELES, NEW_YORK)),
        (local("2026-03-04T21:00", NEW_YORK), local("2026-03-05T08:00", LOS_ANGELES)),
    ),
    "Sunday evening in the one place is Monday morning in the other": (
        (SendWindow("00:00", "24:00", WORKDAYS), (GUAM, LOS_ANGELES)),
        (local("2026-03-07T12:00", LOS_ANGELES), local("2026-03-09T00:00", LOS_ANGELES)),
    ),
    "an hour that is common to both in winter only": (
        (EARLY, (DENVER, PHOENIX)),
        (local("2026-03-07T10:00", DENVER), None),
    ),
    "the same hour while it is still winter": (
        (EARLY, (DENVER, PHOENIX)),
        (local("2026-03-06T10:00", DENVER), local("2026-03-07T08:00", DENVER)),
    ),
    "the same hour, a month before it is common again": (
        (EARLY, (DENVER, PHOENIX)),
        (local("2026-10-02T08:00", PHOENIX), local("2026-11-01T08:00", PHOENIX)),
    ),
    "the same hour, longer before than anybody waits": (
        (EARLY, (DENVER, PHOENIX)),
        (local("2026-10-01T06:00", PHOENIX), None),
    ),
}


@pytest.mark.parametrize(("place", "moments"), WHERE_IN_DOUBT.values(), ids=WHERE_IN_DOUBT.keys())
def test_where_the_place_is_in_doubt_only_hours_count_that_are_fine_in_all(
    place: tuple[SendWindow, tuple[ZoneInfo, ...]], moments: tuple[datetime, datetime | None]
) -> None:
    window, zones = place
    now, expected = moments

    assert next_moment(now, Hours(window, tuple(zone.key for zone in zones))) == expected


def test_a_customer_without_a_common_hour_is_explained_with_what_to_do() -> None:
    window = SendWindow("08:00", "10:00", EVERY_DAY)

    assert never_opens(Hours(window, ("Asia/Tokyo", "Europe/Brussels"))) == (
        "The customer may be in Asia/Tokyo, Europe/Brussels, and the send window, 08:00 to 10:00, is not open in all of"
        " these at once within 31 days. Give the customer's time zone, or widen the window."
    )
    assert "Asia/Tokyo and 2 more," in never_opens(Hours(window, ("A", "B", "C", "Asia/Tokyo", "D", "E")))
    assert never_opens(Hours(window, ("UTC",))) == (
        "The send window, 08:00 to 10:00, does not open in UTC within 31 days."
    )


CHRISTMAS = {
    "Christmas Eve is open": (("Europe/Brussels",), "BE", "2026-12-24T12:00", "2026-12-24T12:00"),
    "Christmas Day is not, and the day after is in Belgium": (
        ("Europe/Brussels",),
        "BE",
        "2026-12-25T12:00",
        "2026-12-26T08:00",
    ),
    "nor is the day after in the Netherlands": (("Europe/Amsterdam",), "NL", "2026-12-25T12:00", "2026-12-27T08:00"),
    "nor the Monday that stands in for it in Britain": (
        ("Europe/London",),
        "GB",
        "2026-12-28T12:00",
        "2026-12-29T09:00",
    ),
    "who keeps no holidays free sends": (("Europe/Brussels",), None, "2026-12-25T12:00", "2026-12-25T12:00"),
    "a country of which no holidays are known has none": (
        ("Europe/Brussels",),
        "XX",
        "2026-12-25T12:00",
        "2026-12-25T12:00",
    ),
    "over the end of the year": (("Europe/Brussels",), "BE", "2026-12-31T20:00", "2027-01-02T08:00"),
    "a holiday in any of the zones is one": (
        ("Asia/Tokyo", "Europe/Brussels"),
        "BE",
        "2026-12-24T16:00",  # Christmas Day in Tokyo
        "2026-12-26T08:00",
    ),
}


@pytest.mark.parametrize(("zones", "country", "now", "expected"), CHRISTMAS.values(), ids=CHRISTMAS.keys())
def test_nothing_leaves_on_public_holidays(
    zones: tuple[str, ...], country: str | None, now: str, expected: str
) -> None:
    hours = Hours(SendWindow("08:00", "20:00", EVERY_DAY), zones, country)

    assert next_moment(local(now), hours) == local(expected)


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


sets_of_zones = st.lists(st.sampled_from([ZoneInfo(name) for name in ZONES]), min_size=2, max_size=4, unique=True)
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
@given(start=moments, window=any_windows(), places=sets_of_zones)
def test_a_moment_for_several_zones_is_the_first_that_suits_each_of_them(
    start: datetime, window: SendWindow, places: list[ZoneInfo]
) -> None:
    for now in week_from(start)[::13]:
        moment = next_moment(now, Hours(window, tuple(zone.key for zone in places)))

        if moment is None:
            assert first_by_search(now, window, places) is None
        else:
            assert all(next_opening(moment, window, zone) == moment for zone in places)
            assert first_by_search(now, window, places) == moment


def first_by_search(now: datetime, window: SendWindow, places: list[ZoneInfo]) -> datetime | None:
    """Ask each zone in turn for its next opening until all agree: slower than intersecting, and simpler."""
    moment = now
    while moment <= now + HORIZON:
        later = max(next_opening(moment, window, zone) for zone in places)
        if later == moment:
            return moment
        moment = later
    return None


two_years = settings(max_examples=40, derandomize=True, deadline=None, database=None)
countries = st.sampled_from([None, "BE", "US", "GB", "IN", "BR", "JP", "AU", "EG"])


@two_years
@given(start=st.dates(date(2024, 1, 1), date(2027, 1, 1)), window=day_windows(), zone=zones, country=countries)
def test_over_two_years_each_open_day_comes_exactly_once_and_no_other_day_comes(
    start: date, window: SendWindow, zone: ZoneInfo, country: str | None
) -> None:
    hours = Hours(window, (zone.key,), country)
    days = [start + timedelta(days=offset) for offset in range(731)]
    wanted = [day for day in days if window.opens_on(day) and (country is None or holiday_on(day, country) is None)]

    visited = list(walk(hours, zone, days[0], days[-1]))

    assert [moment.astimezone(zone).date() for moment in visited] == wanted
    for moment in visited:
        clock = moment.astimezone(zone).time()
        assert time.fromisoformat(window.start) <= clock
        assert window.end == "24:00" or clock < time.fromisoformat(window.end)


def walk(hours: Hours, zone: ZoneInfo, first: date, last: date) -> Iterator[datetime]:
    """Yield where a reminder that is due at the beginning of `first` leaves, then one due a day later, and so on."""
    now = datetime.combine(first, time.min, zone)
    while now.date() <= last:
        moment = next_moment(now, hours)
        if moment is None:  # weeks of closed days
            now += HORIZON
        elif moment.astimezone(zone).date() <= last:
            yield moment
            now = datetime.combine(moment.astimezone(zone).date() + timedelta(days=1), time.min, zone)
        else:
            return


@two_years
@given(start=moments, window=day_windows(), places=sets_of_zones, country=countries)
def test_by_no_clock_that_may_be_the_customers_a_reminder_leaves_at_a_wrong_time(
    start: datetime, window: SendWindow, places: list[ZoneInfo], country: str | None
) -> None:
    hours = Hours(window, tuple(zone.key for zone in places), country)
    for now in (start + timedelta(hours=61 * step) for step in range(100)):
        moment = next_moment(now, hours)
        if moment is None:
            continue
        assert now <= moment <= now + HORIZON
        for zone in places:
            clock = moment.astimezone(zone)
            assert window.opens_on(clock.date())
            assert country is None or holiday_on(clock.date(), country) is None
            assert time.fromisoformat(window.start) <= clock.time()
            assert window.end == "24:00" or clock.time() < time.fromisoformat(window.end)
