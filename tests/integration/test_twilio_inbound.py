"""Asking Twilio to bring texts to us, through the real SDK against a server on this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dunlin.channels.twilio import TwilioChannel
from dunlin.channels.twilio_transport import Transport
from dunlin.domain.carrier import Sender, SenderKind, TwilioCredentials

ACCOUNT = "AC" + "a" * 32
NUMBER_SID = "PN" + "b" * 32
SERVICE = "MG" + "c" * 32
NUMBER = "+15005550006"
KEY = UUID(int=1)
PATH = f"/webhooks/twilio/inbound/{KEY}"
OURS = f"https://dunlin.example{PATH}#rc=5&rp=all&rt=5000"
FORMER = "https://dunlin.example/webhooks/twilio/inbound/another#rc=5&rp=all&rt=5000"
THEIRS = "https://crm.example/sms"
PLACEHOLDER = "https://demo.twilio.com/welcome/sms/reply/"
FROM_NUMBER = Sender(SenderKind.PHONE_NUMBER, NUMBER)
FROM_SERVICE = Sender(SenderKind.MESSAGING_SERVICE, SERVICE)

Posted = list[tuple[str, dict[str, str]]]


@asynccontextmanager
async def twilio(found: dict[str, object], posted: Posted, *, status: int = 200) -> AsyncIterator[TwilioChannel]:
    """Serve one number and one service, whose fields are `found`; note in `posted` what is to be changed."""

    async def answer(request: web.Request) -> web.Response:
        if status != 200:
            return web.json_response({"code": 20003, "message": "no", "status": status}, status=status)
        if request.method == "POST":
            posted.append((request.path, {name: str(value) for name, value in (await request.post()).items()}))
        if request.path.endswith("/IncomingPhoneNumbers.json"):
            rows = [{"sid": NUMBER_SID, "phone_number": NUMBER, "sms_application_sid": "", **found}]
            return web.json_response({"incoming_phone_numbers": rows, "page": 0, "page_size": 50})
        return web.json_response({"sid": SERVICE, "use_inbound_webhook_on_number": False, **found})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server, Transport(str(server.make_url("")).rstrip("/")) as transport:
        yield TwilioChannel("https://dunlin.example", transport)


async def route(sender: Sender, found: dict[str, object], *, status: int = 200) -> tuple[bool, Posted]:
    posted: Posted = []
    async with twilio(found, posted, status=status) as channel:
        return await channel.route_inbound(TwilioCredentials(ACCOUNT, "t0ken"), sender, KEY), posted


NUMBER_SET = [
    (
        f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{NUMBER_SID}.json",
        {"SmsUrl": OURS, "SmsMethod": "POST"},
    )
]
SERVICE_SET = [(f"/messaging/v1/Services/{SERVICE}", {"InboundRequestUrl": OURS, "InboundMethod": "POST"})]


@pytest.mark.parametrize("address", ["", None, PLACEHOLDER, FORMER], ids=["empty", "null", "twilio's own", "ours"])
async def test_a_number_without_an_address_of_somebody_elses_brings_its_texts_to_us(address: str | None) -> None:
    assert await route(FROM_NUMBER, {"sms_url": address}) == (True, NUMBER_SET)


@pytest.mark.parametrize("address", ["", None, FORMER])
async def test_a_service_without_an_address_of_somebody_elses_brings_its_texts_to_us(address: str | None) -> None:
    assert await route(FROM_SERVICE, {"inbound_request_url": address}) == (True, SERVICE_SET)


@pytest.mark.parametrize(
    ("sender", "found"),
    [
        pytest.param(FROM_NUMBER, {"sms_url": OURS}, id="number"),
        pytest.param(FROM_SERVICE, {"inbound_request_url": OURS}, id="service"),
    ],
)
async def test_what_is_set_to_us_already_is_left_alone(sender: Sender, found: dict[str, object]) -> None:
    assert await route(sender, found) == (True, [])


@pytest.mark.parametrize(
    ("sender", "found"),
    [
        pytest.param(FROM_NUMBER, {"sms_url": THEIRS}, id="number"),
        pytest.param(FROM_NUMBER, {"sms_url": "https://dunlin.example.org/webhooks/"}, id="number, a like name"),
        pytest.param(FROM_NUMBER, {"sms_url": "", "sms_application_sid": "AP" + "d" * 32}, id="number, application"),
        pytest.param(FROM_NUMBER, {"sms_url": "", "phone_number": NUMBER + "7"}, id="another number"),
        pytest.param(FROM_SERVICE, {"inbound_request_url": THEIRS}, id="service"),
        pytest.param(FROM_SERVICE, {"use_inbound_webhook_on_number": True}, id="service, its numbers decide"),
        pytest.param(Sender(SenderKind.ALPHANUMERIC, "Dunlin"), {"sms_url": ""}, id="a name"),
    ],
)
async def test_what_somebody_else_has_set_is_never_changed(sender: Sender, found: dict[str, object]) -> None:
    assert await route(sender, found) == (False, [])


@pytest.mark.parametrize("sender", [FROM_NUMBER, FROM_SERVICE], ids=["number", "service"])
@pytest.mark.parametrize("status", [403, 429, 500])
async def test_a_carrier_that_does_not_let_us_is_no_error(sender: Sender, status: int) -> None:
    assert await route(sender, {}, status=status) == (False, [])
