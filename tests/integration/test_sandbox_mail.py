"""The sandbox's mail server, spoken to over a socket."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email import policy
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPReadTimeoutError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from dunlin.sandbox.account import Account
from dunlin.sandbox.app import Addresses, serving_with_mail
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.mail_server import LONGEST_MAIL, Encryption
from dunlin.sandbox.world import World
from tests.certificate import tls_of_server_and_client
from tests.mail import a_client, a_mail

ACCOUNT = Account(sid="AC" + "a" * 32, auth_token="a" * 32, friendly_name="Acme", api_keys={"SK" + "1" * 32: "secret"})
SUSPENDED = Account(sid="AC" + "b" * 32, auth_token="b" * 32, status="suspended")
CLOSED = Account(sid="AC" + "c" * 32, auth_token="c" * 32, status="closed")
CHECKING = Account(sid="AC" + "d" * 32, auth_token="d" * 32, is_test=True)
QUICK = Behaviour(sent_delay_s=0.01, delivered_delay_s=0.01)
BOUNCES = "bounces+1@acme.example"


@asynccontextmanager
async def a_sandbox(ledger: Path | None = None, behaviour: Behaviour = QUICK) -> AsyncIterator[Addresses]:
    world = World([ACCOUNT, SUSPENDED, CLOSED, CHECKING], behaviour, ledger)
    async with serving_with_mail(world) as addresses:
        yield addresses


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Addresses]:
    async with a_sandbox() as addresses:
        yield addresses


@pytest.fixture
async def client(sandbox: Addresses) -> AsyncIterator[SMTP]:
    async with a_client(sandbox.smtp, ACCOUNT) as smtp:
        yield smtp


async def outbox(sandbox: Addresses, to: str = "") -> list[dict[str, Any]]:
    async with ClientSession(sandbox.web) as http, http.get("/outbox.json", params={"to": to}) as answer:
        entries: list[dict[str, Any]] = (await answer.json())["messages"]
        return entries


async def until_final(sandbox: Addresses, to: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            for entry in await outbox(sandbox, to):
                if entry["status"] != "taken":
                    return entry


async def send(client: SMTP, to: str, **headers: str) -> str:
    _, answer = await client.send_message(a_mail(to, **headers), sender=BOUNCES)
    return answer


async def test_a_mail_is_taken_and_can_be_read_in_the_outbox(sandbox: Addresses, client: SMTP) -> None:
    mail = a_mail("ann@example.com", "Dear Ann,\npay.", Reply_To="office@acme.example", Message_ID="<r-1@acme.example>")
    mail.add_alternative("<p>Dear Ann</p>", subtype="html")
    refused, answer = await client.send_message(mail, sender=BOUNCES)
    entry = await until_final(sandbox, "ann@example.com")
    assert refused == {}
    assert answer == f"2.0.0 Taken as {entry['sid']}"
    assert {name: entry[name] for name in ("kind", "status", "to", "from", "from_name", "reply_to", "subject")} == {
        "kind": "mail",
        "status": "delivered",
        "to": "ann@example.com",
        "from": "billing@acme.example",
        "from_name": "Acme",
        "reply_to": "office@acme.example",
        "subject": "A reminder",
    }
    assert (entry["body"], entry["html"]) == ("Dear Ann,\npay.\n", "<p>Dear Ann</p>\n")
    assert (entry["message_id"], entry["envelope_from"]) == ("<r-1@acme.example>", BOUNCES)
    assert ["Subject", "A reminder"] in entry["headers"]


async def test_headers_and_addresses_may_be_in_any_script(sandbox: Addresses, client: SMTP) -> None:
    mail = a_mail("jüri@näide.example", "Tere", From="Mägi <mägi@acme.example>", Subject="Tere õhtust")
    content = mail.as_bytes(policy=policy.SMTPUTF8)
    await client.sendmail(BOUNCES, ["jüri@näide.example"], content, mail_options=["BODY=8BITMIME", "SMTPUTF8"])
    (entry,) = await outbox(sandbox, "JÜRI@")
    assert (entry["to"], entry["subject"]) == ("jüri@näide.example", "Tere õhtust")
    assert (entry["from"], entry["from_name"]) == ("mägi@acme.example", "Mägi")


async def test_one_connection_takes_many_mails_and_what_is_taken_last_stands_first(
    sandbox: Addresses, client: SMTP
) -> None:
    for number in range(3):
        await send(client, f"many{number}@example.com")
    assert [entry["to"][:5] for entry in await outbox(sandbox, "many")] == ["many2", "many1", "many0"]


async def test_each_recipient_gets_a_mail_of_their_own(sandbox: Addresses, client: SMTP) -> None:
    await client.send_message(a_mail(), sender=BOUNCES, recipients=["first@both.example", "second@both.example"])
    assert {entry["to"] for entry in await outbox(sandbox, "both.example")} == {
        "first@both.example",
        "second@both.example",
    }


async def test_texts_and_mails_stand_in_one_list_and_texts_keep_their_fields(sandbox: Addresses, client: SMTP) -> None:
    form = {"To": "+37255500001", "From": "+15005550006", "Body": "A text"}
    basic = {"Authorization": encode_basic_auth(ACCOUNT.sid, ACCOUNT.auth_token)}
    async with ClientSession(sandbox.web) as http:
        path = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Messages.json"
        async with http.post(path, data=form, headers=basic) as answer:
            text = await answer.json()
        await send(client, "+37255500001@example.com")
        async with http.get(path, headers=basic) as answer:
            assert [message["sid"] for message in (await answer.json())["messages"]] == [text["sid"]]
    mail, shown = await outbox(sandbox, "37255500001")
    assert (mail["kind"], shown["kind"], shown["sid"]) == ("mail", "text", text["sid"])
    assert shown.keys() == text.keys() | {"kind"}


@pytest.mark.parametrize("to", ["Ann+7@Filter.Example", "ann 7@filter.example", "filter.example"])
async def test_the_outbox_can_be_filtered_by_part_of_an_address(to: str, sandbox: Addresses, client: SMTP) -> None:
    await send(client, "ann+7@filter.example")
    entries = await outbox(sandbox, to)
    assert {entry["to"] for entry in entries} == {"ann+7@filter.example"}


@pytest.mark.parametrize(
    ("user", "password", "code", "enhanced"),
    [
        pytest.param(ACCOUNT.sid, "b" * 32, 535, "5.7.8", id="a wrong password"),
        pytest.param("AC" + "9" * 32, "a" * 32, 535, "5.7.8", id="an unknown account"),
        pytest.param(CLOSED.sid, CLOSED.auth_token, 535, "5.7.8", id="a closed account"),
        pytest.param(SUSPENDED.sid, SUSPENDED.auth_token, 525, "5.7.13", id="a suspended account"),
    ],
)
@pytest.mark.parametrize("mechanism", ["plain", "login"])
async def test_a_wrong_login_is_refused(
    mechanism: str, user: str, password: str, code: int, enhanced: str, sandbox: Addresses
) -> None:
    async with a_client(sandbox.smtp, None) as client:
        await client.ehlo()
        with pytest.raises(SMTPAuthenticationError) as refused:
            await (client.auth_plain if mechanism == "plain" else client.auth_login)(user, password)
        assert (refused.value.code, refused.value.message.split()[0]) == (code, enhanced)


async def test_an_account_logs_in_by_either_mechanism_and_an_api_key_does_too(sandbox: Addresses) -> None:
    async with a_client(sandbox.smtp, None) as client:
        await client.ehlo()
        assert (await client.auth_plain(ACCOUNT.sid, ACCOUNT.auth_token)).code == 235
    async with a_client(sandbox.smtp, None) as client:
        await client.ehlo()
        assert (await client.auth_login("SK" + "1" * 32, "secret")).code == 235


async def test_nobody_sends_without_a_login(sandbox: Addresses) -> None:
    async with a_client(sandbox.smtp, None) as client:
        with pytest.raises(SMTPSenderRefused) as refused:
            await client.send_message(a_mail("nobody@login.example"))
    assert (refused.value.code, refused.value.message) == (530, "5.7.0 Authentication required")
    assert await outbox(sandbox, "login.example") == []


async def test_a_mail_of_test_credentials_is_checked_and_kept_nowhere(sandbox: Addresses) -> None:
    async with a_client(sandbox.smtp, CHECKING) as client:
        assert (await send(client, "x@kept.example")).startswith("2.0.0 Checked")
        with pytest.raises(SMTPRecipientsRefused):
            await send(client, "unknown@kept.example")
    assert await outbox(sandbox, "kept.example") == []


@pytest.mark.parametrize(
    ("local_part", "code", "enhanced"),
    [("unknown", 550, "5.1.1"), ("full", 552, "5.2.2"), ("blocked", 550, "5.7.1"), ("Busy+4", 451, "4.3.0")],
)
async def test_some_recipients_are_refused(
    local_part: str, code: int, enhanced: str, sandbox: Addresses, client: SMTP
) -> None:
    with pytest.raises(SMTPRecipientsRefused) as refused:
        await send(client, f"{local_part}@refused.example")
    (recipient,) = refused.value.recipients
    assert (recipient.code, recipient.message.split()[0]) == (code, enhanced)
    assert await outbox(sandbox, "refused.example") == []
    await send(client, "next@example.com")


async def test_some_content_is_refused(sandbox: Addresses, client: SMTP) -> None:
    with pytest.raises(SMTPDataError) as refused:
        await send(client, "spam@refused.example")
    assert (refused.value.code, refused.value.message.split()[0]) == (554, "5.7.1")
    assert await outbox(sandbox, "refused.example") == []
    await send(client, "next@example.com")


async def test_silence_after_the_content_closes_the_connection_though_the_mail_is_taken(
    sandbox: Addresses, client: SMTP
) -> None:
    with pytest.raises(SMTPServerDisconnected):
        await send(client, "silent@example.com")
    entry = await until_final(sandbox, "silent@example.com")
    assert (entry["status"], entry["is_answered"]) == ("delivered", False)


async def test_a_mail_that_is_too_long_is_refused_whole(sandbox: Addresses, client: SMTP) -> None:
    too_long = a_mail("x@long.example", "abcdefg\n" * (LONGEST_MAIL // 8))
    with pytest.raises(SMTPResponseException) as refused:
        await client.send_message(too_long)
    assert refused.value.code == 552
    assert await outbox(sandbox, "long.example") == []


async def test_a_mail_has_ten_recipients_at_most(sandbox: Addresses, client: SMTP) -> None:
    recipients = [f"r{number}@ten.example" for number in range(11)]
    refused, _ = await client.send_message(a_mail(), recipients=recipients)
    assert [(name, answer[0]) for name, answer in refused.items()] == [("r10@ten.example", 452)]
    assert len(await outbox(sandbox, "ten.example")) == 10


HOSTILE = {
    "no header at all": b"",
    "bytes that are no text": b"Subject: \xff\xfe\r\nFrom: \xc3\x28\r\n\r\n\x80\x81",
    "a charset that there is not": b"Content-Type: text/plain; charset=x-none\r\n\r\nhm",
    "base64 that is none": b"Content-Transfer-Encoding: base64\r\n\r\n=====",
    "half of a surrogate pair": b"Subject: =?utf-8?b?7aCA?=\r\n\r\n",
    "a multipart without parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnothing",
    "an address that is none": b"From: <<>>,;:@\r\nReply-To: @\r\n\r\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
async def test_what_is_hardly_a_mail_is_taken_or_refused_and_the_outbox_stays_readable(
    content: bytes, sandbox: Addresses, client: SMTP
) -> None:
    with suppress(SMTPDataError):
        await client.sendmail(BOUNCES, ["x@hostile.example"], content)
    await outbox(sandbox, "hostile.example")
    async with ClientSession(sandbox.web) as http, http.get("/") as answer:
        assert answer.status == 200


FAULTS: dict[str, type[SMTPException]] = {
    "error_500_after_accepting_rate": SMTPServerDisconnected,
    "reset_after_accepting_rate": SMTPServerDisconnected,
    "html_201_after_accepting_rate": SMTPResponseException,
    "hang_rate": SMTPReadTimeoutError,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_answer_can_be_lost_for_a_mail_that_is_taken(fault: str) -> None:
    async with (
        a_sandbox(behaviour=QUICK.model_copy(update={fault: 1.0})) as sandbox,
        a_client(sandbox.smtp, ACCOUNT, timeout_s=0.5) as client,
    ):
        with pytest.raises(FAULTS[fault]):
            await send(client, "lost@example.com")
        entry = await until_final(sandbox, "lost@example.com")
    assert (entry["status"], entry["is_answered"]) == ("delivered", False)


@pytest.mark.parametrize(
    ("fault", "code"), [pytest.param("throttle_rate", 421, id="421"), pytest.param("html_502_rate", 451, id="451")]
)
async def test_a_mail_can_be_refused_for_now(fault: str, code: int) -> None:
    async with a_sandbox() as sandbox, ClientSession(sandbox.web) as http:
        async with http.put("/sandbox/behaviour", json={fault: 1.0}) as answer:
            assert answer.status == 200
        async with a_client(sandbox.smtp, ACCOUNT) as client:
            with pytest.raises(SMTPResponseException) as refused:
                await send(client, "x@example.com")
        assert refused.value.code == code
        assert await outbox(sandbox) == []


async def test_the_answer_comes_as_late_as_told() -> None:
    async with a_sandbox(behaviour=QUICK.model_copy(update={"answer_delay_s": 0.3})) as sandbox:
        async with a_client(sandbox.smtp, ACCOUNT, timeout_s=0.1) as client:
            with pytest.raises(SMTPReadTimeoutError):
                await send(client, "late@example.com")
        assert (await until_final(sandbox, "late@example.com"))["status"] == "delivered"


async def test_a_restart_finds_every_mail_and_carries_on_with_what_was_under_way(tmp_path: Path) -> None:
    ledger = tmp_path / "outbox.jsonl"
    async with a_sandbox(ledger, Behaviour(sent_delay_s=3600)) as sandbox, a_client(sandbox.smtp, ACCOUNT) as client:
        await send(client, "bounce@example.com", Subject="Grüße €")
        (before,) = await outbox(sandbox)
    assert [json.loads(line).get("kind") for line in ledger.read_text().splitlines()] == ["mail"]
    async with a_sandbox(ledger) as sandbox:
        after = await until_final(sandbox, "bounce@example.com")
    assert (before["status"], after["status"], after["diagnosis"][:9]) == ("taken", "bounced", "550 5.1.1")
    assert (after["subject"], after["body"]) == ("Grüße €", before["body"])
    async with a_sandbox(ledger) as sandbox:
        assert await outbox(sandbox) == [after]


def an_encrypted_client(sandbox: Addresses, trust: ssl.SSLContext, is_from_the_start: bool) -> SMTP:
    host, port = sandbox.smtp
    return SMTP(
        hostname=host,
        port=port,
        username=ACCOUNT.sid,
        password=ACCOUNT.auth_token,
        tls_context=trust,
        use_tls=is_from_the_start,
        start_tls=not is_from_the_start,
    )


@pytest.mark.parametrize("is_from_the_start", [False, True], ids=["STARTTLS", "TLS from the start"])
async def test_the_connection_can_be_encrypted(is_from_the_start: bool, tmp_path: Path) -> None:
    server, trust = tls_of_server_and_client(tmp_path)
    encryption = Encryption(server, is_from_the_start=is_from_the_start)
    async with serving_with_mail(World([ACCOUNT], QUICK), encryption=encryption) as sandbox:
        async with an_encrypted_client(sandbox, trust, is_from_the_start) as client:
            await send(client, "ann@example.com")
            await send(client, "ben@example.com")
            with pytest.raises(SMTPServerDisconnected):
                await send(client, "silent@example.com")
        with pytest.raises((SMTPConnectError, ssl.SSLCertVerificationError)):
            await an_encrypted_client(sandbox, ssl.create_default_context(), is_from_the_start).connect()
        assert len(await outbox(sandbox)) == 3


async def test_the_end_of_the_sandbox_ends_every_connection() -> None:
    async with a_sandbox() as sandbox:
        client = SMTP(hostname=sandbox.smtp[0], port=sandbox.smtp[1], start_tls=False, timeout=5)
        await client.connect()
    with pytest.raises(SMTPServerDisconnected):
        await client.noop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*sandbox.smtp)
