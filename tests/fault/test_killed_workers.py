"""R1: workers are killed at random, at every stage of sending, and started again."""

import asyncio
import signal
from dataclasses import dataclass

import pytest_asyncio

from dunlin.sandbox.behaviour import Behaviour
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.crew import Crew
from tests.fault.order import Halt, Stage
from tests.fault.ring import Ring, Shared, a_ring


@dataclass(frozen=True, slots=True)
class Load:
    reminders: int
    kills: int
    within_s: float
    drained_within_s: float


QUICK = Load(reminders=40, kills=8, within_s=4, drained_within_s=15)
FULL = Load(reminders=600, kills=25, within_s=45, drained_within_s=60)

# A text is reported sent only after a lease has run out: until then nothing but the record says that it went.
CARRIER = Behaviour(answer_delay_s=0.08, sent_delay_s=4.5, delivered_delay_s=0.1)


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


@dataclass(frozen=True, slots=True)
class Outcome:
    load: Load
    ring: Ring
    verdict: Verdict


async def outcome(shared: Shared, seed: int, load: Load, asks_faster: float, *broken: str) -> Outcome:
    async with a_ring(shared, seed, behaviour=CARRIER, asks_faster=asks_faster) as ring:
        return Outcome(load, ring, await run(ring, load, *broken))


@pytest_asyncio.fixture(scope="module")
async def outcomes(shared: Shared, seed: int, is_full: bool) -> tuple[Outcome, Outcome]:
    """The gate and its control, at the same time: both wait for leases more than they work."""
    async with asyncio.TaskGroup() as group:
        gate = group.create_task(outcome(shared, seed, *((FULL, 1) if is_full else (QUICK, 4))))
        control = group.create_task(outcome(shared, seed, QUICK, 4, "requeue-expired-sending"))
    return gate.result(), control.result()


async def test_workers_that_are_killed_lose_nothing_and_send_nothing_twice(
    outcomes: tuple[Outcome, Outcome], tell: Tell
) -> None:
    gate, _ = outcomes
    tell("R1", f"kill -9 x {gate.load.kills}, at all stages", gate.ring, gate.verdict)
    gate.verdict.assert_all_is_well()


async def test_the_gate_of_killed_workers_catches_sending_again_what_was_under_way(
    outcomes: tuple[Outcome, Outcome], tell: Tell
) -> None:
    _, control = outcomes
    tell("R1-", "the same, and expired SENDING goes again", control.ring, control.verdict)
    assert control.verdict.twice
