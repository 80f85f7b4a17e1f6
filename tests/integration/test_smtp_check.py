"""Asking a mail server, when somebody connects it, whether it takes mail."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohappyeyeballs import AddrInfoType

from dunlin.channels.smtp import SmtpChannel
from dunlin.channels.smtp_connect import Network
from dunlin.channels.smtp_transport import SmtpTransport
from dunlin.domain.carrier import (
    CarrierUnavailable,
    CredentialsRejected,
    HostRejected,
    Sender,
    SenderKind,
    SenderRejected,
    SmtpCredentials,
    TwilioCredentials,
)
from tests.mail_server import Authority, Behaviour, Loopback, MailServer, hang_up, say_nothing

NAME = "mail.example.com"
KEYS = SmtpCredentials(NAME, 587, "ada", "s3cret")
SENDER = Sender(SenderKind.EMAIL_ADDRESS, "billing@acme.example")
OFFER: dict[str, Behaviour] = {"EHLO": "250-mail.example.com\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN CRAM-MD5"}
LONG = timedelta(seconds=20)
SHORT = timedelta(milliseconds=600)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@asynccontextmanager
async def asking(
    authority: Authority, network: Network | None, trusted_hosts: Sequence[str] = (), within: timedelta = LONG
) -> AsyncIterator[SmtpChannel]:
    async with SmtpTransport(within, within, trusted_hosts, authority.trust(), network=network) as transport:
        yield SmtpChannel("https://dunlin.example", transport, None)


async def test_a_good_account_is_good_and_no_mail_is_sent(authority: Authority) -> None:
    async with (
        MailServer(OFFER, authority.server(NAME)).serving() as server,
        asking(authority, Loopback(server.port)) as channel,
    ):
        verdict = await channel.check(KEYS, SENDER)

    assert verdict is None
    assert server.verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RSET", "QUIT"]
    assert f"MAIL FROM:<{SENDER.value}>" in server.talks[0].said
    assert server.seen == []


async def test_a_server_without_login_is_good_where_it_knows_us(authority: Authority) -> None:
    async with (
        MailServer(OFFER, authority.server(NAME)).serving() as server,
        asking(authority, Loopback(server.port)) as channel,
    ):
        assert await channel.check(SmtpCredentials(NAME, 587), SENDER) is None

    assert "AUTH" not in server.verbs


@pytest.mark.parametrize("trusted", ["127.0.0.1", "127.0.0.1:{port}"])
async def test_a_host_of_the_operators_own_network_may_be_anywhere_and_without_encryption(
    authority: Authority, trusted: str
) -> None:
    async with (
        MailServer().serving() as server,
        asking(authority, None, [trusted.format(port=server.port)]) as channel,
    ):
        assert await channel.check(SmtpCredentials("127.0.0.1", server.port), SENDER) is None


async def test_a_trusted_port_opens_no_other(authority: Authority) -> None:
    async with MailServer().serving() as server, asking(authority, None, ["127.0.0.1:2500"]) as channel:
        verdict = await channel.check(SmtpCredentials("127.0.0.1", server.port), SENDER)

    assert verdict == HostRejected("The port should be 587, 465, 2525 or 25.")
    assert server.talks == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"host": ""}, "The mail server should be a host's name, like mail.example.com.", id="no-host"),
        pytest.param(
            {"host": "smtp://x.example"}, "The mail server should be a host's name, like mail.example.com.", id="url"
        ),
        pytest.param(
            {"host": "a.example\r\nQUIT"}, "The mail server should be a host's name, like mail.example.com.", id="lines"
        ),
        pytest.param(
            {"host": "-x.example"}, "The mail server should be a host's name, like mail.example.com.", id="hyphen"
        ),
        pytest.param({"port": 0}, "The port should be a number from 1 to 65535.", id="port-zero"),
        pytest.param({"port": 65536}, "The port should be a number from 1 to 65535.", id="port-too-high"),
        pytest.param({"port": 22}, "The port should be 587, 465, 2525 or 25.", id="port-of-something-else"),
        pytest.param({"password": None}, "The password is missing.", id="no-password"),
        pytest.param({"password": ""}, "The password is missing.", id="empty-password"),
        pytest.param({"username": None}, "The user name is missing.", id="no-username"),
    ],
)
async def test_what_is_written_wrongly_is_named_before_anybody_is_asked(
    authority: Authority, change: dict[str, object], reason: str
) -> None:
    async with (
        MailServer(OFFER, authority.server(NAME)).serving() as server,
        asking(authority, Loopback(server.port)) as channel,
    ):
        verdict = await channel.check(replace(KEYS, **change), SENDER)  # type: ignore[arg-type]

    kind = CredentialsRejected if change.keys() & {"password", "username"} else HostRejected
    assert verdict == kind(reason)
    assert server.talks == []


async def test_keys_of_another_carrier_are_none(authority: Authority) -> None:
    async with asking(authority, None) as channel:
        verdict = await channel.check(TwilioCredentials("AC1", "x"), SENDER)

    assert verdict == CredentialsRejected("These are not the keys of a mail server.")


@pytest.mark.parametrize(
    "sender",
    [
        Sender(SenderKind.EMAIL_ADDRESS, "billing"),
        Sender(SenderKind.EMAIL_ADDRESS, "a@b.example>\r\nRCPT TO:<c@d.example"),
        Sender(SenderKind.PHONE_NUMBER, "billing@acme.example"),
    ],
    ids=["no-address", "more-than-an-address", "another-kind"],
)
async def test_a_sender_that_is_no_address_is_rejected(authority: Authority, sender: Sender) -> None:
    async with asking(authority, None) as channel:
        verdict = await channel.check(KEYS, sender)

    assert verdict == SenderRejected("The sender should be an e-mail address, like billing@example.com.")


@pytest.mark.parametrize("reply", ["535 5.7.8 Wrong", "534 5.7.9 App password", "530 5.7.0 No"])
async def test_a_wrong_password_is_told_in_our_words(authority: Authority, reply: str) -> None:
    async with (
        MailServer(OFFER | {"AUTH": reply}, authority.server(NAME)).serving() as server,
        asking(authority, Loopback(server.port)) as channel,
    ):
        verdict = await channel.check(KEYS, SENDER)

    code = " ".join(reply.split()[:2])
    assert verdict == CredentialsRejected(f"The mail server did not accept the user name and password ({code}).")
    assert "MAIL" not in server.verbs


async def test_a_server_that_offers_no_login_cannot_be_used_with_one(authority: Authority) -> None:
    async with (
        MailServer(OFFER | {"EHLO": "250-x\r\n250 STARTTLS"}, authority.server(NAME)).serving() as server,
        asking(authority, Loopback(server.port)) as channel,
    ):
        verdict = await channel.check(KEYS, SENDER)

    assert verdict == HostRejected("The mail server offers no login with a user name and a password.")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        pytest.param(
            "550 5.7.1 billing@acme.example is not yours",
            SenderRejected("The mail server does not accept the sender's address (550 5.7.1)."),
            id="not-ours",
        ),
        pytest.param(
            "530 5.7.0 Log in",
            CredentialsRejected("The mail server wants a login that it accepts (530 5.7.0)."),
            id="login-wanted",
        ),
        pytest.param(
            "550 5.4.5 Daily user sending limit exceeded",
            CarrierUnavailable("The account at the mail server has reached its limit (550 5.4.5)."),
            id="limit",
        ),
        pytest.param(
            "451 4.3.0 Later",
            CarrierUnavailable("The mail server takes nothing at the moment (451 4.3.0)."),
            id="later",
        ),
        pytest.param("421 Bye", CarrierUnavailable("The mail server takes nothing at the moment (421)."), id="closing"),
        pytest.param(hang_up, CarrierUnavailable("The mail server closed the connection."), id="gone"),
        pytest.param(say_nothing, CarrierUnavailable("The mail server gave no answer in time."), id="silent"),
    ],
)
async def test_what_the_server_says_of_the_sender_is_told(
    authority: Authority, reply: Behaviour, verdict: object
) -> None:
    async with (
        MailServer(OFFER | {"MAIL": reply}, authority.server(NAME)).serving() as server,
        asking(authority, Loopback(server.port), within=SHORT) as channel,
    ):
        assert await channel.check(KEYS, SENDER) == verdict


@pytest.mark.parametrize("stage", ["RSET", "QUIT"])
@pytest.mark.parametrize("behaviour", [hang_up, say_nothing, "500 What?"], ids=["gone", "silent", "refused"])
async def test_how_a_server_takes_its_leave_changes_nothing(
    authority: Authority, stage: str, behaviour: Behaviour
) -> None:
    async with (
        MailServer(OFFER | {stage: behaviour}, authority.server(NAME)).serving() as server,
        asking(authority, Loopback(server.port), within=SHORT) as channel,
    ):
        assert await channel.check(KEYS, SENDER) is None


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        pytest.param((NAME, -3, -1), "The mail server's certificate has expired.", id="expired"),
        pytest.param(("other.example", -1, 1), "The mail server's certificate is for another name.", id="other-name"),
    ],
)
async def test_a_wrong_certificate_is_named(
    authority: Authority, certificate: tuple[str, int, int], reason: str
) -> None:
    name, begins, ends = certificate
    async with (
        MailServer(OFFER, authority.server(name, begins=begins, ends=ends)).serving() as server,
        asking(authority, Loopback(server.port)) as channel,
    ):
        assert await channel.check(KEYS, SENDER) == HostRejected(reason)

    assert server.verbs == ["EHLO", "STARTTLS"]


async def test_a_server_without_encryption_is_rejected(authority: Authority) -> None:
    async with MailServer().serving() as server, asking(authority, Loopback(server.port)) as channel:
        verdict = await channel.check(KEYS, SENDER)

    assert verdict == HostRejected("The mail server offers no encryption (STARTTLS).")


async def test_a_private_address_is_rejected_without_a_connection(authority: Authority) -> None:
    async with MailServer(OFFER, authority.server(NAME)).serving() as server:
        network = Loopback(server.port, ["10.1.2.3"])
        async with asking(authority, network) as channel:
            verdict = await channel.check(KEYS, SENDER)

    assert verdict == HostRejected("The mail server has an address that is not public: only the operator can allow it.")
    assert (network.dialed, server.talks) == ([], [])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "::1"])
async def test_this_machine_is_not_public_however_it_is_written(authority: Authority, host: str) -> None:
    async with asking(authority, None) as channel:
        verdict = await channel.check(replace(KEYS, host=host), SENDER)

    assert isinstance(verdict, HostRejected | CarrierUnavailable)
    assert "not public" in verdict.reason or "not found" in verdict.reason


class Nowhere(Network):
    async def resolve(self, host: str, port: int) -> Sequence[AddrInfoType]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_a_name_that_nobody_knows_is_told(authority: Authority) -> None:
    async with asking(authority, Nowhere()) as channel:
        verdict = await channel.check(KEYS, SENDER)

    assert verdict == CarrierUnavailable("The mail server's name was not found.")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pytest.param("554 No", "The mail server takes nothing at the moment (554).", id="refused"),
        pytest.param(say_nothing, "The mail server did not answer in time.", id="silent"),
        pytest.param(hang_up, "The mail server closed the connection.", id="gone"),
    ],
)
async def test_a_server_that_does_not_greet_is_unavailable(
    authority: Authority, behaviour: Behaviour, reason: str
) -> None:
    async with (
        MailServer({"greeting": behaviour}).serving() as server,
        asking(authority, Loopback(server.port), within=SHORT) as channel,
    ):
        assert await channel.check(KEYS, SENDER) == CarrierUnavailable(reason)
