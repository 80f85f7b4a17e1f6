"""Two API and two worker processes over one database and one Valkey, as compose.yaml starts them."""

import asyncio
import base64
import os
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from dunlin.api.ids import encode_id
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token
from tests.client import acknowledged, ask
from tests.conftest import SandboxCarrier
from tests.flow.test_api_process import an_api_process, answer_of

CASES = 20
OPEN = """mutation ($input: OpenCollectionCasesInput!) {
  openCollectionCases(input: $input) { cases { id } userErrors { message } } }"""
WATCH = "subscription ($id: ID!) { deliveryStatus(organizationId: $id) { status reminder { id } } }"


@asynccontextmanager
async def two_workers(**settings: str) -> AsyncIterator[None]:
    """Run two worker processes that are ready."""
    processes = [await a_worker(settings) for _ in range(2)]
    try:
        async with asyncio.timeout(30):
            await asyncio.gather(*(until_ready(process) for process in processes))
        yield
    finally:
        for process in processes:
            process.terminate()
        async with asyncio.timeout(20):
            await asyncio.gather(*(process.communicate() for process in processes))


async def a_worker(settings: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dunlin", "worker"),
        env={**os.environ, **{f"DUNLIN_{name}": value for name, value in settings.items()}},
        stderr=asyncio.subprocess.PIPE,
    )


async def until_ready(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while b"worker ready" not in (line := await process.stderr.readline()):
        assert line, "it ended before it was ready"


async def test_what_is_opened_at_one_api_is_sent_once_by_either_worker_and_followed_at_the_other_api(
    services: Services, sandbox: SandboxCarrier
) -> None:
    organization, cycle = await a_collecting_organization(services)
    token, organization_id = await a_token(services, organization), encode_id("Organization", organization.id)
    shared = {
        "DATABASE_URL": services.settings.database_url or "",
        "REDIS_URL": services.settings.redis_url or "",
        "SECRET_KEYS": base64.b64encode(services.settings.secret_keys[0]).decode(),
        "TWILIO_URL": sandbox.address,
    }
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(an_api_process(**shared))
        shared["PUBLIC_URL"] = first  # what the carrier calls back
        second = await stack.enter_async_context(an_api_process(**shared))
        await stack.enter_async_context(two_workers(**shared))
        http, other = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=one, timeout=10)) for one in (first, second)
        ]
        assert [(await answer_of(one)).status_code for one in (http, other)] == [200, 200]
        socket = await stack.enter_async_context(acknowledged(second, token))
        await socket.subscribe(WATCH, id=organization_id)
        await socket.settle()

        cases = [a_case(place) for place in range(CASES)]
        given = {"organizationId": organization_id, "cycleId": encode_id("CollectionCycle", cycle.id), "cases": cases}
        opened = await ask(http, token, OPEN, input=given)

        assert opened["openCollectionCases"]["userErrors"] == []
        ways: defaultdict[str, list[str]] = defaultdict(list)
        while sum("DELIVERED" in way for way in ways.values()) < CASES:
            event = (await socket.event())["data"]["deliveryStatus"]
            ways[event["reminder"]["id"]].append(event["status"])

    assert len(ways) == CASES
    assert all((way[:2], way[-1]) == (["SCHEDULED", "SENDING"], "DELIVERED") for way in ways.values())
    sent = Counter(text.split(",")[0] for text in sandbox.texts if "Twoeach" in text)
    assert sent == {f"Dear Twoeach {place}": 1 for place in range(CASES)}


def a_case(place: int) -> dict[str, object]:
    return {
        "externalReference": f"INV-{place}",
        "customer": {
            "externalReference": f"C-{place}",
            "name": f"Twoeach {place}",
            "language": "en",
            "phone": f"+4477009{place:05d}",
        },
        "amountDue": {"amount": "84.50", "currency": "EUR"},
        "dueOn": "2026-01-15",
    }
