"""Who follows delivery events loses none and sees none twice, whatever happens to the processes and to clients."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import httpx

from dunlin.sandbox.behaviour import Behaviour
from tests.client import ask
from tests.fault.checker import Verdict
from tests.fault.crew import Crew, a_crew
from tests.fault.follower import Event, Follower, StreamFollower, following
from tests.fault.nursery import Child
from tests.fault.order import Role
from tests.fault.ring import Ring, Shared, a_ring
from tests.ports import free_ports

_CURSOR = "query ($id: ID!) { organization(id: $id) { deliveryCursor } }"
_EVENTS = """query ($id: ID!, $after: String) { organization(id: $id) { deliveryEvents(first: 50, after: $after) {
  nodes { cursor status } pageInfo { hasNextPage endCursor } } } }"""
_CARRIER = Behaviour(answer_delay_s=0.02, sent_delay_s=0.05, delivered_delay_s=0.1)
_LONGEST_WAY_S = 30


@dataclass(frozen=True, slots=True)
class Load:
    cases: int
    rounds: int


QUICK = Load(cases=60, rounds=1)
FULL = Load(cases=1_500, rounds=12)


@dataclass(slots=True)
class Chaos:
    """What is done to the processes. `apis` are those that are followed; another one takes the carrier's callbacks."""

    ring: Ring
    apis: Crew
    workers: Crew

    async def kill_the_api(self) -> None:
        self._any(self.apis).kill()

    async def freeze_the_api(self) -> None:
        frozen = self._any(self.apis)
        frozen.suspend()
        await asyncio.sleep(self.ring.chance.uniform(2, 5))
        frozen.resume()

    async def stop_the_api(self) -> None:
        self._any(self.apis).send(15)

    async def kill_a_worker(self) -> None:
        self._any(self.workers).kill()

    async def kill_redis(self) -> None:
        self.ring.valkey.kill()
        await asyncio.sleep(self.ring.chance.uniform(0.2, 1.5))
        self.ring.valkey.start()

    async def have_redis_forget(self) -> None:
        self.ring.valkey.forget_everything()

    async def go_on(self, rounds: int) -> None:
        """Do each of these, in random order."""
        kinds: list[Callable[[], Awaitable[None]]] = [
            *(self.kill_the_api, self.freeze_the_api, self.stop_the_api),
            *(self.kill_a_worker, self.kill_redis, self.have_redis_forget),
        ]
        for kind in self.ring.chance.sample(kinds * rounds, len(kinds) * rounds):
            await asyncio.sleep(self.ring.chance.uniform(0.2, 1.0))
            await self._until_all_work()
            await kind()

    async def _until_all_work(self) -> None:
        while not (self.apis.children and self.workers.children):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    def _any(self, crew: Crew) -> Child:
        child = crew.any_one(self.ring.chance)
        assert child is not None
        return child


async def listed(ring: Ring, http: httpx.AsyncClient, organization_id: str) -> list[Event]:
    """Return all delivery events, as a client pages through them."""
    events, after = list[Event](), None
    while True:
        found = await ask(http, ring.token, _EVENTS, id=organization_id, after=after)
        page = found["organization"]["deliveryEvents"]
        events += [(event["cursor"], event["status"]) for event in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return events
        after = page["pageInfo"]["endCursor"]


async def all_delivered(ring: Ring) -> None:
    async with asyncio.timeout(60):
        while await ring.rows("SELECT 1 FROM reminder WHERE status <> 'DELIVERED' LIMIT 1"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`astray` are those who have not seen exactly what there was to see, with what they have seen."""

    verdict: Verdict
    events: int
    connections: dict[str, int]
    astray: list[str]


async def chase(shared: Shared, seed: int, load: Load, *, within_s: float, broken: Sequence[str] = ()) -> Outcome:
    """Have followers of every kind follow while everything happens, and give them some time at the end."""
    port = free_ports()
    async with (
        a_ring(shared, seed, behaviour=_CARRIER, organizations=1) as ring,
        ring.api() as http,
        ring.workers(2) as workers,
        a_crew(ring.nursery, 1, lambda _: ring.order(Role.API, port=port, broken=broken)) as apis,
    ):
        organization_id = ring.grounds[0].organization_id
        start = (await ask(http, ring.token, _CURSOR, id=organization_id))["organization"]["deliveryCursor"]
        common = (port, ring.token, organization_id, start)
        followers = {
            "patient": Follower(*common),
            "restless": Follower(*common, chance=Random(ring.seed)),
            "slow": Follower(*common, pause_s=0.02),
            "streaming": StreamFollower(*common),
            "restless and streaming": StreamFollower(*common, chance=Random(ring.seed + 1)),
        }
        async with following(*followers.values()):
            async with asyncio.timeout(30):  # else it may be over before somebody has begun to follow
                while not all(one.connections for one in followers.values()):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            opening = asyncio.create_task(ring.open_some(http, load.cases, within_s=6 * load.rounds))
            await Chaos(ring, apis, workers).go_on(load.rounds)
            await opening
            verdict = await ring.settle(30)
            await all_delivered(ring)
            expected = await listed(ring, http, organization_id)
            with suppress(TimeoutError):  # who has not seen all by then is astray
                async with asyncio.timeout(within_s + len(expected) * 0.03):
                    while any(len(one.seen) < len(expected) for one in followers.values()):  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
        return Outcome(
            verdict,
            len(expected),
            {name: one.connections for name, one in followers.items()},
            [
                f"{name}: {len(one.seen)} of {len(expected)}, refused: {one.refused}"
                for name, one in followers.items()
                if one.seen != expected
            ],
        )


async def test_every_follower_sees_exactly_what_is_listed_over_killed_frozen_and_restarted_processes(
    shared: Shared, seed: int, *, is_full: bool
) -> None:
    load = FULL if is_full else QUICK

    outcome = await chase(shared, seed, load, within_s=_LONGEST_WAY_S)

    outcome.verdict.assert_all_is_well()
    assert outcome.astray == []
    assert outcome.events >= 3 * load.cases
    assert min(outcome.connections.values()) >= 2, "each was cut off at least once"


async def test_the_gate_of_followers_catches_an_api_that_begins_at_the_present_for_everybody(
    shared: Shared, seed: int
) -> None:
    outcome = await chase(shared, seed, Load(cases=30, rounds=1), within_s=2, broken=["begins-now"])

    assert outcome.astray
