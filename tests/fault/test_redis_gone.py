"""R6: Redis dies, forgets everything, and stays away. It only rings: nothing may depend on it."""

import asyncio
from dataclasses import dataclass

import httpx

from dunlin.sandbox.behaviour import Behaviour
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.ring import Ring, Shared, a_ring
from tests.fault.watcher import Watcher, watching


@dataclass(frozen=True, slots=True)
class Load:
    """`while_down` reminders come due while Redis is away, as many before; `others` between its deaths and lapses."""

    while_down: int
    others: int
    times: int
    down_s: float


QUICK = Load(while_down=20, others=20, times=2, down_s=1.5)
FULL = Load(while_down=500, others=500, times=5, down_s=30)

CARRIER = Behaviour(answer_delay_s=0.02, sent_delay_s=0.05, delivered_delay_s=0.1)
_WAITING_S = 1.0  # what a batch of a worker may spend on asking for a pace, and on listening again


async def stay_away(ring: Ring, http: httpx.AsyncClient, load: Load) -> tuple[float, float]:
    """Open cases with Redis and without; return the longest times until a text was accepted, in seconds."""
    with_redis_s = await _longest(ring, http, load)
    ring.valkey.kill()
    without_s = await _longest(ring, http, load)
    ring.valkey.start()
    return with_redis_s, without_s


async def _longest(ring: Ring, http: httpx.AsyncClient, load: Load) -> float:
    await ring.open_some(http, load.while_down, within_s=load.down_s)
    return (await ring.settle(10)).longest_s


async def come_and_go(ring: Ring, http: httpx.AsyncClient, load: Load) -> None:
    opening = asyncio.create_task(ring.open_some(http, load.others, within_s=load.times * 1.2))
    for _ in range(load.times):
        await asyncio.sleep(ring.chance.uniform(0.3, 0.6))
        ring.valkey.kill()
        ring.valkey.start()
        await asyncio.sleep(ring.chance.uniform(0.3, 0.6))
        ring.valkey.forget_everything()
    await opening


async def has_seen_all(ring: Ring, watcher: Watcher, organization: int) -> bool:
    """Return whether the watcher gets all events of its organization, each once and in order, before long."""
    stored = await ring.rows(
        'SELECT e.sequence, r."to", e.status FROM delivery_event e JOIN reminder r ON r.id = e.reminder_id'
        " WHERE e.organization_id = $1 ORDER BY e.sequence",
        organization,
    )
    expected = [(row["to"], row["status"]) for row in stored]
    for _ in range(50):
        if [(number, status) for _, number, status in watcher.seen] == expected:
            return True
        await asyncio.sleep(0.1)
    return False


async def all_delivered(ring: Ring) -> None:
    async with asyncio.timeout(20):
        while await ring.rows("SELECT 1 FROM reminder WHERE status <> 'DELIVERED' LIMIT 1"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_without_redis_everything_goes_out_once_and_almost_in_time(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL if is_full else QUICK
    async with (
        a_ring(shared, seed, behaviour=CARRIER, organizations=1) as ring,
        ring.api() as http,
        ring.workers(2),
        watching(ring, ring.grounds[0]) as watcher,
    ):
        with_redis_s, without_s = await stay_away(ring, http, load)
        await come_and_go(ring, http, load)
        verdict = await ring.settle(15)
        await all_delivered(ring)
        saw_all = await has_seen_all(ring, watcher, 1)

    tell("R6", f"Redis away {load.down_s:.0f} s, killed x {load.times}, flushed x {load.times}", ring, verdict)
    verdict.assert_all_is_well()
    # However busy the machine is: no more than a sweep's time is lost.
    assert without_s <= with_redis_s + ring.times.sweep.total_seconds() * 1.2 + _WAITING_S
    assert saw_all


async def test_the_gate_of_an_absent_redis_catches_a_worker_that_does_not_sweep(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async with (
        a_ring(shared, seed, behaviour=CARRIER) as ring,
        ring.api() as http,
        ring.workers(2, broken=["no-sweep"]),
    ):
        ring.valkey.kill()
        await ring.open_some(http, 20, within_s=1)
        verdict: Verdict = await ring.settle(2)

    tell("R6-", "Redis away, and nobody sweeps", ring, verdict)
    assert verdict.lost
