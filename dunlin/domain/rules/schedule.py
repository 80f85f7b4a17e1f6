"""When steps are due and when a reminder may go out. Calendar dates are those of the organization's zone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
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
    return datetime.combine(day, time.fromisoformat(window.start), zone).astimezone(ZoneInfo("UTC"))


def next_opening(now: datetime, window: SendWindow, zone: ZoneInfo) -> datetime:
    """Return `now` if the window is open, else the next moment at which it opens (UTC)."""
    today = now.astimezone(zone).date()
    for offset in range(15):  # a week for a window that has closed already, another for one that a clock change skips
        day = today + timedelta(days=offset)
        opening = max(now, starts_at(day, window, zone))
        if window.opens_on(day) and opening < _ends_at(day, window, zone):
            return opening
    raise ValueError("a send window needs at least one day")


def days_late(due_at: datetime, now: datetime, zone: ZoneInfo) -> int:
    """Return by how many local calendar days `now` is past `due_at`; never negative."""
    return max((now.astimezone(zone).date() - due_at.astimezone(zone).date()).days, 0)


def _ends_at(day: date, window: SendWindow, zone: ZoneInfo) -> datetime:
    if window.end == _MIDNIGHT:
        return datetime.combine(day + timedelta(days=1), time.min, zone)
    return datetime.combine(day, time.fromisoformat(window.end), zone)


def window_of(start: str, end: str, days: Sequence[str]) -> SendWindow:
    return SendWindow(start, end, frozenset(Weekday(day) for day in days))
