"""R2: workers are frozen for longer than their leases, and go on as if nothing had been."""

import asyncio
import signal
from dataclasses import dataclass

from dunlin.sandbox.behaviour import Behaviour
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.control import is_caught
from tests.fault.crew import Crew
from tests.fault.nursery import Child
from tests.fault.order import Halt, Stage
from tests.fault.ring import Ring, Shared, a_ring

_STAGES = (Stage.CLAIMED, Stage.MARKED, Stage.POSTED, Stage.ANSWERED)


@dataclass(frozen=True, slots=True)
class Load:
    reminders: int
    freezes: int
    within_s: float
    leases: float  # for which each freeze lasts
    stages: tuple[Stage, ...] = _STAGES


QUICK = Load(reminders=30, freezes=4, within_s=2, leases=1.3)
FULL = Load(reminders=200, freezes=10, within_s=30, leases=2)
# Until it is proven that the carrier does not have what was marked, and it has gone again.
CONTROL = Load(reminders=30, freezes=4, within_s=2, leases=4, stages=(Stage.MARKED,))

CARRIER = Behaviour(answer_delay_s=0.05)


class Freezes:
    """Has each worker that starts freeze itself at a stage, in turn; and thaws it some leases later."""

    def __init__(self, ring: Ring, load: Load) -> None:
        self._ring = ring
        self._left = load.freezes
        self._stages = load.stages
        self.lasts_s = load.leases * ring.times.lease.total_seconds()
        self.thawed = 0

    def __call__(self, _: Crew) -> Halt | None:
        if self._left == 0:
            return None
        self._left -= 1
        return Halt(self._stages[self._left % len(self._stages)], self._ring.chance.randint(1, 2), signal.SIGSTOP)

    async def watch(self, crew: Crew) -> None:
        """Thaw whoever freezes, and have it end in its own time, so that the next one starts."""
        thawing: dict[int, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for child in crew.children:
                    if child.stopped.is_set() and child.pid not in thawing:
                        thawing[child.pid] = group.create_task(self._thaw(child))
                await asyncio.sleep(0.02)

    async def _thaw(self, child: Child) -> None:
        await asyncio.sleep(self.lasts_s)
        child.resume()
        self.thawed += 1
        await asyncio.sleep(0.5)  # it was in the middle of something
        child.send(signal.SIGTERM)


async def run(ring: Ring, load: Load, *broken: str) -> tuple[Verdict, list[str]]:
    """Return the verdict, and the numbers of texts that left too long after they were marked."""
    freezes = Freezes(ring, load)
    async with ring.api() as http, ring.workers(min(load.freezes, 4) + 1, broken=broken, halts=freezes) as crew:
        watching = asyncio.create_task(freezes.watch(crew))
        await ring.open_some(http, load.reminders, within_s=load.within_s, batch=2)
        async with asyncio.timeout(load.within_s * 3 + 20 + freezes.lasts_s):
            while freezes.thawed < load.freezes:
                await ring.open_some(http, 2, within_s=0.5)
        verdict = await ring.settle(40)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return verdict, await _begun_too_late(ring)


async def _begun_too_late(ring: Ring) -> list[str]:
    began = await ring.rows(
        "SELECT provider_message_id AS sid, extract(epoch FROM began_at)::float8 AS at FROM send_attempt"
    )
    accepted = {one.sid: one for one in ring.ledger.accepted()}
    latest_s = (ring.times.start_window + ring.times.answer).total_seconds()
    return [
        accepted[row["sid"]].number
        for row in began
        if row["sid"] in accepted and accepted[row["sid"]].at - row["at"] > latest_s
    ]


async def test_workers_that_freeze_and_go_on_send_nothing_twice_and_nothing_late(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL if is_full else QUICK
    async with a_ring(shared, seed, behaviour=CARRIER) as ring:
        verdict, late = await run(ring, load)

    tell("R2", f"SIGSTOP for {load.leases} leases x {load.freezes}", ring, verdict)
    verdict.assert_all_is_well()
    assert not late


async def test_the_gate_of_frozen_workers_catches_marks_without_a_fence_and_calls_without_a_window(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async def shows(ring: Ring) -> bool:
        verdict, late = await run(ring, CONTROL, "mark-without-fence", "no-start-window")
        tell("R2-", "the same, without fence and window", ring, verdict)
        return bool(verdict.twice and late)

    assert await is_caught(shared, seed, shows, behaviour=CARRIER)
