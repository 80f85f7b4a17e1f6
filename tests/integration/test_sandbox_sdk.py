"""The official SDK against the sandbox: it must not notice that this is not Twilio."""

# The SDK ships no types.
# mypy: disable-error-code="import-untyped"

import base64
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from dunlin.sandbox.account import Account, MessagingService
from dunlin.sandbox.app import serving
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.world import World

SERVICE = MessagingService(
    sid="MG" + "1" * 32, phone_numbers=("+447700900123",), alpha_senders=("Dunlin",), short_codes=("12345",)
)
KEY, SECRET = "SK" + "1" * 32, "s3cret"
ACCOUNT = Account(
    sid="AC" + "a" * 32,
    auth_token="a" * 32,
    friendly_name="Acme",
    phone_numbers=("+15005550006", "+447700900123"),
    messaging_services=(SERVICE,),
    short_codes=("12345",),
    api_keys={KEY: SECRET},
)
SUSPENDED = Account(sid="AC" + "b" * 32, auth_token="b" * 32, status="suspended")
TEST = Account(sid="AC" + "c" * 32, auth_token="c" * 32, is_test=True)
CLOSED = Account(sid="AC" + "d" * 32, auth_token="d" * 32, status="closed")
ACCOUNTS = (ACCOUNT, SUSPENDED, TEST, CLOSED)


class Transport(AsyncHttpClient):  # type: ignore[misc]
    """Sends what the SDK wants to say to Twilio's hosts to the sandbox."""

    def __init__(self, base_url: str, session: ClientSession) -> None:
        super().__init__(None, is_async=True)
        self._base_url, self._session = base_url, session

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] = ("", ""),
        **_: object,
    ) -> Response:
        product, path = uri.removeprefix("https://").split(".twilio.com", 1)
        url = self._base_url + ("" if product == "api" else f"/{product}") + path
        basic = base64.b64encode(":".join(auth).encode()).decode()
        headers = {**(headers or {}), "Authorization": f"Basic {basic}"}
        async with self._session.request(method, url, params=params, data=data, headers=headers) as answer:
            return Response(answer.status, await answer.text(), answer.headers)


class Sandbox:
    """A running sandbox and the SDK's clients for it."""

    def __init__(self, world: World, transport: Transport) -> None:
        self.world, self._transport = world, transport

    def client(self, account: Account = ACCOUNT, name: str = "", secret: str = "") -> Any:
        return Client(
            name or account.sid,
            secret or account.auth_token,
            account_sid=account.sid,
            http_client=self._transport,
            environment={"_": ""},
        )


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[Sandbox]:
    world = World(ACCOUNTS)
    async with serving(world) as base_url, ClientSession() as session:
        yield Sandbox(world, Transport(base_url, session))


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.world.behave(Behaviour(sent_delay_s=0, delivered_delay_s=0))
    return running


def still(sandbox: Sandbox) -> None:
    """Let messages stay as they were created."""
    sandbox.world.behave(Behaviour(sent_delay_s=3600))


async def final(sandbox: Sandbox, sid: str) -> Any:
    """Return the message once it is final; the network needs a few turns of the loop."""
    for _ in range(100):
        message = await sandbox.client().messages(sid).fetch_async()
        if message.status in ("delivered", "undelivered", "failed", "canceled"):
            return message
    raise AssertionError(f"{sid} is still {message.status}")


async def test_a_created_message_looks_as_from_twilio(sandbox: Sandbox) -> None:
    still(sandbox)
    message = await sandbox.client().messages.create_async(to="+37255500000", from_="+15005550006", body="A" * 161)
    assert message.sid.startswith("SM")
    assert len(message.sid) == 34
    assert (message.status, message.direction, message.num_segments) == ("queued", "outbound-api", "2")
    assert (message.price, message.price_unit, message.error_code) == (None, "USD", None)
    assert datetime.now(UTC) - message.date_created < timedelta(seconds=5)
    assert message.date_sent is None
    assert message.uri == f"/2010-04-01/Accounts/{ACCOUNT.sid}/Messages/{message.sid}.json"


async def test_a_message_from_a_service_has_no_sender_and_no_count_yet(sandbox: Sandbox) -> None:
    message = await sandbox.client().messages.create_async(
        to="+37255500000", messaging_service_sid=SERVICE.sid, body="Please pay"
    )
    assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")
    delivered = await final(sandbox, message.sid)
    assert (delivered.from_, delivered.num_segments) == ("+447700900123", "1")


async def test_a_delivered_message_has_a_date_and_a_negative_price(sandbox: Sandbox) -> None:
    created = await sandbox.client().messages.create_async(to="+37255500000", from_="+15005550006", body="A" * 161)
    message = await final(sandbox, created.sid)
    assert (message.status, message.price) == ("delivered", "-0.19000")
    assert message.date_sent is not None


LATE_FAILURES = {
    "+15005550010": ("failed", 30001),
    "+15005550030": ("undelivered", 30003),
    "+15005550050": ("undelivered", 30005),
    "+15005550070": ("undelivered", 30007),
    "+15005550080": ("undelivered", 30008),
}


