"""Acting as the people who get the texts: what they answer is brought to who has set an address, signed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientSession, encode_basic_auth, web
from aiohttp.test_utils import TestServer
from twilio.request_validator import RequestValidator

from dunlin.sandbox.account import Account, MessagingService
from dunlin.sandbox.app import serving
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.world import World

NUMBER, OTHER_NUMBER, DEBTOR = "+15005550006", "+447700900123", "+37255500001"
SERVICE = MessagingService(sid="MG" + "c" * 32, phone_numbers=(OTHER_NUMBER,))
ACCOUNT = Account(
    sid="AC" + "a" * 32,
    auth_token="a" * 32,
    phone_numbers=(NUMBER, OTHER_NUMBER),
    messaging_services=(SERVICE,),
    alphanumeric=True,
)
CORE = f"/2010-04-01/Accounts/{ACCOUNT.sid}"
SERVICE_PATH = f"/messaging/v1/Services/{SERVICE.sid}"
BASIC = {"Authorization": encode_basic_auth(ACCOUNT.sid, ACCOUNT.auth_token)}
QUICK = Behaviour(sent_delay_s=0, delivered_delay_s=0)

Json = dict[str, object]


@dataclass
class Receiver:
    """Who has set an address, and what was brought there."""

    url: str = ""
    brought: list[tuple[Mapping[str, str], str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.brought.append((form, request.headers["X-Twilio-Signature"]))
        self.arrived.set()
        return web.Response(text="<Response/>", content_type="text/xml")

    async def next(self) -> Mapping[str, str]:
        async with asyncio.timeout(5):
            await self.arrived.wait()
        self.arrived.clear()
        fields, signature = self.brought[-1]
        assert RequestValidator(ACCOUNT.auth_token).validate(self.url.partition("#")[0], dict(fields), signature)
        return fields


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/texts", receiver.take)
    async with TestServer(app) as server:
        receiver.url = f"{server.make_url('/texts')}?x=1#rc=5&rp=all"
        yield receiver


@asynccontextmanager
async def sandbox(ledger: Path | None = None) -> AsyncIterator[ClientSession]:
    async with serving(World([ACCOUNT], QUICK, ledger)) as base_url, ClientSession(base_url) as session:
        yield session


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with sandbox() as session:
        yield session


async def call(client: ClientSession, path: str, status: int = 200, **form: str) -> Json:
    """Post a form as the account, or read where there is none."""
    method = "POST" if form else "GET"
    async with client.request(method, path, data=form or None, headers=BASIC) as answer:
        assert answer.status == status, await answer.text()
        body: Json = await answer.json()
        return body


async def number_path(client: ClientSession, number: str = NUMBER) -> str:
    async with client.get(f"{CORE}/IncomingPhoneNumbers.json", params={"PhoneNumber": number}, headers=BASIC) as answer:
        [found] = (await answer.json())["incoming_phone_numbers"]
    return f"{CORE}/IncomingPhoneNumbers/{found['sid']}.json"


async def send(client: ClientSession, status: int = 201, **form: str) -> Json:
    return await call(client, f"{CORE}/Messages.json", status, **({"To": DEBTOR, "From": NUMBER, "Body": "Pay"} | form))


async def say(client: ClientSession, body: str, status: int = 202, **form: str) -> Json:
    """Act as the debtor."""
    given = {"from": DEBTOR, "to": NUMBER, "body": body} | form
    async with client.post("/sandbox/inbound", data=given) as answer:
        assert answer.status == status, await answer.text()
        said: Json = await answer.json()
        return said


async def test_an_account_sets_where_the_texts_of_a_number_are_brought(client: ClientSession) -> None:
    path = await number_path(client)
    assert (await call(client, path))["sms_url"] == ""

    changed = await call(client, path, SmsUrl="https://a.example/in#rc=1", FriendlyName="ignored")

    assert changed["sms_url"] == "https://a.example/in#rc=1"
    assert (await call(client, path))["sms_url"] == "https://a.example/in#rc=1"
    assert (await call(client, path, 400, SmsUrl="mailto:a@b.example"))["code"] == 20001
    assert (await call(client, f"{CORE}/IncomingPhoneNumbers/PN1.json", 404))["code"] == 20404


async def test_an_account_sets_where_the_texts_of_a_service_are_brought(client: ClientSession) -> None:
    assert (await call(client, SERVICE_PATH))["inbound_request_url"] is None

    changed = await call(client, SERVICE_PATH, InboundRequestUrl="https://a.example/in")

    assert changed["inbound_request_url"] == "https://a.example/in"
    assert (await call(client, SERVICE_PATH, 400, InboundRequestUrl="ftp://a.example"))["code"] == 20001


async def test_what_a_person_texts_is_brought_signed_with_twilios_fields(
    client: ClientSession, receiver: Receiver
) -> None:
    await call(client, await number_path(client), SmsUrl=receiver.url)

    said = await say(client, "Já paguei 👍")

    fields = await receiver.next()
    assert (fields["From"], fields["To"], fields["Body"]) == (DEBTOR, NUMBER, "Já paguei 👍")
    assert (fields["AccountSid"], fields["MessageSid"]) == (ACCOUNT.sid, said["sid"])
    assert fields["SmsStatus"] == "received"
    assert fields["NumSegments"] == "1"
    assert "MessagingServiceSid" not in fields
    assert said["brought_to"] == receiver.url


async def test_an_answer_to_a_service_is_brought_where_the_service_says(
    client: ClientSession, receiver: Receiver
) -> None:
    await call(client, await number_path(client, OTHER_NUMBER), SmsUrl="https://a.example/elsewhere")
    await call(client, SERVICE_PATH, InboundRequestUrl=receiver.url)

    await say(client, "Hello", to=OTHER_NUMBER)

    assert (await receiver.next())["MessagingServiceSid"] == SERVICE.sid


async def test_an_answer_from_the_outbox_goes_back_to_the_sender_of_the_message(
    client: ClientSession, receiver: Receiver
) -> None:
    await call(client, await number_path(client), SmsUrl=receiver.url)
    message = await send(client)
    form = {"reply_to": str(message["sid"]), "body": "<b>Who is this?</b>"}

    async with client.post("/sandbox/inbound", data=form, headers={"Accept": "text/html"}) as answer:
        page = await answer.text()

    fields = await receiver.next()
    assert (fields["From"], fields["To"]) == (DEBTOR, NUMBER)
    assert answer.url.path_qs == "/?to=%2B37255500001"
    assert "&lt;b&gt;Who is this?&lt;/b&gt;" in page
    assert f'name="reply_to" value="{message["sid"]}"' in page


async def test_a_name_cannot_be_answered(client: ClientSession) -> None:
    message = await send(client, From="Waterworks")

    refused = await say(client, "STOP", 400, reply_to=str(message["sid"]))

    assert "a name cannot be answered" in str(refused["error"])
    async with client.get("/") as page:
        assert 'action="/sandbox/inbound"' not in await page.text()


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"body": "Hi"}, id="from nobody"),
        pytest.param({"from": DEBTOR, "to": NUMBER, "body": ""}, id="nothing"),
        pytest.param({"from": DEBTOR, "to": NUMBER, "body": "x" * 1_601}, id="too much"),
        pytest.param({"from": DEBTOR, "to": "+15005550007", "body": "Hi"}, id="to nobody"),
        pytest.param({"reply_to": "SM1", "body": "Hi"}, id="to an unknown message"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_the_reason(client: ClientSession, form: dict[str, str]) -> None:
    async with client.post("/sandbox/inbound", data=form) as answer:
        assert (answer.status, bool((await answer.json())["error"])) == (400, True)


async def test_a_page_of_elsewhere_cannot_act_as_the_debtor(client: ClientSession) -> None:
    form = {"from": DEBTOR, "to": NUMBER, "body": "STOP"}
    async with client.post("/sandbox/inbound", data=form, headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status == 403
    await send(client)


async def test_a_plus_may_stand_in_the_form_as_it_is(client: ClientSession) -> None:
    form = f"from={DEBTOR}&to={NUMBER}&body=STOP"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with client.post("/sandbox/inbound", data=form.encode(), headers=headers) as answer:
        assert answer.status == 202

    assert (await send(client, 400))["code"] == 21610


async def test_without_an_address_nobody_is_told(client: ClientSession) -> None:
    assert (await say(client, "Hello"))["brought_to"] is None


@pytest.mark.parametrize("word", ["STOP", " stop ", "Unsubscribe", "CANCEL"])
async def test_who_says_stop_gets_nothing_from_that_number_until_they_say_start(
    client: ClientSession, word: str
) -> None:
    await say(client, word)
    assert (await send(client, 400))["code"] == 21610
    await send(client, To="+37255500002")
    await send(client, From=OTHER_NUMBER)

    await say(client, "START")
    await send(client)


async def test_stop_within_a_sentence_is_not_heeded_as_twilio_does_not(client: ClientSession) -> None:
    await say(client, "Please stop")

    await send(client)


async def test_a_service_that_was_told_to_stop_fails_later(client: ClientSession) -> None:
    await say(client, "STOP", to=OTHER_NUMBER)

    message = await send(client, From="", MessagingServiceSid=SERVICE.sid)

    async with asyncio.timeout(5):
        path = f"{CORE}/Messages/{message['sid']}.json"
        while (now := await call(client, path))["status"] != "failed":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert now["error_code"] == 21610


async def test_addresses_and_refusals_outlive_the_process(tmp_path: Path) -> None:
    ledger = tmp_path / "outbox.jsonl"
    async with sandbox(ledger) as client:
        await call(client, await number_path(client), SmsUrl="https://a.example/in")
        await say(client, "STOP")

    async with sandbox(ledger) as client:
        assert (await call(client, await number_path(client)))["sms_url"] == "https://a.example/in"
        assert (await send(client, 400))["code"] == 21610


async def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "outbox.switchboard.json").write_text('{"addresses": 1')

    async with sandbox(tmp_path / "outbox.jsonl") as client:
        assert (await call(client, await number_path(client)))["sms_url"] == ""
