"""What documents of at most 10 kB cost that are written to cost much, each beside the plain page query."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from statistics import median

import httpx

from bench.hostile_documents import HOSTILE
from bench.world import BenchOrganization, schedule_reminders
from dunlin.api.app import create_app
from dunlin.api.ids import encode_id
from dunlin.domain.choices import Permission
from dunlin.domain.viewer import issue_token
from dunlin.runtime.allowance import Allowance
from dunlin.runtime.wiring import Services

_REMINDERS = 2_000
_LONGEST = 10_000

PAGE = """query ($id: ID!) { organization(id: $id) { reminders(first: 20) { nodes {
  status scheduledFor case { number customer { name } } } } } }"""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of one document's time to that of the page query, with the milliseconds of both and the answer's first code."""

    name: str
    ratio: float
    took_ms: float
    page_ms: float
    code: str


async def hostile_ratios(services: Services, rounds: int) -> list[Ratio]:
    """Return each hostile document's ratio, the worst first: medians of alternated runs over real requests."""
    unlimited = replace(services, allowance=Allowance(services.redis, 0))
    async with _asking(unlimited) as ask:
        ratios = [await _ratio(ask, name, text, rounds) for name, text in HOSTILE.items()]
    return sorted(ratios, key=lambda one: -one.ratio)


@dataclass(frozen=True, slots=True)
class _Asking:
    http: httpx.AsyncClient
    organization: BenchOrganization
    number = count()

    async def __call__(self, text: str) -> tuple[float, str]:
        """Return the seconds that a document took which nobody has sent before, and the code of its first error."""
        organization_id = encode_id("Organization", self.organization.organization_id)
        text = f"#{next(self.number)}\n" + text.replace("ORGANIZATION", organization_id)
        assert len(text) <= _LONGEST + 100, len(text)
        variables: Mapping[str, object] = {"id": organization_id} if "$id:" in text else {}
        began = time.perf_counter()
        answer = await self.http.post("/graphql", json={"query": text, "variables": variables})
        took = time.perf_counter() - began
        errors = answer.json().get("errors")
        return took, errors[0]["extensions"]["code"] if errors else "OK"


async def _ratio(ask: _Asking, name: str, text: str, rounds: int) -> Ratio:
    pages, hostile, code = [], [], ""
    for _ in range(rounds):
        pages.append((await ask(PAGE))[0])
        took, code = await ask(text)
        hostile.append(took)
    return Ratio(name, median(hostile) / median(pages), median(hostile) * 1000, median(pages) * 1000, code)


@asynccontextmanager
async def _asking(services: Services) -> AsyncIterator[_Asking]:
    organization = await schedule_reminders(services, _REMINDERS)
    token = await issue_token(
        account_id=organization.account_id,
        organization_ids=None,
        name="bench",
        permissions=frozenset(Permission),
        expires_at=None,
        key=services.settings.secret_keys[0],
    )
    transport = httpx.ASGITransport(create_app(services))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers, timeout=60) as http:
        yield _Asking(http, organization)
