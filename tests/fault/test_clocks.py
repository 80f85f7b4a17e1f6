"""R10: clocks. Those of the world change twice a year, those of hosts are wrong; each reminder goes once, in time."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from dunlin.domain.actions.sweep import LEFT_BEHIND
from dunlin.domain.choices import Weekday
from dunlin.domain.rules import moments, schedule
from dunlin.domain.rules.moments import Hours, next_moment
from dunlin.domain.rules.schedule import SendWindow, days_late, starts_at
from dunlin.sandbox.behaviour import Behaviour
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.control import is_caught
from tests.fault.crew import Crew, a_crew
from tests.fault.order import Order, Role
from tests.fault.ring import Ring, Shared, a_ring

# Two years with a leap day and two turns of the year. Lord Howe's clocks change by half an hour.
FIRST, LAST = date(2027, 7, 1), date(2029, 6, 30)
ZONES = ("Europe/Paris", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe")
# None begins or ends in the middle of an hour that comes twice: it is decided to be open from the first time on.
WINDOWS = ((time(9), time(18)), (time(0), time(1)), (time(1), time(4)), (time(23), time(23, 59)))

CARRIER = Behaviour(answer_delay_s=0.1, sent_delay_s=0.05, delivered_delay_s=0.1)
_HOUR_S = 3600.0
_WRONG = (0.0, _HOUR_S, -_HOUR_S, 24 * _HOUR_S, -24 * _HOUR_S)


def days() -> list[date]:
    return [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]


def is_open(moment: datetime, start: time, end: time, zone: str) -> bool:
    return start <= moment.astimezone(ZoneInfo(zone)).time() < end


def is_due_on(day: date, due: datetime, start: time, zone: ZoneInfo) -> bool:
    """Return whether it is due at the start of the window, or soon after where the clock skips that."""
    shown = datetime.combine(day, start)
    is_skipped = shown.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != shown
    late = due.astimezone(zone).replace(tzinfo=None) - shown
    return timedelta(0) <= late <= timedelta(hours=1) if is_skipped else late == timedelta(0)


def wrong_days(zone: str, start: time, end: time, chance: Random) -> list[tuple[date, str]]:
    """Plan a reminder for each day of two years, and look when it would go; return the days on which that is wrong."""
    window = SendWindow(f"{start:%H:%M}", f"{end:%H:%M}", frozenset(Weekday))
    hours = Hours(window, (zone,))
    wrong: list[tuple[date, str]] = []
    before: datetime | None = None
    for day in days():
        due = starts_at(day, window, ZoneInfo(zone))
        if before is not None and due <= before:
            wrong.append((day, "is due before the day before"))
        before = due
        looked_at = due + timedelta(seconds=chance.randrange(3600))
        goes = next_moment(looked_at, hours)
        if goes is None or goes < looked_at or not is_open(goes, start, end, zone):
            wrong.append((day, f"goes at {goes}"))
        elif days_late(due, goes, ZoneInfo(zone)) > 1:
            wrong.append((day, f"goes {goes}, long after its day"))
        if not is_due_on(day, due, start, ZoneInfo(zone)):
            wrong.append((day, f"is due at {due}"))
    return wrong


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: f"{window[0]:%H:%M} to {window[1]:%H:%M}")
@pytest.mark.parametrize("zone", ZONES)
def test_over_two_years_each_reminder_is_due_on_its_day_and_goes_within_its_hours(
    zone: str, window: tuple[time, time], seed: int
) -> None:
    assert wrong_days(zone, *window, Random(seed)) == []


def test_the_gate_of_clock_changes_catches_a_zone_that_is_taken_for_a_fixed_offset(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    def of_winter(day: date, window: SendWindow, zone: ZoneInfo) -> datetime:
        offset = datetime(2027, 1, 1, tzinfo=zone).utcoffset()
        assert offset is not None
        return datetime.combine(day, time.fromisoformat(window.start), UTC) - offset

    monkeypatch.setattr(schedule, "starts_at", of_winter)
    monkeypatch.setattr(moments, "starts_at", of_winter)
    monkeypatch.setattr(f"{__name__}.starts_at", of_winter)
    moments._openings.cache_clear()
    try:
        assert wrong_days("Europe/Paris", *WINDOWS[0], Random(seed))
    finally:
        moments._openings.cache_clear()


async def run(ring: Ring, load: int, *broken: str) -> tuple[Verdict, int]:
    """Return the verdict, and how many handings over were taken for a dead worker's although nothing was wrong."""
    clocks = iter(_WRONG)

    def order(_: Crew) -> Order:
        return ring.order(Role.WORKER, broken=broken, clock_ahead_s=next(clocks, 0.0))

    async with ring.api() as http, a_crew(ring.nursery, len(_WRONG), order):
        await ring.open_some(http, load, within_s=load / 20)
        verdict = await ring.settle(15)
        # And not because of an answer that was late, as it may be where the machine is busy.
        given_up = await ring.rows("SELECT 1 FROM delivery_event WHERE reason = $1", LEFT_BEHIND)
        return verdict, len(given_up)


async def test_workers_on_hosts_with_wrong_clocks_send_everything_once_and_respect_each_others_leases(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    async with a_ring(shared, seed, behaviour=CARRIER) as ring:
        verdict, given_up = await run(ring, 300 if is_full else 40)

    tell("R10", "hosts 1 h and 1 d fast and slow", ring, verdict)
    verdict.assert_all_is_well()
    assert given_up == 0


async def test_the_gate_of_wrong_clocks_catches_leases_by_the_clock_of_a_host(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async def shows(ring: Ring) -> bool:
        verdict, given_up = await run(ring, 40, "leases-by-a-fast-clock")
        tell("R10-", "leases by the clock of a host", ring, verdict)
        return bool(given_up)

    assert await is_caught(shared, seed, shows, behaviour=CARRIER)
