"""What a large organization's disconnect costs another one: its queries and claims meanwhile, and on an idle system."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from bench.disconnect import an_organization_with_open_cases, disconnect
from bench.world import BenchOrganization, schedule_reminders
from dunlin.api.app import create_app
from dunlin.api.ids import encode_id
from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.choices import Permission
from dunlin.domain.viewer import issue_token
from dunlin.runtime.wiring import Services

_IDLE_S = 1.5  # about as long as the disconnect takes
_CLAIMABLE = 5_000
_QUERY = """query ($id: ID!) { organization(id: $id) { reminders(first: 20) { nodes {
  status scheduledFor case { number customer { name } } } } } }"""


@dataclass
class Latencies:
    """Seconds per act, each measured by itself, one after the other."""

    idle: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)


@dataclass
class Neighbour:
    """Another organization, with reminders to be read and claimed."""

    services: Services
    http: httpx.AsyncClient
    headers: dict[str, str]
    organization: BenchOrganization

    async def query(self) -> None:
        variables = {"id": encode_id("Organization", self.organization.organization_id)}
        body = {"query": _QUERY, "variables": variables}
        answer = await self.http.post("/graphql", json=body, headers=self.headers)
        assert len(answer.json()["data"]["organization"]["reminders"]["nodes"]) == 20

    async def claim(self) -> None:
        assert len(await claim_reminders(self.services.store, limit=1)) == 1


async def neighbour_latencies(services: Services, open_cases: int, rounds: int) -> tuple[Latencies, Latencies]:
    """Return the latencies of queries and of claims."""
    neighbour = await _a_neighbour(services)
    queries, claims = Latencies(), Latencies()
    async with neighbour.http:
        for _ in range(rounds):
            leaving = await an_organization_with_open_cases(services, open_cases)
            await _probe(neighbour, queries.idle, claims.idle, asyncio.create_task(asyncio.sleep(_IDLE_S)))
            await _probe(neighbour, queries.during, claims.during, asyncio.create_task(disconnect(services, leaving)))
    return queries, claims


async def _a_neighbour(services: Services) -> Neighbour:
    organization = await schedule_reminders(services, _CLAIMABLE)
    token = await issue_token(
        account_id=organization.account_id,
        organization_ids=None,
        name="bench",
        permissions=frozenset({Permission.READ}),
        expires_at=None,
        key=services.settings.secret_keys[0],
    )
    http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(services)), base_url="http://bench")
    return Neighbour(services, http, {"Authorization": f"Bearer {token}"}, organization)


async def _probe(
    neighbour: Neighbour, queries: list[float], claims: list[float], meanwhile: asyncio.Task[None]
) -> None:
    """Measure, in turns, what begins while `meanwhile` runs."""
    await asyncio.sleep(0)
    while not meanwhile.done():
        queries.append(await _seconds(neighbour.query))
        claims.append(await _seconds(neighbour.claim))
    await meanwhile


async def _seconds(act: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began
