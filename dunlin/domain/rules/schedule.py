"""When steps are due and when a reminder may go out. Calendar dates are those of the organization's zone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from dunlin.domain.choices import Weekday

_MIDNIGHT = "24:00"
_WEEKDAYS = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class SendWindow:
    """Local hours in which reminders may leave: `start` to `end` (exclusive), "HH:MM", on `days`."""

    start: str
    end: str
    days: frozenset[Weekday]

    def opens_on(self, day: date) -> bool:
        return _WEEKDAYS[day.weekday()] in self.days


def step_dates(due_on: date, trigger_days: Iterable[int], today: date) -> list[date]:
    """Return the day of each step: the first counts from `due_on`, each later one from the one before.

    No step lies before `today`, and the later ones count from the day so moved: a case that is opened late
    gets its reminders one by one, not in a burst.
    """
    days = list(trigger_days)
    if not days:
        return []
    first = max(due_on + timedelta(days=days[0]), today)
    return list(accumulate(days[1:], lambda day, gap: day + timedelta(days=gap), initial=first))


def starts_at(day: date, window: SendWindow, zone: ZoneInfo) -> datetime:
    """Return the moment a step of `day` becomes due: the window's local start."""
    return datetime.combine(day, time.fromisoformat(window.start), zone).astimezone(UTC)


def ends_at(day: date, window: SendWindow, zone: ZoneInfo) -> datetime:
    """Return the moment at which the window of a local `day` closes, in UTC."""
    if window.end == _MIDNIGHT:
        return datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    return datetime.combine(day, time.fromisoformat(window.end), zone).astimezone(UTC)


def days_late(due_at: datetime, now: datetime, zone: ZoneInfo) -> int:
    """Return by how many local calendar days `now` is past `due_at`; never negative."""
    return max((now.astimezone(zone).date() - due_at.astimezone(zone).date()).days, 0)


def window_of(start: str, end: str, days: Sequence[str]) -> SendWindow:
    return SendWindow(start, end, frozenset(Weekday(day) for day in days))
