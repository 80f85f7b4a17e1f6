"""Checking accounts and senders through the real SDK against a server on this machine."""

import base64
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dunlin.channels.twilio import TwilioChannel
from dunlin.channels.twilio_transport import Transport
from dunlin.domain.carrier import (
    CarrierUnavailable,
    CredentialsRejected,
    Sender,
    SenderKind,
    SenderRejected,
    TwilioCredentials,
    Verdict,
)

ACCOUNT = "AC" + "a" * 32
KEY = "SK" + "b" * 32
SERVICE = "MG" + "c" * 32
NUMBER = "+15005550006"
TOKEN = "s3cret-token"

WITH_TOKEN = TwilioCredentials(ACCOUNT, TOKEN)
WITH_KEY = TwilioCredentials(ACCOUNT, TOKEN, KEY, "s3cret-key")
FROM_NUMBER = Sender(SenderKind.PHONE_NUMBER, NUMBER)
FROM_SERVICE = Sender(SenderKind.MESSAGING_SERVICE, SERVICE)

ACCOUNT_PATH = f"/2010-04-01/Accounts/{ACCOUNT}.json"
NUMBERS_PATH = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
SERVICE_PATH = f"/messaging/v1/Services/{SERVICE}"

Said = tuple[int, object]  # HTTP status, and a body as JSON or as HTML


def refusal(status: int, code: int) -> Said:
    return status, {"code": code, "message": "Authenticate", "more_info": "", "status": status}


def numbers(*entries: tuple[str, bool]) -> Said:
    rows = [{"phone_number": number, "capabilities": {"voice": True, "sms": sms}} for number, sms in entries]
    return 200, {"incoming_phone_numbers": rows, "page": 0, "page_size": 50, "next_page_uri": None}


HEALTHY: Mapping[str, Said] = {
    f"{ACCOUNT} {ACCOUNT_PATH}": (200, {"sid": ACCOUNT, "status": "active", "auth_token": TOKEN}),
    f"{ACCOUNT} {NUMBERS_PATH}": numbers((NUMBER, True)),
    f"{KEY} {NUMBERS_PATH}": numbers((NUMBER, True)),
    f"{ACCOUNT} {SERVICE_PATH}": (200, {"sid": SERVICE, "account_sid": ACCOUNT}),
}
HTML = "<html>Bad gateway</html>"


@asynccontextmanager
async def twilio(said: Mapping[str, Said], asked: list[str]) -> AsyncIterator[TwilioChannel]:
    """Serve `said`, keyed by who asks and the path; note in `asked` what was asked."""

    async def answer(request: web.Request) -> web.Response:
        user = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode().split(":")[0]
        asked.append(f"{user} {request.path_qs}")
        status, body = said[f"{user} {request.path}"]
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html")
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server, Transport(str(server.make_url("")).rstrip("/")) as transport:
        yield TwilioChannel("https://dunlin.example", transport)


async def check(credentials: TwilioCredentials = WITH_TOKEN, sender: Sender = FROM_NUMBER, **changed: Said) -> Verdict:
    paths = {
        "account": f"{ACCOUNT} {ACCOUNT_PATH}",
        "own_numbers": f"{ACCOUNT} {NUMBERS_PATH}",
        "numbers_by_key": f"{KEY} {NUMBERS_PATH}",
        "service": f"{ACCOUNT} {SERVICE_PATH}",
    }
    said = {**HEALTHY, **{paths[name]: answer for name, answer in changed.items()}}
    async with twilio(said, []) as channel:
        return await channel.check(credentials, sender)


