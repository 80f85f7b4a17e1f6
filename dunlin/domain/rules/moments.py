"""At which moments reminders to one customer may leave, by every clock that may be the customer's."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, reduce
from zoneinfo import ZoneInfo

from dunlin.domain.rules.public_holidays import holiday_on
from dunlin.domain.rules.schedule import SendWindow, ends_at, starts_at

HORIZON = timedelta(days=31)  # who waits longer for the window waits for nothing: a person must look

_SHOWN = 4

Opening = tuple[datetime, datetime]  # from, until (exclusive), in UTC


@dataclass(frozen=True, slots=True)
class Hours:
    """When reminders to one customer may leave: the window is open by the clock of each of `zones`.

    It does not open on public holidays of the country `holidays_in` (ISO 3166-1 alpha-2); None: on those, too.
    """

    window: SendWindow
    zones: tuple[str, ...]  # IANA names
    holidays_in: str | None = None

    def opens_on(self, day: date) -> bool:
        is_free = self.holidays_in is None or holiday_on(day, self.holidays_in) is None
        return self.window.opens_on(day) and is_free


def next_moment(now: datetime, hours: Hours) -> datetime | None:
    """Return `now` if reminders may leave, else the next moment (UTC) at which they may.

    None if there is no such moment within `HORIZON`: the zones may have no hour of the window in common.
    """
    openings = _openings(hours, now.astimezone(UTC).date())
    place = bisect_right(openings, now, key=lambda opening: opening[1])
    if place == len(openings) or openings[place][0] > now + HORIZON:
        return None
    return max(now, openings[place][0])


def never_opens(hours: Hours) -> str:
    """Say why there is no next moment."""
    window = f"{hours.window.start} to {hours.window.end}"
    if len(hours.zones) == 1:
        return f"The send window, {window}, does not open in {hours.zones[0]} within {HORIZON.days} days."
    shown = ", ".join(hours.zones[:_SHOWN])
    others = f" and {len(hours.zones) - _SHOWN} more" if len(hours.zones) > _SHOWN else ""
    return (
        f"The customer may be in {shown}{others}, and the send window, {window}, is not open in all of these at once"
        f" within {HORIZON.days} days. Give the customer's time zone, or widen the window."
    )


@lru_cache(maxsize=4_096)  # a few kilobytes each; most customers of an organization share theirs
def _openings(hours: Hours, today: date) -> Sequence[Opening]:
    """Return when all clocks agree, from some hours before `today` (of UTC) until `HORIZON` after it."""
    days = [today + timedelta(days=offset) for offset in range(-1, HORIZON.days + 2)]
    open_days = [day for day in days if hours.opens_on(day)]
    return reduce(_common, (_openings_of(hours.window, ZoneInfo(zone), open_days) for zone in hours.zones))


def _openings_of(window: SendWindow, zone: ZoneInfo, days: Sequence[date]) -> list[Opening]:
    """Return the openings on local `days`; a window that a clock change skips as a whole does not open."""
    openings = [(starts_at(day, window, zone), ends_at(day, window, zone)) for day in days]
    return [(start, end) for start, end in openings if start < end]


def _common(some: Sequence[Opening], others: Sequence[Opening]) -> list[Opening]:
    return list(_intersect(some, others))


def _intersect(some: Sequence[Opening], others: Sequence[Opening]) -> Iterator[Opening]:
    """Yield what two lists of openings have in common. In each they are in order and do not overlap."""
    here, there = 0, 0
    while here < len(some) and there < len(others):
        start, end = max(some[here][0], others[there][0]), min(some[here][1], others[there][1])
        if start < end:
            yield start, end
        if some[here][1] <= others[there][1]:
            here += 1
        else:
            there += 1