@pytest.mark.parametrize(("to", "end"), LATE_FAILURES.items())
async def test_a_reserved_number_fails_after_it_was_accepted(to: str, end: tuple[str, int], sandbox: Sandbox) -> None:
    created = await sandbox.client().messages.create_async(to=to, from_="+15005550006", body="Please pay")
    assert created.status == "queued"
    message = await final(sandbox, created.sid)
    assert (message.status, message.error_code) == end


async def test_the_rate_of_failures_makes_messages_undelivered(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(sent_delay_s=0, delivered_delay_s=0, failure_rate=1))
    created = await sandbox.client().messages.create_async(to="+37255500000", from_="+15005550006", body="Please pay")
    message = await final(sandbox, created.sid)
    assert (message.status, message.error_code) == ("undelivered", 30003)


async def test_a_refusal_carries_the_code_of_twilio(sandbox: Sandbox) -> None:
    with pytest.raises(TwilioRestException) as refused:
        await sandbox.client().messages.create_async(to="+15005550004", from_="+15005550006", body="Please pay")
    assert (refused.value.status, refused.value.code) == (400, 21610)


async def test_messages_are_listed_newest_first_page_by_page(sandbox: Sandbox) -> None:
    still(sandbox)
    messages = sandbox.client().messages
    sids = [(await messages.create_async(to="+37255511111", from_="+15005550006", body=f"{n}")).sid for n in range(5)]
    listed = await messages.list_async(to="+37255511111", page_size=2)
    assert [message.sid for message in listed] == sids[::-1]


async def test_a_list_can_be_filtered_by_sender_and_by_day_of_sending(sandbox: Sandbox) -> None:
    messages = sandbox.client().messages
    sent = await messages.create_async(to="+37255522222", from_="+447700900123", body="Please pay")
    await final(sandbox, sent.sid)
    still(sandbox)
    await messages.create_async(to="+37255522222", from_="+15005550006", body="Please pay")

    async def count(**filters: object) -> int:
        return len(await messages.list_async(to="+37255522222", **filters))

    today = datetime.now(UTC)
    assert await count() == 2
    assert await count(from_="+447700900123") == 1
    assert await count(date_sent_after=today - timedelta(days=1)) == 1
    assert await count(date_sent_before=today - timedelta(days=1)) == 0


async def test_a_lagging_list_hides_a_message_that_can_be_fetched(sandbox: Sandbox) -> None:
    sandbox.world.behave(Behaviour(list_lag_s=60))
    messages = sandbox.client().messages
    sid = (await messages.create_async(to="+37255533333", from_="+15005550006", body="Please pay")).sid
    assert await messages.list_async(to="+37255533333") == []
    assert (await messages(sid).fetch_async()).sid == sid


async def test_a_scheduled_message_can_be_canceled_once(sandbox: Sandbox) -> None:
    messages = sandbox.client().messages
    sid = (
        await messages.create_async(
            to="+37255500000",
            messaging_service_sid=SERVICE.sid,
            body="Please pay",
            schedule_type="fixed",
            send_at=datetime.now(UTC) + timedelta(hours=1),
        )
    ).sid
    assert (await messages(sid).update_async(status="canceled")).status == "canceled"
    with pytest.raises(TwilioRestException, match="canceled any more"):
        await messages(sid).update_async(status="canceled")


async def test_a_delivered_message_can_be_redacted_and_deleted(sandbox: Sandbox) -> None:
    messages = sandbox.client().messages
    sid = (await messages.create_async(to="+37255500000", from_="+15005550006", body="Please pay")).sid
    await final(sandbox, sid)
    assert (await messages(sid).update_async(body="")).body == ""
    assert await messages(sid).delete_async()
    with pytest.raises(TwilioRestException) as missing:
        await messages(sid).fetch_async()
    assert (missing.value.status, missing.value.code) == (404, 20404)


async def test_a_message_under_way_can_be_neither_redacted_nor_deleted(sandbox: Sandbox) -> None:
    still(sandbox)
    messages = sandbox.client().messages
    sid = (await messages.create_async(to="+37255500000", from_="+15005550006", body="Please pay")).sid
    for attempt in (messages(sid).delete_async(), messages(sid).update_async(body="")):
        with pytest.raises(TwilioRestException) as refused:
            await attempt
        assert refused.value.code == 20009


async def test_an_account_shows_itself_its_balance_and_its_numbers(sandbox: Sandbox) -> None:
    account = sandbox.client().api.v2010.accounts(ACCOUNT.sid)
    itself = await account.fetch_async()
    assert (itself.status, itself.type, itself.friendly_name) == ("active", "Full", "Acme")
    assert (await account.balance.fetch_async()).currency == "USD"
    numbers = await account.incoming_phone_numbers.list_async()
    assert [number.phone_number for number in numbers] == ["+15005550006", "+447700900123"]
    assert numbers[0].capabilities["sms"] is True
    (one,) = await account.incoming_phone_numbers.list_async(phone_number="+447700900123")
    assert one.sid == numbers[1].sid
    assert [code.short_code for code in await account.short_codes.list_async()] == ["12345"]