@pytest.mark.parametrize("credentials", [WITH_TOKEN, WITH_KEY], ids=["auth-token", "api-key"])
@pytest.mark.parametrize(
    "sender",
    [FROM_NUMBER, FROM_SERVICE, Sender(SenderKind.ALPHANUMERIC, "Dunlin Inc")],
    ids=["number", "service", "name"],
)
async def test_a_good_account_with_a_good_sender_can_send(credentials: TwilioCredentials, sender: Sender) -> None:
    assert await check(credentials, sender) is None


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        pytest.param(replace(WITH_TOKEN, account_sid="AC123"), "account SID", id="short-account"),
        pytest.param(replace(WITH_TOKEN, account_sid=KEY), "account SID", id="key-for-account"),
        pytest.param(replace(WITH_TOKEN, account_sid=ACCOUNT + "\n"), "account SID", id="account-and-newline"),
        pytest.param(replace(WITH_TOKEN, auth_token=""), "auth token is missing", id="no-token"),
        pytest.param(replace(WITH_KEY, api_key_sid=ACCOUNT), "API key's SID should", id="account-for-key"),
        pytest.param(replace(WITH_KEY, api_key_sid=None), "API key's SID is missing", id="secret-without-key"),
        pytest.param(replace(WITH_KEY, api_key_secret=None), "secret is missing", id="key-without-secret"),
    ],
)
async def test_misshapen_keys_are_rejected_by_name_without_asking_the_carrier(
    credentials: TwilioCredentials, words: str
) -> None:
    asked: list[str] = []
    async with twilio(HEALTHY, asked) as channel:
        verdict = await channel.check(credentials, FROM_NUMBER)

    assert isinstance(verdict, CredentialsRejected)
    assert words in verdict.reason
    assert asked == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            refusal(401, 20003),
            CredentialsRejected("The carrier did not accept the keys of this account."),
            id="401-wrong-token",
        ),
        pytest.param(
            refusal(404, 20404),
            CredentialsRejected("The carrier does not know this account."),
            id="404-no-such-account",
        ),
        pytest.param(
            refusal(403, 20008),
            CredentialsRejected("These are test keys, which cannot do this."),
            id="403-test-keys",
        ),
        pytest.param(
            (200, {"status": "suspended"}),
            CredentialsRejected("The account at the carrier is suspended."),
            id="suspended",
        ),
        pytest.param(
            (200, {"status": "closed"}),
            CredentialsRejected("The account at the carrier is closed."),
            id="closed",
        ),
        pytest.param(
            (500, {"code": 20500}),
            CarrierUnavailable("The carrier gave no clear answer (HTTP 500)."),
            id="500",
        ),
        pytest.param((502, HTML), CarrierUnavailable("The carrier gave no clear answer (HTTP 502)."), id="502"),
        pytest.param((404, HTML), CarrierUnavailable("The carrier gave no clear answer (HTTP 404)."), id="404"),
        pytest.param((200, HTML), CarrierUnavailable("The carrier gave no clear answer (HTTP 200)."), id="html"),
        pytest.param(
            (200, {}), CarrierUnavailable("The carrier gave no clear answer (no account status)."), id="empty"
        ),
        pytest.param(
            (429, HTML),
            CarrierUnavailable("The carrier takes no more calls at the moment (HTTP 429)."),
            id="429",
        ),
    ],
)
async def test_the_account_is_judged_by_what_the_carrier_says_of_it(said: Said, expected: Verdict) -> None:
    assert await check(account=said) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            refusal(401, 20003),
            CredentialsRejected("The carrier did not accept the API key (error 20003)."),
            id="wrong-secret",
        ),
        pytest.param(
            refusal(403, 70051),
            CredentialsRejected("The carrier did not accept the API key (error 70051)."),
            id="no-permission",
        ),
        pytest.param((502, HTML), CarrierUnavailable("The carrier gave no clear answer (HTTP 502)."), id="502"),
    ],
)
async def test_an_api_key_has_to_work_too(said: Said, expected: Verdict) -> None:
    assert await check(WITH_KEY, numbers_by_key=said) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            numbers(),
            SenderRejected("The account does not have the sender's number."),
            id="not-in-the-account",
        ),
        pytest.param(
            numbers((NUMBER + "7", True)),
            SenderRejected("The account does not have the sender's number."),
            id="a-longer-number-is",
        ),
        pytest.param(
            numbers((NUMBER, False)),
            SenderRejected("The sender's number cannot send texts."),
            id="voice-only",
        ),
        pytest.param(
            refusal(403, 70051),
            CredentialsRejected("The keys lack a permission at the carrier."),
            id="no-permission",
        ),
        pytest.param((503, HTML), CarrierUnavailable("The carrier gave no clear answer (HTTP 503)."), id="503"),
        pytest.param((200, {}), CarrierUnavailable("The carrier answered in an unexpected form."), id="not-a-list"),
    ],
)
async def test_a_number_has_to_be_the_accounts_own_and_able_to_text(said: Said, expected: Verdict) -> None:
    assert await check(own_numbers=said) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            refusal(404, 20404),
            SenderRejected("The account does not have this messaging service."),
            id="404-no-such-service",
        ),
        pytest.param(
            refusal(400, 21702),
            SenderRejected("The messaging service does not exist or cannot be used."),
            id="unusable",
        ),
        pytest.param((404, HTML), CarrierUnavailable("The carrier gave no clear answer (HTTP 404)."), id="html"),
    ],
)
async def test_a_messaging_service_has_to_be_the_accounts_own(said: Said, expected: Verdict) -> None:
    assert await check(sender=FROM_SERVICE, service=said) == expected


@pytest.mark.parametrize(
    "sender",
    [
        pytest.param(Sender(SenderKind.PHONE_NUMBER, "*"), id="wildcard-for-number"),
        pytest.param(Sender(SenderKind.PHONE_NUMBER, "15005550006"), id="number-without-plus"),
        pytest.param(Sender(SenderKind.MESSAGING_SERVICE, "MG/../x"), id="path-for-service"),
        pytest.param(Sender(SenderKind.ALPHANUMERIC, ""), id="no-name"),
        pytest.param(Sender(SenderKind.ALPHANUMERIC, "Twelve chars"), id="12-characters"),
        pytest.param(Sender(SenderKind.ALPHANUMERIC, "12345"), id="name-without-letters"),
        pytest.param(Sender(SenderKind.ALPHANUMERIC, "Müller"), id="name-with-umlaut"),
    ],
)
async def test_a_misshapen_sender_is_rejected(sender: Sender) -> None:
    assert isinstance(await check(sender=sender), SenderRejected)


@pytest.mark.parametrize("name", ["A", "Dunlin Inc", "A+B-C_D&E 1", "1 A"])
async def test_a_name_may_have_letters_digits_spaces_and_a_few_signs(name: str) -> None:
    assert await check(sender=Sender(SenderKind.ALPHANUMERIC, name)) is None


async def test_a_carrier_that_cannot_be_reached_says_nothing_about_the_keys() -> None:
    async with Transport("http://127.0.0.1:1") as transport:  # nothing listens on port 1
        verdict = await TwilioChannel("https://dunlin.example", transport).check(WITH_TOKEN, FROM_NUMBER)

    assert isinstance(verdict, CarrierUnavailable)


async def test_the_account_is_read_with_the_token_and_the_key_is_tried_by_a_list() -> None:
    asked: list[str] = []
    async with twilio(HEALTHY, asked) as channel:
        await channel.check(WITH_KEY, FROM_NUMBER)

    assert asked == [
        f"{ACCOUNT} {ACCOUNT_PATH}",
        f"{KEY} {NUMBERS_PATH}?PageSize=1",
        f"{ACCOUNT} {NUMBERS_PATH}?PhoneNumber=%2B15005550006&PageSize=50",
    ]


async def test_no_key_of_the_account_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    await check(WITH_KEY)

    assert TOKEN not in caplog.text
    assert "s3cret-key" not in caplog.text
