from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunlin.domain.rules.caps import MAX_GAP_HOURS, MAX_PER_WEEK, WEEK, Limits, allowed_from

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GAP = Limits(minimum_gap_hours=24)
CAP = Limits(maximum_per_week=2)
BOTH = Limits(24, 2)

TABLE = {
    "nobody has been reminded yet": (BOTH, [], 0 * HOUR),
    "without limits nothing waits": (Limits(), [0 * HOUR, 0 * HOUR, 0 * HOUR], 0 * HOUR),
    "a gap waits until it is over": (GAP, [-HOUR], 23 * HOUR),
    "a gap that is just over is enough": (GAP, [-DAY], 0 * HOUR),
    "a gap counts from the latest": (GAP, [-3 * DAY, -2 * HOUR], 22 * HOUR),
    "a gap is kept to what is planned, too": (GAP, [2 * HOUR], 26 * HOUR),
    "between two that are planned there is room": (GAP, [-HOUR, 48 * HOUR], 23 * HOUR),
    "between two that are planned there is none": (GAP, [-HOUR, 46 * HOUR], 70 * HOUR),
    "a cap waits until the first is a week ago": (CAP, [-3 * DAY, -1 * DAY], 4 * DAY),
    "a week ago does not count": (CAP, [-WEEK, -1 * DAY], 0 * HOUR),
    "one less than the cap is enough": (CAP, [-3 * DAY], 0 * HOUR),
    "a cap holds for any seven days, those ahead too": (CAP, [-3 * DAY, 3 * DAY], 4 * DAY),
    "a cap of one is a gap of a week": (Limits(0, 1), [-1 * DAY], 6 * DAY),
    "two planned ahead fill their week": (CAP, [1 * DAY, 2 * DAY], 8 * DAY),
    "the later of gap and cap counts": (BOTH, [-7 * DAY + HOUR, -HOUR], 23 * HOUR),
    "several at the same moment count as several": (CAP, [-1 * DAY, -1 * DAY, -1 * DAY], 6 * DAY),
}


@pytest.mark.parametrize(("limits", "others", "wait"), TABLE.values(), ids=TABLE.keys())
def test_a_reminder_waits_for_its_turn(limits: Limits, others: list[timedelta], wait: timedelta) -> None:
    assert allowed_from(NOON, [NOON + other for other in others], limits) == NOON + wait


limits = st.builds(
    Limits, st.sampled_from([0, 1, 24, MAX_GAP_HOURS]), st.sampled_from([0, 1, 2, 3, MAX_PER_WEEK])
)  # fmt: skip


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(limits, st.lists(st.integers(-10 * 24, 20 * 24), max_size=12))
def test_whoever_asks_one_after_the_other_keeps_every_limit(limits: Limits, asked: list[int]) -> None:
    given: list[datetime] = []
    for hours in asked:
        wanted = NOON + hours * HOUR
        moment = allowed_from(wanted, sorted(given), limits)
        assert moment >= wanted
        given.append(moment)

    given.sort()
    for first, second in pairwise(given):
        assert second - first >= limits.minimum_gap
    if limits.maximum_per_week:
        for moment in given:
            assert sum(moment <= other < moment + WEEK for other in given) <= limits.maximum_per_week


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(limits, st.lists(st.integers(-10 * 24, 10 * 24), max_size=6))
def test_nobody_waits_longer_than_needed(limits: Limits, others: list[int]) -> None:
    there = sorted(NOON + hours * HOUR for hours in others)

    moment = allowed_from(NOON, there, limits)

    earlier = (NOON + hours * HOUR for hours in range(int((moment - NOON) / HOUR)))
    assert all(allowed_from(one, there, limits) != one for one in earlier)
