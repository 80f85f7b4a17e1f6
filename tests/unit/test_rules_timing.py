from datetime import UTC, datetime, timedelta

import pytest

from dunlin.domain.choices import Check, CheckOutcome, Weekday
from dunlin.domain.rules.caps import NO_LIMITS, Limits
from dunlin.domain.rules.moments import Hours
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.rules.timing import FARTHEST, reason_to_wait, time_for

HOURS = Hours(SendWindow("08:00", "20:00", frozenset(Weekday)), ("Europe/Brussels",), "BE")
LIMITS = Limits(minimum_gap_hours=24, maximum_per_week=2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


NOON = at("2026-03-04T12:00+01:00")
EVENING = at("2026-03-04T21:00+01:00")
CHRISTMAS = at("2026-12-25T12:00+01:00")

WAITING = {
    "nothing stands in the way": (NOON, [], NOON, None),
    "the window is closed": (
        EVENING,
        [],
        at("2026-03-05T08:00+01:00"),
        "The send window, 08:00 to 20:00, is closed now in Europe/Brussels. "
        "It goes on 2026-03-05 at 08:00 (Europe/Brussels).",
    ),
    "it is a holiday": (
        CHRISTMAS,
        [],
        at("2026-12-26T08:00+01:00"),
        "2026-12-25 is a public holiday in BE: Christmas Day. It goes on 2026-12-26 at 08:00 (Europe/Brussels).",
    ),
    "another one is too near": (
        NOON,
        [NOON - HOUR],
        NOON + 23 * HOUR,
        "Reminders to a customer are at least 24 hours apart, and another one is too near. "
        "It goes on 2026-03-05 at 11:00 (Europe/Brussels).",
    ),
    "the week is used up, and then the window is closed": (
        NOON,
        [NOON - 6 * DAY + 9 * HOUR, NOON - 2 * DAY],
        at("2026-03-06T08:00+01:00"),
        "A customer gets at most 2 reminders in 7 days, and these are used up. "
        "It goes on 2026-03-06 at 08:00 (Europe/Brussels).",
    ),
    "a closed window and one that is too near when it opens": (
        EVENING,
        [NOON],
        NOON + DAY,
        "The send window, 08:00 to 20:00, is closed now in Europe/Brussels. "
        "Reminders to a customer are at least 24 hours apart, and another one is too near. "
        "It goes on 2026-03-05 at 12:00 (Europe/Brussels).",
    ),
}


@pytest.mark.parametrize(("now", "others", "moment", "reason"), WAITING.values(), ids=WAITING.keys())
def test_a_reminder_says_why_it_waits_and_until_when(
    now: datetime, others: list[datetime], moment: datetime, reason: str | None
) -> None:
    timing = time_for(now, HOURS, LIMITS, others)

    assert timing.moment == moment
    assert reason_to_wait(timing, HOURS) == reason


def test_only_what_an_organization_wants_is_checked() -> None:
    hours = Hours(HOURS.window, HOURS.zones)

    checks = [finding.check for finding in time_for(NOON, hours, NO_LIMITS, []).findings]
    all_checks = [finding.check for finding in time_for(NOON, HOURS, LIMITS, []).findings]

    assert checks == [Check.WINDOW]
    assert all_checks == [Check.WINDOW, Check.HOLIDAY, Check.MINIMUM_GAP, Check.WEEKLY_MAXIMUM]


def test_of_several_zones_the_one_whose_window_is_closed_is_named() -> None:
    hours = Hours(HOURS.window, ("America/Los_Angeles", "Europe/Brussels"))

    reason = reason_to_wait(time_for(EVENING - 2 * HOUR, hours, NO_LIMITS, []), hours)
    early = reason_to_wait(time_for(NOON, hours, NO_LIMITS, []), hours)

    assert reason is None  # 10:00 in Los Angeles, 19:00 in Brussels
    assert early == (
        "The send window, 08:00 to 20:00, is closed now in America/Los_Angeles. "
        "It goes on 2026-03-04 at 08:00 (America/Los_Angeles)."
    )


def test_who_would_wait_for_more_than_a_year_does_not_wait() -> None:
    weekly = [NOON + week * 7 * DAY for week in range(53)]

    timing = time_for(NOON, HOURS, Limits(maximum_per_week=1), weekly)
    nearly = time_for(NOON, HOURS, Limits(maximum_per_week=1), weekly[:52])

    assert timing.moment is None
    assert (timing.findings[-1].check, timing.findings[-1].outcome) == (Check.WEEKLY_MAXIMUM, CheckOutcome.FAILED)
    assert nearly.moment is not None
    assert nearly.moment - NOON <= FARTHEST
