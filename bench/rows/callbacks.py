"""Signed status callbacks through one API process, many at once; each is committed before its 204.

The limit reads the form and checks the signature, and stores nothing. What one would write has a transaction for each.
"""

from functools import partial

from bench.callback_requests import delivered
from bench.cases import Organization, an_organization, send_many
from bench.effort import Effort, Sizes
from bench.load import rate
from bench.measure import AtLeast, Beside, Line, Unit, alternate, growth, inverse
from bench.processes import Server, a_server, an_api, together
from bench.world import World
from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services

NAME = "callbacks"
AT_ONCE = 64

_SIZES = Sizes(smallest=[10], quick=[100, 1_000], full=[200, 2_000, 20_000], full_rounds=3)
_MOST_ONE_BY_ONE = 2_000
_WARMING = 5


async def measure(world: World, effort: Effort) -> list[Line]:
    sizes = _SIZES.of(effort)
    largest = sizes[-1]
    async with (
        world.database() as services,
        together(
            an_api(services), a_server("callbacks_bare", services), a_server("callbacks_orm", services)
        ) as servers,
    ):
        api, bare, orm = servers
        organization = await an_organization(services)
        for server in (api, orm):
            await committed_rate(services, organization, server, _WARMING)
        acts = {("dunlin", size): partial(committed_rate, services, organization, api, size) for size in sizes}
        acts[("limit", largest)] = partial(_bare_rate, bare, largest)
        count = min(largest, _MOST_ONE_BY_ONE)
        acts[("other", largest)] = partial(committed_rate, services, organization, orm, count)
        figures = await alternate(_SIZES.rounds(effort), acts)
    ours, size = figures[("dunlin", largest)], f"{largest:,}"
    limit = Beside("form and signature only", figures[("limit", largest)])
    other = Beside("a transaction for each", figures[("other", largest)])
    return [
        Line(NAME, size, "one API process", ours, Unit.PER_SECOND, limit, AtLeast(0.4)),
        Line(NAME, size, "one API process", ours, Unit.PER_SECOND, other),
        *growth(NAME, "callback", {size: inverse(figures[("dunlin", size)]) for size in sizes}),
    ]


async def committed_rate(services: Services, organization: Organization, server: Server, count: int) -> float:
    """Return callbacks per second about messages that nobody has heard of yet."""
    requests = delivered(server.address, await send_many(services, organization, count))
    await rows("VACUUM ANALYZE")
    measured = await rate(server.address, requests, concurrency=AT_ONCE, status=204)
    assert not await rows("SELECT 1 FROM reminder WHERE status <> 'DELIVERED' LIMIT 1")
    return measured


async def _bare_rate(server: Server, count: int) -> float:
    requests = delivered(server.address, [f"{place:043d}" for place in range(1, count + 1)])
    return await rate(server.address, requests, concurrency=AT_ONCE, status=204)
