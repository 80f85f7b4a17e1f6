"""How long one has to wait: from the commit of a due case to the carrier's door (planned, claimed, marked, handed
over), and from a callback to a subscriber (checked, committed, rung, read, told). One by one, on an idle system and at
half the load that the worker, or the API, takes at most.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import count
from statistics import quantiles
from urllib.parse import parse_qs

from bench.callback_requests import delivered
from bench.carrier import Answering, a_carrier
from bench.cases import Organization, an_organization, open_case, schedule_many, send_many
from bench.effort import Effort
from bench.live_events import a_watched_organization
from bench.load import connections, paced
from bench.measure import Beside, Line, Unit
from bench.processes import Server, a_worker, an_api
from bench.rows.callbacks import committed_rate
from bench.rows.dispatch import worker_rate
from bench.sockets import Audience, an_audience
from bench.world import World
from dunlin.domain.store import rows
from dunlin.runtime.bell import RedisBell
from dunlin.runtime.wiring import Services

NAME = "latency"

_SECONDS = {Effort.SMALLEST: 0.3, Effort.QUICK: 2.0, Effort.FULL: 12.0}  # of probing, each of four times
_PEAK = {Effort.SMALLEST: 10, Effort.QUICK: 500, Effort.FULL: 2_000}  # to find the highest rate with
_BETWEEN_S = 0.1
_PATIENCE_S = 30


async def measure(world: World, effort: Effort) -> list[Line]:
    door = await _door_latencies(world, effort)
    subscriber = await _subscriber_latencies(world, effort)
    return [*_lines("commit to the carrier's door", *door), *_lines("callback to subscriber", *subscriber)]


def _lines(what: str, idle: Sequence[float], loaded: Sequence[float]) -> list[Line]:
    lines = []
    for name, of in (("median", _median), ("99th percentile", _percentile_99)):
        beside = Beside("idle", [of(idle)])
        lines.append(Line(NAME, f"{len(idle)} times", f"{what}, idle, {name}", [of(idle)], Unit.MILLISECONDS))
        lines.append(
            Line(NAME, f"{len(loaded)} times", f"{what}, half load, {name}", [of(loaded)], Unit.MILLISECONDS, beside)
        )
    return lines


def _median(latencies: Sequence[float]) -> float:
    return sorted(latencies)[len(latencies) // 2]


def _percentile_99(latencies: Sequence[float]) -> float:
    """Return the 99th percentile; of few, their longest."""
    return quantiles(latencies, n=100)[98] if len(latencies) >= 100 else max(latencies)


async def _probed(probe: Callable[[], Awaitable[float]], seconds: float) -> list[float]:
    """Return what probes took, in milliseconds."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    while not latencies or time.perf_counter() < until:
        latencies.append(await probe() * 1_000)
        await asyncio.sleep(_BETWEEN_S)
    return latencies


class _Door:
    """A carrier in this process that notes when each text arrived."""

    def __init__(self) -> None:
        self.awaited: dict[str, asyncio.Future[float]] = {}

    def taken(self, body: bytes) -> None:
        (number,) = parse_qs(body.decode())["To"]
        if number in self.awaited:
            self.awaited.pop(number).set_result(time.perf_counter())

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Answering(self.taken), "127.0.0.1", 0, backlog=1_000)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _door_latencies(world: World, effort: Effort) -> tuple[list[float], list[float]]:
    async with a_carrier() as carrier:
        most = await worker_rate(world, carrier, _PEAK[effort])
    door, seconds = _Door(), _SECONDS[effort]
    async with door.serving() as address, world.database(address) as services:
        probed, others = [await an_organization(services) for _ in range(2)]
        places = count(1)

        async def probe() -> float:
            place = next(places)
            arrival = asyncio.get_running_loop().create_future()
            door.awaited[f"+4479119{place:05d}"] = arrival
            number = await open_case(services, probed, place)
            assert number in door.awaited or arrival.done()
            committed = time.perf_counter()
            async with asyncio.timeout(_PATIENCE_S):
                return float(await arrival) - committed

        async with a_worker(services):
            idle = await _probed(probe, seconds)
        await _schedule_evenly(services, others, most / 2, seconds + 2)
        async with a_worker(services), _ringing(services):
            return idle, await _probed(probe, seconds)


async def _schedule_evenly(services: Services, organization: Organization, per_second: float, seconds: float) -> None:
    """Put in reminders that become due one after the other, from a moment after now on."""
    await schedule_many(services, organization, max(int(per_second * seconds), 1))
    await rows(
        "UPDATE reminder r SET scheduled_for = now() + interval '2 s' + place * $2::float8 * interval '1 s'"
        " FROM (SELECT id, row_number() OVER () AS place FROM reminder WHERE organization_id = $1) t"
        " WHERE r.id = t.id",
        organization.id,
        1 / per_second,
    )
    await rows("VACUUM ANALYZE")


@asynccontextmanager
async def _ringing(services: Services) -> AsyncIterator[None]:
    """Ring for what becomes due more often than the clock's tick does, so that the load is even."""

    async def ring() -> None:
        async with aclosing(RedisBell(services.redis)) as bell:
            while True:
                bell.wake_deliverer()
                await asyncio.sleep(0.05)

    ringing = asyncio.create_task(ring())
    try:
        yield
    finally:
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)


async def _subscriber_latencies(world: World, effort: Effort) -> tuple[list[float], list[float]]:
    seconds = _SECONDS[effort]
    async with world.database() as services, an_api(services) as api:
        others = await an_organization(services)
        most = await committed_rate(services, others, api, _PEAK[effort])
        load = delivered(api.address, await send_many(services, others, max(int(most / 2 * (seconds + 1)), 1)))
        watched = await a_watched_organization(services)
        sent = await send_many(services, watched.organization, 2 * int(seconds / _BETWEEN_S) + 4)
        reports = iter(delivered(api.address, sent))
        token = watched.organization.token
        async with an_audience(api.address, "/graphql", 1, token=token, subscribe=watched.subscribe) as audience:
            await _until_all_is_told(audience)
            idle = await _told(api, audience, reports, seconds)
            loading = asyncio.create_task(paced(api.address, load, most / 2, status=204))
            try:
                return idle, await _told(api, audience, reports, seconds)
            finally:
                loading.cancel()
                await asyncio.gather(loading, return_exceptions=True)


async def _until_all_is_told(audience: Audience) -> None:
    """Wait until nothing has been told for a while: what had happened before is told first."""
    before = -1
    while audience.count != before:
        before = audience.count
        await asyncio.sleep(0.3)


async def _told(api: Server, audience: Audience, reports: Iterator[bytes], seconds: float) -> list[float]:
    async with connections(api.address, 1) as (connection,):

        async def probe() -> float:
            expected, began = audience.count + 1, time.perf_counter()
            answer, _ = await asyncio.gather(connection.ask(next(reports)), audience.has_got(expected))
            assert answer.status == 204
            return audience.last_at - began

        return await _probed(probe, seconds)
