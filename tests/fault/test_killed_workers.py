"""R1: workers are killed at random, at every stage of sending, and started again."""

import asyncio
import signal
from dataclasses import dataclass

from dunlin.sandbox.behaviour import Behaviour
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.control import is_caught
from tests.fault.crew import Crew
from tests.fault.order import Halt, Stage
from tests.fault.ring import Ring, Shared, a_ring


@dataclass(frozen=True, slots=True)
class Load:
    reminders: int
    kills: int
    within_s: float
    drained_within_s: float


QUICK = Load(reminders=40, kills=8, within_s=4, drained_within_s=40)
FULL = Load(reminders=600, kills=25, within_s=45, drained_within_s=60)

# A text is reported sent only after a lease has run out: until then nothing but the record says that it went.
CARRIER = Behaviour(answer_delay_s=0.08, sent_delay_s=4.5, delivered_delay_s=0.1)
SILENT = CARRIER.model_copy(update={"lose_callbacks_rate": 1})


class Fates:
    """Gives each worker that starts a stage to die at, that of the fewest deaths, until there were enough."""

    def __init__(self, ring: Ring, deaths: int) -> None:
        self._chance = ring.chance
        self._deaths = deaths

    def __call__(self, crew: Crew) -> Halt | None:
        if crew.halted.total() >= self._deaths and set(crew.halted) == set(Stage):
            return None
        deaths = crew.halted + crew.halting
        stage = min(Stage, key=lambda stage: (deaths[stage], self._chance.random()))
        return Halt(stage, self._chance.randint(1, 2), signal.SIGKILL)


async def run(ring: Ring, load: Load, *broken: str) -> Verdict:
    """Open cases while workers die: most by their fate at a stage, the others by a kill at any moment."""
    by_fate = load.kills * 2 // 3
    async with ring.api() as http, ring.workers(3, broken=broken, halts=Fates(ring, by_fate)) as crew:

        async def kill_now_and_then() -> None:
            kills = load.kills - by_fate
            for _ in range(kills):
                await asyncio.sleep(load.within_s / kills * ring.chance.uniform(0.5, 1))
                if (child := crew.any_one(ring.chance)) is not None:
                    child.kill()

        killing = asyncio.create_task(kill_now_and_then())
        await ring.open_some(http, load.reminders, within_s=load.within_s)
        await killing
        async with asyncio.timeout(load.within_s + 10):
            while set(crew.halted) != set(Stage):
                await ring.open_some(http, 3, within_s=0.5)
        return await ring.settle(load.drained_within_s)


async def test_workers_that_are_killed_lose_nothing_and_send_nothing_twice(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL if is_full else QUICK
    async with a_ring(shared, seed, behaviour=CARRIER, asks_faster=1 if is_full else 4) as ring:
        verdict = await run(ring, load)

    tell("R1", f"kill -9 x {load.kills}, at all stages", ring, verdict)
    verdict.assert_all_is_well()


async def test_the_gate_of_killed_workers_catches_sending_again_what_was_under_way(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async def shows(ring: Ring) -> bool:
        verdict = await run(ring, QUICK, "requeue-expired-sending")
        tell("R1-", "no reports, and expired SENDING goes again", ring, verdict)
        return bool(verdict.twice)

    assert await is_caught(shared, seed, shows, behaviour=SILENT)