async def test_a_messaging_service_shows_its_senders(sandbox: Sandbox) -> None:
    services = sandbox.client().messaging.v1.services
    assert [service.sid for service in await services.list_async()] == [SERVICE.sid]
    service = services(SERVICE.sid)
    assert (await service.fetch_async()).friendly_name == "Reminders"
    (number,) = await service.phone_numbers.list_async()
    assert (number.phone_number, number.country_code) == ("+447700900123", "GB")
    assert [row.alpha_sender for row in await service.alpha_senders.list_async()] == ["Dunlin"]
    assert [row.short_code for row in await service.short_codes.list_async()] == ["12345"]
    with pytest.raises(TwilioRestException, match="was not found"):
        await services("MG" + "9" * 32).fetch_async()


async def test_a_price_is_a_text_per_segment_and_country(sandbox: Sandbox) -> None:
    countries = sandbox.client().pricing.v1.messaging.countries
    estonia = await countries("EE").fetch_async()
    assert (estonia.country, estonia.price_unit) == ("Estonia", "USD")
    assert estonia.outbound_sms_prices[0]["prices"][0]["current_price"] == "0.0950"
    assert len(await countries.list_async(page_size=10)) > 20


WRONG = {
    "a wrong token": (ACCOUNT, "", "f" * 32),
    "an unknown account": (ACCOUNT, "AC" + "f" * 32, ""),
    "a wrong secret of a key": (ACCOUNT, KEY, "wrong"),
    "a token that is no ASCII": (ACCOUNT, "", "žžž"),
    "a closed account": (CLOSED, "", ""),
}


@pytest.mark.parametrize(("account", "name", "secret"), WRONG.values(), ids=WRONG.keys())
async def test_wrong_credentials_are_refused(account: Account, name: str, secret: str, sandbox: Sandbox) -> None:
    client = sandbox.client(account, name, secret)
    with pytest.raises(TwilioRestException) as refused:
        await client.messages.create_async(to="+37255500000", from_="+15005550006", body="Please pay")
    assert (refused.value.status, refused.value.code) == (401, 20003)


async def test_an_api_key_sends_but_does_not_read_the_account(sandbox: Sandbox) -> None:
    client = sandbox.client(ACCOUNT, KEY, SECRET)
    message = await client.messages.create_async(to="+37255500000", from_="+15005550006", body="Please pay")
    assert message.account_sid == ACCOUNT.sid
    with pytest.raises(TwilioRestException) as refused:
        await client.api.v2010.accounts(ACCOUNT.sid).fetch_async()
    assert refused.value.code == 20003


async def test_an_account_does_not_see_another(sandbox: Sandbox) -> None:
    client = sandbox.client(SUSPENDED, ACCOUNT.sid, ACCOUNT.auth_token)
    with pytest.raises(TwilioRestException) as refused:
        await client.api.v2010.accounts(SUSPENDED.sid).fetch_async()
    assert (refused.value.status, refused.value.code) == (404, 20404)


async def test_a_suspended_account_shows_that_it_is_and_does_not_send(sandbox: Sandbox) -> None:
    client = sandbox.client(SUSPENDED)
    assert (await client.api.v2010.accounts(SUSPENDED.sid).fetch_async()).status == "suspended"
    with pytest.raises(TwilioRestException) as refused:
        await client.messages.create_async(to="+37255500000", from_="+15005550006", body="Please pay")
    assert refused.value.code == 20005


async def test_test_credentials_pretend_to_send_and_read_nothing(sandbox: Sandbox) -> None:
    client = sandbox.client(TEST)
    message = await client.messages.create_async(to="+37255500000", from_="+15005550006", body="Please pay")
    assert message.status == "queued"
    assert sandbox.world.ledger.find(message.sid) is None
    with pytest.raises(TwilioRestException) as refused:
        await client.api.v2010.accounts(TEST.sid).fetch_async()
    assert (refused.value.status, refused.value.code) == (403, 20008)
    with pytest.raises(TwilioException, match="Unable to fetch page"):
        await client.messages.list_async()


async def test_a_restart_finds_its_messages_and_carries_on(tmp_path: Path) -> None:
    ledger = tmp_path / "outbox.jsonl"
    async with ClientSession() as session:
        world = World(ACCOUNTS, Behaviour(sent_delay_s=3600), ledger)
        async with serving(world) as base_url:
            client = Sandbox(world, Transport(base_url, session)).client()
            created = await client.messages.create_async(to="+37255500000", from_="+15005550006", body="Please pay ž")
        world = World(ACCOUNTS, Behaviour(sent_delay_s=0, delivered_delay_s=0), ledger)
        async with serving(world) as base_url:
            message = await final(Sandbox(world, Transport(base_url, session)), created.sid)
    assert (message.status, message.body) == ("delivered", "Please pay ž")
