"""What a large organization's disconnect costs another one: its queries through the same API process, and the claims of
its reminders, each one after the other, meanwhile and on an idle system.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bench.cases import Organization, an_organization, schedule_many
from bench.effort import Effort, Sizes
from bench.load import ask_once, connections, graphql_request
from bench.measure import AtMost, Beside, Line, Unit, growth
from bench.page_query import page_request
from bench.processes import Server, an_api
from bench.rows.disconnect import with_open_cases
from bench.world import World
from dunlin.api.ids import encode_id
from dunlin.domain.actions.claim_reminders import claim_reminders

NAME = "neighbours"

_SIZES = Sizes(smallest=[10], quick=[1_000, 10_000], full=[1_000, 10_000, 100_000], full_rounds=3)
_IDLE_S = {Effort.SMALLEST: 0.05, Effort.QUICK: 0.5, Effort.FULL: 1.5}
_CLAIMABLE = {Effort.SMALLEST: 60, Effort.QUICK: 2_000, Effort.FULL: 10_000}
_DISCONNECT = """mutation ($id: ID!) { disconnectIntegration(input: {organizationId: $id, kind: SMS, confirmed: true}) {
  integration { status } userErrors { message } } }"""


@dataclass
class _Latencies:
    """Milliseconds per act."""

    idle: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)


async def measure(world: World, effort: Effort) -> list[Line]:
    sizes, rounds = _SIZES.of(effort), _SIZES.rounds(effort)
    queries, claims = ({size: _Latencies() for size in sizes} for _ in range(2))
    async with world.database() as services, an_api(services) as api, AsyncExitStack() as stack:
        staying = await an_organization(services)
        await schedule_many(services, staying, _CLAIMABLE[effort])
        (connection,) = await stack.enter_async_context(connections(api.address, 1))
        asked = page_request(api, staying)

        async def query() -> None:
            assert (await connection.ask(asked)).status == 200

        async def claim() -> None:
            assert await claim_reminders(services.store, limit=1)

        await query()
        for size in [size for _ in range(rounds) for size in sizes]:
            leaving = await with_open_cases(services, size)
            idle = asyncio.create_task(asyncio.sleep(_IDLE_S[effort]))
            await _probe(idle, (query, queries[size].idle), (claim, claims[size].idle))
            disconnecting = asyncio.create_task(_disconnect(api, leaving))
            await _probe(disconnecting, (query, queries[size].during), (claim, claims[size].during))
    largest = sizes[-1]
    return [
        *_lines(largest, "a query", queries[largest], AtMost(2)),
        *_lines(largest, "a claim", claims[largest], None),
        *growth(NAME, "query meanwhile", {size: [ms / 1_000 for ms in queries[size].during] for size in sizes}),
    ]


def _lines(count: int, what: str, latencies: _Latencies, reach: AtMost | None) -> list[Line]:
    size, idle = f"{count:,}", Beside("on an idle system", latencies.idle)
    longest = Beside("on an idle system", [max(latencies.idle)])
    return [
        Line(NAME, size, f"{what} meanwhile", latencies.during, Unit.MILLISECONDS, idle, reach),
        Line(NAME, size, f"{what} meanwhile, longest", [max(latencies.during)], Unit.MILLISECONDS, longest),
    ]


async def _disconnect(api: Server, organization: Organization) -> None:
    variables = {"id": encode_id("Organization", organization.id)}
    asked = graphql_request(api.address, organization.token, _DISCONNECT, variables)
    answer = json.loads((await ask_once(api.address, asked)).body)
    assert answer["data"]["disconnectIntegration"]["integration"]["status"] == "DISCONNECTED", answer


async def _probe(meanwhile: asyncio.Task[None], *acts: tuple[Callable[[], Awaitable[None]], list[float]]) -> None:
    """Measure acts in turns that begin while `meanwhile` runs, each at least once."""
    while True:
        for act, latencies in acts:
            began = time.perf_counter()
            await act()
            latencies.append((time.perf_counter() - began) * 1_000)
        if meanwhile.done():
            return await meanwhile
