"""Status callbacks, as a receiver sees them."""

# The SDK ships no types.
# mypy: disable-error-code="import-untyped"

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, encode_basic_auth, web
from twilio.request_validator import RequestValidator

from dunlin.sandbox.account import Account, MessagingService
from dunlin.sandbox.app import serving
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.world import World

SERVICE = MessagingService(sid="MG" + "1" * 32, phone_numbers=("+447700900123",))
ACCOUNT = Account(sid="AC" + "a" * 32, auth_token="a" * 32, messaging_services=(SERVICE,))
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Messages.json"
AT_ONCE = Behaviour(sent_delay_s=0, delivered_delay_s=0)


class Receiver:
    """Takes callbacks on a port of its own. `answers` are the next HTTP statuses; after them all is well."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.tokens: list[str | None] = []
        self.answers: list[int] = []
        self._arrived = asyncio.Condition()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        fields = {name: str(value) for name, value in (await request.post()).items()}
        address = f"http://{request.host}{request.raw_path}"
        signature = request.headers.get("X-Twilio-Signature", "")
        assert RequestValidator(ACCOUNT.auth_token).validate(address, fields, signature)
        self.calls.append(fields)
        self.tokens.append(request.headers.get("I-Twilio-Idempotency-Token"))
        async with self._arrived:
            self._arrived.notify_all()
        return web.Response(status=self.answers.pop(0) if self.answers else 204)

    async def statuses(self, count: int) -> list[str]:
        """Wait for so many calls and return their statuses."""
        async with self._arrived, asyncio.timeout(5):
            await self._arrived.wait_for(lambda: len(self.calls) >= count)
        return [call["MessageStatus"] for call in self.calls]


class Sandbox:
    """A running sandbox and one who sends through it."""

    def __init__(self, world: World, base_url: str, session: ClientSession) -> None:
        self.world, self._url, self._session = world, base_url + MESSAGES, session
        self._headers = {"Authorization": encode_basic_auth(ACCOUNT.sid, ACCOUNT.auth_token)}

    async def send(self, callback: str, **fields: str) -> str:
        form = {"To": "+37255500000", "Body": "Please pay", "StatusCallback": callback} | fields
        if "MessagingServiceSid" not in form:
            form["From"] = "+15005550006"
        async with self._session.post(self._url, data=form, headers=self._headers) as answer:
            assert answer.status == 201
            return str((await answer.json())["sid"])


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[Sandbox]:
    world = World([ACCOUNT])
    async with serving(world) as base_url, ClientSession() as session:
        yield Sandbox(world, base_url, session)


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.world.behave(AT_ONCE)
    return running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/status", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/status?rid=r%2F1&t=a+b"
    yield receiver
    await runner.cleanup()


async def test_a_message_is_reported_sent_then_delivered(sandbox: Sandbox, receiver: Receiver) -> None:
    sid = await sandbox.send(receiver.url)
    assert await receiver.statuses(2) == ["sent", "delivered"]
    assert {call["MessageSid"] for call in receiver.calls} == {sid}


async def test_a_message_from_a_service_is_reported_queued_first(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.send(receiver.url, MessagingServiceSid=SERVICE.sid)
    assert await receiver.statuses(3) == ["queued", "sent", "delivered"]
    assert receiver.calls[0]["From"] == "+447700900123"
    assert receiver.calls[0]["MessagingServiceSid"] == SERVICE.sid


async def test_a_late_failure_is_reported_with_its_code(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.send(receiver.url, To="+15005550030")
    assert await receiver.statuses(2) == ["sent", "undelivered"]
    assert receiver.calls[1]["ErrorCode"] == "30003"


async def test_the_fragment_of_the_address_stays_with_the_carrier(sandbox: Sandbox, receiver: Receiver) -> None:
    # The receiver checks the signature over the address that arrives.
    await sandbox.send(receiver.url + "#rc=5&rp=all")
    assert await receiver.statuses(2) == ["sent", "delivered"]


async def test_repeated_callbacks_carry_an_idempotency_token(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.world.behave(AT_ONCE.model_copy(update={"repeat_callbacks": 3}))
    await sandbox.send(receiver.url)
    assert Counter(await receiver.statuses(6)) == {"sent": 3, "delivered": 3}
    first, second = receiver.tokens[:3], receiver.tokens[3:]
    assert first[0] is second[0] is None
    assert first[1] == first[2] != second[1] == second[2]


async def test_shuffled_callbacks_come_in_the_order_of_the_seed(sandbox: Sandbox, receiver: Receiver) -> None:
    shuffled = AT_ONCE.model_copy(update={"shuffle_callbacks": True, "seed": 1})
    orders = []
    for _ in range(2):
        sandbox.world.behave(shuffled)
        receiver.calls.clear()
        await sandbox.send(receiver.url, MessagingServiceSid=SERVICE.sid)
        orders.append(await receiver.statuses(3))
    assert orders[0] == orders[1] != ["queued", "sent", "delivered"]


async def test_a_lost_callback_never_comes(sandbox: Sandbox, receiver: Receiver) -> None:
    lossy = AT_ONCE.model_copy(update={"lose_callbacks_rate": 1, "callback_before_answer": True})
    sandbox.world.behave(lossy)
    lost = await sandbox.send(receiver.url)
    sandbox.world.behave(AT_ONCE)
    await sandbox.send(receiver.url)
    await receiver.statuses(2)
    assert lost not in {call["MessageSid"] for call in receiver.calls}


async def test_a_callback_can_overtake_the_answer(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.world.behave(AT_ONCE.model_copy(update={"callback_before_answer": True}))
    sid = await sandbox.send(receiver.url)
    assert receiver.calls[0]["MessageSid"] == sid


async def test_a_receiver_that_refuses_is_tried_again_only_if_it_asked_for_that(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    receiver.answers = [500]
    await sandbox.send(receiver.url)
    assert await receiver.statuses(2) == ["sent", "delivered"]
    receiver.calls.clear()
    receiver.answers = [500, 404]
    await sandbox.send(receiver.url + "#rc=2&rp=4xx,5xx")
    assert await receiver.statuses(4) == ["sent", "sent", "sent", "delivered"]


async def test_a_message_without_a_callback_address_is_delivered_in_silence(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    sid = await sandbox.send("")
    await sandbox.send(receiver.url)
    await receiver.statuses(2)
    assert sid not in {call["MessageSid"] for call in receiver.calls}


async def test_a_receiver_that_is_down_disturbs_nobody(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.send("http://127.0.0.1:1/status")
    await sandbox.send(receiver.url)
    assert await receiver.statuses(2) == ["sent", "delivered"]


async def test_a_stop_does_not_wait_for_messages_under_way(receiver: Receiver) -> None:
    world = World([ACCOUNT], Behaviour(sent_delay_s=3600))
    async with ClientSession() as session, asyncio.timeout(2), serving(world) as base_url:
        await Sandbox(world, base_url, session).send(receiver.url)
    assert receiver.calls == []
