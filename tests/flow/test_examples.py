"""The examples see every delivery event once and in order, whatever is done to their connections and to the API."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from dunlin.runtime.wiring import Services
from dunlin.sandbox.switchboard import Switchboard
from tests.client import JSON
from tests.conftest import QUICK, SandboxCarrier
from tests.delivery import send
from tests.flow.examples import NODE, WEB_SOCKET, Running, node, npm, python, why_not_node
from tests.flow.meddler import Meddler, a_meddler
from tests.flow.ring import DISTURBANCES, KILLED, OPENED_MEANWHILE, SOON_S, Ring, a_ring
from tests.flow.trial import OPENED_BY_THE_EXAMPLE, a_trial

EXAMPLES = ["python", KILLED, *NODE]
CLIENTS = ["python", *WEB_SOCKET]


@dataclass(frozen=True, slots=True)
class Seen:
    """What an example has seen and done, what there was to see, and how it ended."""

    printed: list[str]
    listed: list[str]
    exit_code: int
    problem: str
    paid: list[Decimal]  # of each case that it has opened


@pytest_asyncio.fixture(scope="module")
async def built() -> str:
    """What relay-compiler and the type checker say, where there is Node."""
    return await npm("run", "build") if why_not_node() is None else ""


@pytest_asyncio.fixture(scope="module")
async def seen(
    built: str, opened: Services, sandbox: SandboxCarrier, api_address: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Seen]:
    """Every example that can be tried here, after all disturbances."""
    sandbox.world.behave(QUICK)
    sandbox.world.switchboard = Switchboard(None)
    async with a_ring(opened, sandbox, api_address, tmp_path_factory.mktemp("examples")) as ring:
        await ring.all_seen()
        assert ring.line.broken_off >= len(ring.trials)
        ring.line.bytes_until_cut = None
        for disturb in DISTURBANCES:
            async with asyncio.timeout(SOON_S):
                await disturb(ring)
                await ring.all_sent()
            await ring.trials[KILLED].kill_and_start_again()
            await ring.all_seen()
        async with httpx.AsyncClient(base_url=api_address) as http:
            return {name: await outcome(ring, http, name) for name in ring.trials}


async def outcome(ring: Ring, http: httpx.AsyncClient, name: str) -> Seen:
    trial = ring.trials[name]
    assert trial.running is not None
    if name in ring.left_behind:
        await trial.stop()
    exit_code = await trial.running.end()
    problem = await trial.running.problem()
    return Seen(trial.seen(), await trial.listed(ring.services, http), exit_code, problem, await trial.paid())


@pytest.fixture
def example(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name in NODE and (reason := why_not_node()):
        pytest.skip(reason)
    return name


@pytest.mark.parametrize("example", EXAMPLES, indirect=True)
def test_an_example_sees_every_event_once_and_in_order_whatever_happens_to_its_connection(
    seen: dict[str, Seen], example: str
) -> None:
    ended = [line for line in seen[example].listed if line.endswith("DELIVERED")]

    assert len(ended) == OPENED_BY_THE_EXAMPLE + OPENED_MEANWHILE
    assert seen[example].printed == seen[example].listed
    assert (seen[example].exit_code, seen[example].problem) == (0, "")


@pytest.mark.parametrize("example", EXAMPLES, indirect=True)
def test_an_example_opens_each_case_and_pays_each_payment_once_although_answers_break_off(
    seen: dict[str, Seen], example: str
) -> None:
    each = Decimal(0) if example in NODE else Decimal("0.01")

    assert seen[example].paid == [each] * OPENED_BY_THE_EXAMPLE


@dataclass(frozen=True, slots=True)
class Meddled:
    """An example that talks to the API through somebody who meddles. Nothing is sent by itself."""

    running: Running
    meddler: Meddler
    services: Services


@pytest_asyncio.fixture
async def meddled(
    built: str, services: Services, api_address: str, example: str, tmp_path: Path
) -> AsyncIterator[Meddled]:
    command = node(example) if example in NODE else python("watch")
    async with a_meddler(api_address) as (meddler, url), asyncio.timeout(SOON_S):
        trial = await a_trial(services, tmp_path, command, f"{url}/graphql", until=100)
        await trial.start()
        assert trial.running is not None
        await meddler.until_subscribed(1)
        yield Meddled(trial.running, meddler, services)
        await trial.stop()


@pytest.mark.parametrize("example", CLIENTS, indirect=True)
async def test_an_example_subscribes_anew_after_a_failure_that_passes(meddled: Meddled) -> None:
    meddler, running = meddled.meddler, meddled.running

    await meddler.say("next", {"data": None, "errors": [an_error("UNAVAILABLE")]})
    await send(meddled.services)  # its events come behind the one that is missing
    await running.until(lambda: len(running.said) == 3 * OPENED_BY_THE_EXAMPLE)
    await meddler.say("error", [an_error("RATE_LIMITED")])
    await meddler.until_subscribed(3)
    await meddler.say("complete")
    await meddler.until_subscribed(4)
    await meddler.close(1013)
    await meddler.until_subscribed(5)

    begun = [variables["after"] for variables in meddler.subscriptions]
    last, _ = running.said[-1].split()
    assert begun == [begun[0], begun[0], last, last, last]


@pytest.mark.parametrize("code", [4400, 4401, 4403])
@pytest.mark.parametrize("example", CLIENTS, indirect=True)
async def test_an_example_gives_up_where_connecting_again_would_end_the_same_way(meddled: Meddled, code: int) -> None:
    await meddled.meddler.close(code)

    assert await meddled.running.end() == 1
    assert len(meddled.meddler.subscriptions) == 1


@pytest.mark.parametrize("example", CLIENTS, indirect=True)
async def test_an_example_gives_up_after_a_failure_that_does_not_pass(meddled: Meddled) -> None:
    await meddled.meddler.say("next", {"data": None, "errors": [an_error("FORBIDDEN")]})
    await meddled.meddler.say("complete")

    assert await meddled.running.end() == 1
    assert len(meddled.meddler.subscriptions) == 1


@pytest.mark.parametrize("example", ["apollo"], indirect=True)
async def test_apollo_sends_the_text_of_a_document_only_where_its_hash_is_not_known(meddled: Meddled) -> None:
    has_text = ["query" in body for body, _ in meddled.meddler.requests]
    was_unknown = [status == 404 for _, status in meddled.meddler.requests]

    assert has_text == [False, *was_unknown[:-1]]


@pytest.mark.parametrize("example", ["sse"], indirect=True)
async def test_an_event_stream_is_given_up_where_there_is_none(
    built: str, services: Services, api_address: str, example: str, tmp_path: Path
) -> None:
    async with a_meddler(api_address) as (_, url), asyncio.timeout(SOON_S):
        trial = await a_trial(services, tmp_path, node(example), f"{url}/graphql", until=100)
        await trial.start()
        assert trial.running is not None

        assert await trial.running.end() == 1
        assert "404" in await trial.running.problem()


def an_error(code: str) -> JSON:
    return {"message": "No.", "extensions": {"code": code}}


def test_relay_compiler_takes_the_schema_as_it_is(built: str) -> None:
    if reason := why_not_node():
        pytest.skip(reason)

    assert "Compilation completed" in built
