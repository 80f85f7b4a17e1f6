"""One delivery event to many subscribers of one API process, all of whom ask for the same, from before its commit until
the last has it; and what a subscriber costs who only waits.

The limit is sent the very bytes that Dunlin told, and sends them on, by the same server. In what one would write, each
subscriber has a subscription at Redis of its own; its event is committed before its time begins.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

import psutil

from bench.beside.redis_per_subscriber import CHANNEL
from bench.effort import Effort, Sizes
from bench.live_events import Watched, a_watched_organization
from bench.load import ask_once, request
from bench.measure import AtLeast, AtMost, Beside, Line, Unit, alternate, growth, inverse
from bench.processes import Server, a_server, an_api
from bench.sockets import Audience, an_audience
from bench.world import World
from dunlin.domain.tables import DeliveryEvent
from dunlin.runtime.wiring import Services

NAME = "live"

_SIZES = Sizes(smallest=[5], quick=[50, 500], full=[10, 100, 1_000], quick_rounds=2)
_EVENTS = {Effort.SMALLEST: 1, Effort.QUICK: 2, Effort.FULL: 5}  # a round
_SETTLING_S = {Effort.SMALLEST: 0.1, Effort.QUICK: 1.0, Effort.FULL: 2.0}


async def measure(world: World, effort: Effort) -> list[Line]:
    figures: dict[tuple[str, int], list[float]] = {}
    memory: list[float] = []
    sizes = _SIZES.of(effort)
    for size in sizes:
        found, memory = await _measure_size(world, effort, size)
        figures |= {(key, size): rates for key, rates in found.items()}
    largest = sizes[-1]
    ours, heard = figures[("dunlin", largest)], f"by {largest:,}"
    limit = Beside("bare broadcast", figures[("limit", largest)])
    other = Beside("one Redis subscription each", figures[("other", largest)])
    return [
        Line(NAME, heard, "an event to all subscribers", ours, Unit.PER_SECOND, limit, AtLeast(0.3)),
        Line(NAME, heard, "an event to all subscribers", ours, Unit.PER_SECOND, other),
        Line(NAME, heard, "memory of an idle subscriber", memory, Unit.KILOBYTES, None, AtMost(60)),
        *growth(NAME, "message", {size: inverse(figures[("dunlin", size)]) for size in sizes}),
    ]


async def _measure_size(world: World, effort: Effort, count: int) -> tuple[dict[str, list[float]], list[float]]:
    """Return messages per second of all three, and the kB of each of Dunlin's subscribers."""
    async with world.database() as services, AsyncExitStack() as stack:
        watched = await a_watched_organization(services)
        api = await stack.enter_async_context(an_api(services))
        token, subscribe = watched.organization.token, watched.subscribe
        async with an_audience(api.address, "/graphql", 1, token=token, subscribe=subscribe) as first:
            await first.has_got(1)  # what is loaded and compiled for the first one is not the others' memory
        memory, ours = await _audience_of(stack, api, watched, count, _SETTLING_S[effort])
        bare = await stack.enter_async_context(a_server("broadcast", services))
        theirs = await stack.enter_async_context(an_audience(bare.address, "/live", count))
        redis = await stack.enter_async_context(a_server("redis_per_subscriber", services))
        listening = await _subscriptions(services)
        others = await stack.enter_async_context(
            an_audience(redis.address, "/graphql", count, subscribe=watched.subscribe)
        )
        while await _subscriptions(services) < listening + count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        event = await DeliveryEvent.get(organization_id=watched.organization.id)
        tell = request(bare.address, "POST", "/tell", {}, ours.last)
        events = _EVENTS[effort]
        acts = {
            "dunlin": partial(_rate, ours, count, events, watched.happen),
            "limit": partial(_rate, theirs, count, events, partial(ask_once, bare.address, tell)),
            "other": partial(_rate, others, count, events, partial(services.redis.publish, CHANNEL, event.id)),
        }
        return await alternate(_SIZES.rounds(effort), acts), [memory]


async def _audience_of(
    stack: AsyncExitStack, api: Server, watched: Watched, count: int, settling_s: float
) -> tuple[float, Audience]:
    """Return the kB that each of `count` subscribers took, and the subscribers, who have seen the event there was."""
    process = psutil.Process(api.pid)
    await asyncio.sleep(settling_s)
    before = process.memory_info().rss
    audience = await stack.enter_async_context(
        an_audience(api.address, "/graphql", count, token=watched.organization.token, subscribe=watched.subscribe)
    )
    await audience.has_got(count)
    await asyncio.sleep(settling_s)
    return max(process.memory_info().rss - before, 1) / count / 1_000, audience


async def _subscriptions(services: Services) -> int:
    """Return how many there are at Redis. PUBSUB NUMSUB of Valkey 9.1 now and then tells of millions."""
    return sum(int(client["sub"]) for client in await services.redis.client_list(_type="pubsub"))


async def _rate(audience: Audience, count: int, events: int, happen: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    for _ in range(events):
        expected = audience.count + count
        await happen()
        await audience.has_got(expected)
    return events * count / (time.perf_counter() - began)
