"""How often one customer is reminded: a gap between two reminders, and a most number of them in any seven days."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WEEK = timedelta(days=7)
MAX_GAP_HOURS = 7 * 24
MAX_PER_WEEK = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """Zero is no limit. The gap is at most `WEEK`."""

    minimum_gap_hours: int = 0
    maximum_per_week: int = 0

    @property
    def are_set(self) -> bool:
        return self.minimum_gap_hours > 0 or self.maximum_per_week > 0

    @property
    def minimum_gap(self) -> timedelta:
        return timedelta(hours=self.minimum_gap_hours)


NO_LIMITS = Limits()
# A day between two, so that nobody gets two on one day; three a week lets a customer with several open cases go through
# them without being texted daily.
FIRST_LIMITS = Limits(minimum_gap_hours=24, maximum_per_week=3)


def allowed_from(moment: datetime, others: Sequence[datetime], limits: Limits) -> datetime:
    """Return `moment`, or the first one after it, that keeps the limits towards all `others`, past and ahead.

    `others` are sorted: when the customer is reminded otherwise. Exactly the gap apart, or exactly a week, is enough.
    """
    if keeps_gap(moment, others, limits) and keeps_cap(moment, others, limits):
        return moment
    ends = {other + wait for other in set(others) for wait in (limits.minimum_gap, WEEK)}
    return next(
        end
        for end in sorted(end for end in ends if end > moment)
        if keeps_gap(end, others, limits) and keeps_cap(end, others, limits)
    )


def keeps_gap(moment: datetime, others: Sequence[datetime], limits: Limits) -> bool:
    place = bisect_right(others, moment)
    return all(abs(moment - other) >= limits.minimum_gap for other in others[max(place - 1, 0) : place + 1])


def keeps_cap(moment: datetime, others: Sequence[datetime], limits: Limits) -> bool:
    """Return whether no seven days have more reminders than they may, with one at `moment`."""
    most = limits.maximum_per_week
    if most == 0:
        return True
    place = bisect_right(others, moment)
    near = [*others[max(place - most, 0) : place], moment, *others[place : place + most]]
    return all(last - first >= WEEK for first, last in zip(near, near[most:], strict=False))
