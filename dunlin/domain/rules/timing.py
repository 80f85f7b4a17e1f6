"""When a reminder goes: within its customer's hours, and not too soon after other reminders to the same customer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dunlin.domain.choices import Check, CheckOutcome
from dunlin.domain.rules.caps import Limits, allowed_from, keeps_cap, keeps_gap
from dunlin.domain.rules.finding import Finding, failed, held, passed
from dunlin.domain.rules.moments import Hours, never_opens, next_moment
from dunlin.domain.rules.public_holidays import holiday_on

FARTHEST = timedelta(days=366)  # what would have to wait longer is for a person


@dataclass(frozen=True, slots=True)
class Timing:
    """`moment` is when it goes; None if never, and then the last finding says why."""

    moment: datetime | None
    findings: tuple[Finding, ...]


def time_for(now: datetime, hours: Hours, limits: Limits, others: Sequence[datetime]) -> Timing:
    """Return the first moment from `now` on at which a reminder may go.

    `others` are sorted: when the customer is reminded otherwise, lately or ahead.
    """
    return _time_for(now, hours, limits, tuple(others))


@lru_cache(maxsize=256)  # of the many that are decided about at once, most have the same hours and no others
def _time_for(now: datetime, hours: Hours, limits: Limits, others: tuple[datetime, ...]) -> Timing:
    opening = next_moment(now, hours)
    if opening is None:
        return Timing(None, (failed(Check.WINDOW, never_opens(hours)),))
    findings = (*_findings_of_hours(now, hours), *_findings_of_limits(opening, limits, others))
    moment: datetime | None = opening
    while moment is not None and (allowed := allowed_from(moment, others, limits)) != moment:
        if allowed > now + FARTHEST:
            return Timing(None, (*findings, _too_many(limits)))
        moment = next_moment(allowed, hours)
    if moment is None:
        return Timing(None, (*findings, failed(Check.WINDOW, never_opens(hours))))
    return Timing(moment, findings)


def reason_to_wait(timing: Timing, hours: Hours) -> str | None:
    """Say in plain words why a reminder waits, and until when by the customer's clock; None if it does not wait."""
    reasons = [finding.sentence for finding in timing.findings if finding.outcome is CheckOutcome.HELD]
    if timing.moment is None or not reasons:
        return None
    return f"{' '.join(reasons)} It goes on {_clock(timing.moment, hours)}."


def _findings_of_hours(now: datetime, hours: Hours) -> Iterator[Finding]:
    without_holidays = replace(hours, holidays_in=None) if hours.holidays_in is not None else hours
    if next_moment(now, without_holidays) == now:
        yield passed(Check.WINDOW)
    else:
        window, zone = f"{hours.window.start} to {hours.window.end}", _closed_zone(now, without_holidays)
        yield held(Check.WINDOW, f"The send window, {window}, is closed now in {zone}.")
    if hours.holidays_in is None:
        return
    day, name = _holiday(now, hours, hours.holidays_in)
    if name is None:
        yield passed(Check.HOLIDAY)
    else:
        yield held(Check.HOLIDAY, f"{day} is a public holiday in {hours.holidays_in}: {name}.")


def _findings_of_limits(opening: datetime, limits: Limits, others: Sequence[datetime]) -> Iterator[Finding]:
    if limits.minimum_gap_hours > 0:
        rule = f"Reminders to a customer are at least {limits.minimum_gap_hours} hours apart"
        is_kept = keeps_gap(opening, others, limits)
        yield passed(Check.MINIMUM_GAP) if is_kept else held(Check.MINIMUM_GAP, f"{rule}, and another one is too near.")
    if limits.maximum_per_week > 0:
        rule = f"A customer gets at most {limits.maximum_per_week} reminders in 7 days"
        is_kept = keeps_cap(opening, others, limits)
        yield passed(Check.WEEKLY_MAXIMUM) if is_kept else held(Check.WEEKLY_MAXIMUM, f"{rule}, and these are used up.")


def _too_many(limits: Limits) -> Finding:
    check = Check.WEEKLY_MAXIMUM if limits.maximum_per_week > 0 else Check.MINIMUM_GAP
    return failed(check, "So many reminders to the customer lie ahead that this one would go in more than a year.")


def _closed_zone(now: datetime, hours: Hours) -> str:
    """Return the first zone in which the window is closed; the first of all if each is open by itself."""
    closed = (zone for zone in hours.zones if next_moment(now, replace(hours, zones=(zone,))) != now)
    return next(closed, hours.zones[0])


def _holiday(now: datetime, hours: Hours, country: str) -> tuple[date | None, str | None]:
    """Return the first local day that is a public holiday now, by any clock, with its name."""
    days = sorted({now.astimezone(ZoneInfo(zone)).date() for zone in hours.zones})
    named = ((day, name) for day in days if (name := holiday_on(day, country)) is not None)
    return next(named, (None, None))


def _clock(moment: datetime, hours: Hours) -> str:
    zone = hours.zones[0]
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d at %H:%M} ({zone})"
