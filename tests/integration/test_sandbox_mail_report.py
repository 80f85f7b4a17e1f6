"""What comes back for a mail, as whoever reads the mailbox of bounces gets it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import web
from aiosmtplib import SMTP

from dunlin.sandbox.account import Account
from dunlin.sandbox.app import serving_with_mail
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.world import World
from tests.mail import a_client, a_mail

ACCOUNT = Account(sid="AC" + "a" * 32, auth_token="a" * 32)
AT_ONCE = Behaviour(sent_delay_s=0, delivered_delay_s=0)
BOUNCES = "bounces+r-17@acme.example"


class Mailbox:
    """Where reports are handed over. `answers` are the next HTTP statuses; after them all is well."""

    def __init__(self) -> None:
        self.reports: list[bytes] = []
        self.answers: list[int] = []
        self._arrived = asyncio.Condition()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        assert request.content_type == "message/rfc822"
        self.reports.append(await request.read())
        async with self._arrived:
            self._arrived.notify_all()
        return web.Response(status=self.answers.pop(0) if self.answers else 204)

    async def until(self, count: int = 1) -> list[bytes]:
        """Wait for so many reports."""
        async with self._arrived, asyncio.timeout(5):
            await self._arrived.wait_for(lambda: len(self.reports) >= count)
        return self.reports


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()
    app = web.Application(client_max_size=2_000_000)
    app.router.add_post("/bounces", mailbox.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    mailbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}/bounces"
    yield mailbox
    await runner.cleanup()


@asynccontextmanager
async def a_sender(mailbox: Mailbox, behaviour: Behaviour = AT_ONCE) -> AsyncIterator[SMTP]:
    world = World([ACCOUNT], behaviour, reports_to=mailbox.url)
    async with serving_with_mail(world) as addresses, a_client(addresses.smtp, ACCOUNT) as client:
        yield client


async def report_on(mailbox: Mailbox, mail: EmailMessage) -> EmailMessage:
    async with a_sender(mailbox) as client:
        await client.send_message(mail, sender=BOUNCES)
        (report,) = await mailbox.until()
    return message_from_bytes(report, policy=policy.default)


@pytest.mark.parametrize(
    ("local_part", "action", "status", "diagnosis"),
    [
        ("bounce", "failed", "5.1.1", "smtp; 550 5.1.1 The mailbox does not exist"),
        ("Bounce+7", "failed", "5.1.1", "smtp; 550 5.1.1 The mailbox does not exist"),
        ("bounce-full", "failed", "5.2.2", "smtp; 552 5.2.2 The mailbox is full"),
        ("delayed", "delayed", "4.4.1", "smtp; 451 4.4.1 The mail server does not answer"),
        ("receipt", "delivered", "2.0.0", "smtp; 250 2.0.0 Delivered"),
    ],
)
async def test_some_mails_come_back_with_a_report_in_the_standards_form(
    local_part: str, action: str, status: str, diagnosis: str, mailbox: Mailbox
) -> None:
    to = f"{local_part}@example.com"
    report = await report_on(mailbox, a_mail(to, Message_ID="<r-17@acme.example>"))

    assert (report["Return-Path"], report["To"], report["Delivered-To"]) == ("<>", BOUNCES, BOUNCES)
    assert report["Auto-Submitted"] == "auto-replied"
    assert report.get_content_type() == "multipart/report"
    assert report["Content-Type"].params["report-type"] == "delivery-status"
    assert report.defects == []
    explanation, machine, original = report.iter_parts()
    assert explanation.get_content_type() == "text/plain"
    assert to in explanation.get_content()
    assert machine.get_content_type() == "message/delivery-status"
    about_message, about_recipient = machine.iter_parts()
    assert about_message["Reporting-MTA"].startswith("dns; ")
    assert parsedate_to_datetime(about_message["Arrival-Date"]).tzinfo is not None
    assert about_recipient["Final-Recipient"] == f"rfc822; {to}"
    assert about_recipient["Action"] == action
    assert about_recipient["Status"] == status
    assert about_recipient["Diagnostic-Code"] == diagnosis
    assert ("Will-Retry-Until" in about_recipient) is (action == "delayed")
    if action == "failed":
        assert original.get_content_type() == "message/rfc822"
        (sent,) = original.iter_parts()
        assert sent["Message-ID"] == "<r-17@acme.example>"
        assert sent.get_content() == "Pay, please.\r\n"
    else:
        assert original.get_content_type() == "text/rfc822-headers"
        assert "Message-ID: <r-17@acme.example>" in original.get_payload()


async def test_of_a_long_mail_the_headers_alone_come_back(mailbox: Mailbox) -> None:
    report = await report_on(mailbox, a_mail("bounce@example.com", "So much to say.\n" * 10_000))
    *_, original = report.iter_parts()
    assert original.get_content_type() == "text/rfc822-headers"
    assert "So much to say" not in original.get_payload()


async def test_a_mail_in_any_language_comes_back_as_it_was(mailbox: Mailbox) -> None:
    mail = a_mail("bounce@example.com")
    mail.set_content("Grüße, bitte zahlen: 1 €", cte="8bit")
    async with a_sender(mailbox) as client:
        await client.sendmail(BOUNCES, ["bounce@example.com"], mail.as_bytes(policy=policy.SMTP))
        (report,) = await mailbox.until()
    assert mail.as_bytes(policy=policy.SMTP) in report
    *_, original = message_from_bytes(report, policy=policy.default).iter_parts()
    assert next(original.iter_parts()).get_content() == "Grüße, bitte zahlen: 1 €\r\n"


async def test_an_address_in_any_script_is_taken_and_reported_on(mailbox: Mailbox) -> None:
    mail = a_mail("bounce+õ@näide.example", Subject="Tere õhtust").as_bytes(policy=policy.SMTPUTF8)
    async with a_sender(mailbox) as client:
        await client.sendmail(BOUNCES, ["bounce+õ@näide.example"], mail, mail_options=["BODY=8BITMIME", "SMTPUTF8"])
        (report,) = await mailbox.until()
    kinds = [part.get_content_type() for part in message_from_bytes(report, policy=policy.default).iter_parts()]
    assert kinds == ["text/plain", "message/global-delivery-status", "message/global"]
    assert "Final-Recipient: utf-8; bounce+õ@näide.example\r\nAction: failed\r\nStatus: 5.1.1".encode() in report
    assert mail in report


async def test_a_report_is_handed_over_again_until_it_is_taken(mailbox: Mailbox) -> None:
    mailbox.answers = [503, 404]
    async with a_sender(mailbox) as client:
        await client.send_message(a_mail("bounce@example.com"), sender=BOUNCES)
        reports = await mailbox.until(3)
    assert reports[0] == reports[1] == reports[2]


async def send_without_sender(client: SMTP, mail: EmailMessage) -> None:
    assert (await client.execute_command(b"MAIL", b"FROM:<>")).code == 250
    assert (await client.rcpt(mail["To"])).code == 250
    await client.data(mail.as_bytes())


async def test_a_mail_that_arrives_is_not_reported_nor_one_without_a_sender(mailbox: Mailbox) -> None:
    async with a_sender(mailbox) as client:
        await client.send_message(a_mail("ann@example.com"), sender=BOUNCES)
        await send_without_sender(client, a_mail("bounce@example.com"))
        await client.send_message(a_mail("bounce@last.example"), sender=BOUNCES)
        (report,) = await mailbox.until()
    assert b"Final-Recipient: rfc822; bounce@last.example" in report


async def test_the_share_of_failures_is_a_share_of_bounces(mailbox: Mailbox) -> None:
    async with a_sender(mailbox, AT_ONCE.model_copy(update={"failure_rate": 1.0})) as client:
        await client.send_message(a_mail("ann@example.com"), sender=BOUNCES)
        (report,) = await mailbox.until()
    assert b"Status: 5.1.1" in report


async def test_reports_are_repeated_as_told(mailbox: Mailbox) -> None:
    async with a_sender(mailbox, AT_ONCE.model_copy(update={"repeat_callbacks": 2})) as client:
        await client.send_message(a_mail("bounce@example.com"), sender=BOUNCES)
        first, second = await mailbox.until(2)
    assert first == second


async def test_a_report_can_come_before_the_answer(mailbox: Mailbox) -> None:
    behaviour = AT_ONCE.model_copy(update={"callback_before_answer": True, "delivered_delay_s": 0.1})
    async with a_sender(mailbox, behaviour) as client:
        await client.send_message(a_mail("bounce@example.com"), sender=BOUNCES)
        assert len(mailbox.reports) == 1


async def test_reports_are_lost_as_told(mailbox: Mailbox) -> None:
    lossy = AT_ONCE.model_copy(update={"lose_callbacks_rate": 1.0, "callback_before_answer": True})
    async with a_sender(mailbox, lossy) as client:
        await client.send_message(a_mail("bounce@example.com"), sender=BOUNCES)
    assert mailbox.reports == []
