"""Due reminders through one worker process to a local carrier that answers after 20 ms.

Each is claimed, marked SENDING and committed, handed over, and recorded; both changes append their events. It counts
from the moment that the reminders are let go until the last event is committed.
"""

import asyncio
import time
from contextlib import AsyncExitStack, aclosing
from functools import partial

from bench.carrier import a_carrier
from bench.cases import an_organization, schedule_many
from bench.effort import Effort, Sizes
from bench.measure import AtLeast, Beside, Line, Unit, alternate, growth, inverse
from bench.processes import a_worker, figure_of, together
from bench.world import World
from dunlin.domain.store import rows
from dunlin.runtime.bell import RedisBell
from dunlin.runtime.wiring import Services

NAME = "dispatch"
AT_ONCE = 64  # as many as Dunlin has on the way to one account

_SIZES = Sizes(smallest=[10], quick=[100, 1_000], full=[200, 2_000, 20_000], quick_rounds=2, full_rounds=5)
_MOST_ONE_BY_ONE = 2_000  # a rate needs no more of them
_FASTEST_PER_S = 20_000  # events, of which nothing here appends as many
_LONGEST_S = 300


async def measure(world: World, effort: Effort) -> list[Line]:
    sizes = _SIZES.of(effort)
    async with a_carrier() as carrier:
        acts = {("dunlin", size): partial(worker_rate, world, carrier, size) for size in sizes}
        acts[("limit", sizes[-1])] = partial(_bare_rate, carrier, sizes[-1])
        acts[("other", sizes[-1])] = partial(_one_by_one_rate, world, carrier, min(sizes[-1], _MOST_ONE_BY_ONE))
        figures = await alternate(_SIZES.rounds(effort), acts)
    largest, size = figures[("dunlin", sizes[-1])], f"{sizes[-1]:,}"
    limit = Beside("bare loop of posts", figures[("limit", sizes[-1])])
    other = Beside("one arq job per SMS", figures[("other", sizes[-1])])
    return [
        Line(NAME, size, "one worker", largest, Unit.PER_SECOND, limit, AtLeast(0.6)),
        Line(NAME, size, "one worker", largest, Unit.PER_SECOND, other, AtLeast(4)),
        *growth(NAME, "reminder", {size: inverse(figures[("dunlin", size)]) for size in sizes}),
    ]


async def worker_rate(world: World, carrier: str, count: int, workers: int = 1) -> float:
    """Return reminders per second through so many worker processes, which are ready before anything may go."""
    async with world.database(carrier) as services, AsyncExitStack() as stack:
        organization = await an_organization(services)
        await schedule_many(services, organization, count)
        await rows("UPDATE integration SET held_until = now() + interval '1 day'")
        await rows("VACUUM ANALYZE")
        await stack.enter_async_context(together(*(a_worker(services) for _ in range(workers))))
        before = await _events(organization.id)
        began = time.perf_counter()
        await _let_go(services)
        async with asyncio.timeout(_LONGEST_S):
            while (left := before + 2 * count - await _events(organization.id)) > 0:  # noqa: ASYNC110
                await asyncio.sleep(max(left / _FASTEST_PER_S, 0.02))  # whoever looks takes from what is measured
        took = time.perf_counter() - began
        assert not await rows("SELECT 1 FROM reminder WHERE status <> 'SENT' LIMIT 1")
    return count / took


async def _let_go(services: Services) -> None:
    await rows("UPDATE integration SET held_until = NULL")
    async with aclosing(RedisBell(services.redis)) as bell:
        bell.wake_deliverer()


async def _events(organization_id: int) -> int:
    found = await rows("SELECT last_sequence FROM delivery_sequence WHERE organization_id = $1", organization_id)
    last: int = found[0]["last_sequence"]
    return last


async def _bare_rate(carrier: str, count: int) -> float:
    return await figure_of("bench.beside.posts", carrier, str(count), str(AT_ONCE))


async def _one_by_one_rate(world: World, carrier: str, count: int) -> float:
    async with world.database(carrier) as services:
        await schedule_many(services, await an_organization(services), count)
        await rows("VACUUM ANALYZE")
        environment = services.settings.environment()
        return await figure_of("bench.beside.job_per_sms", carrier, str(AT_ONCE), environment=environment)
