"""The bad answers, as a client of the sandbox meets them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, encode_basic_auth

from dunlin.sandbox.account import Account
from dunlin.sandbox.app import serving
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.world import World

ACCOUNT = Account(sid="AC" + "a" * 32, auth_token="a" * 32)
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Messages.json"
FORM = {"To": "+37255500000", "From": "+15005550006", "Body": "Please pay"}


class Sandbox:
    """A running sandbox that is asked to behave badly."""

    def __init__(self, world: World, base_url: str, session: ClientSession) -> None:
        self.world, self._base_url, self._session = world, base_url, session
        self._headers = {"Authorization": encode_basic_auth(ACCOUNT.sid, ACCOUNT.auth_token)}

    async def send(self, timeout_s: float = 5) -> ClientResponse:
        async with self._session.post(
            self._base_url + MESSAGES, data=FORM, headers=self._headers, timeout=ClientTimeout(timeout_s)
        ) as answer:
            await answer.read()
            return answer

    def kept(self) -> int:
        """Return how many messages exist."""
        return len(list(self.world.ledger.newest_first()))


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[Sandbox]:
    world = World([ACCOUNT])
    async with serving(world) as base_url, ClientSession() as session:
        yield Sandbox(world, base_url, session)


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    for message in list(running.world.ledger.newest_first()):
        running.world.ledger.delete(message)
    return running


async def test_a_throttled_create_leaves_no_message(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(throttle_rate=1))
    answer = await sandbox.send()
    assert (answer.status, (await answer.json())["code"]) == (429, 20429)
    assert "Retry-After" not in answer.headers
    assert sandbox.kept() == 0


async def test_a_throttled_create_may_say_how_long_to_wait(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(throttle_rate=1, retry_after_s=7))
    assert (await sandbox.send()).headers["Retry-After"] == "7"


async def test_a_bad_gateway_answers_in_html_and_leaves_no_message(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(html_502_rate=1))
    answer = await sandbox.send()
    assert (answer.status, answer.content_type, sandbox.kept()) == (502, "text/html", 0)


async def test_an_error_after_accepting_leaves_a_message(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(error_500_after_accepting_rate=1))
    answer = await sandbox.send()
    assert (answer.status, (await answer.json())["code"], sandbox.kept()) == (500, 20500, 1)


async def test_a_created_message_may_be_answered_for_in_html(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(html_201_after_accepting_rate=1))
    answer = await sandbox.send()
    assert (answer.status, answer.content_type, sandbox.kept()) == (201, "text/html", 1)


async def test_a_connection_reset_after_accepting_leaves_a_message(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(reset_after_accepting_rate=1))
    with pytest.raises(ClientError):
        await sandbox.send()
    assert sandbox.kept() == 1


async def test_a_hanging_answer_never_comes_and_leaves_a_message(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(hang_rate=1))
    with pytest.raises(TimeoutError):
        await sandbox.send(timeout_s=0.1)
    assert sandbox.kept() == 1


async def test_faults_come_in_the_same_order_for_the_same_seed(sandbox: Sandbox) -> None:
    runs = []
    for _ in range(2):
        sandbox.world.behave(Behaviour(seed=3, throttle_rate=0.5))
        runs.append([(await sandbox.send()).status for _ in range(10)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {201, 429}


async def test_a_slow_carrier_keeps_the_message_before_it_answers(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(answer_delay_s=0.2))
    sending = asyncio.create_task(sandbox.send())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(sending), 0.1)
    assert sandbox.kept() == 1
    assert (await sending).status == 201
