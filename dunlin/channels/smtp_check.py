"""Whether a mail server takes e-mail from an account and a sender, asked of it when somebody connects them."""

import asyncio
from contextlib import suppress

import aiosmtplib

from dunlin.channels.smtp_address import BadAddress, read_address
from dunlin.channels.smtp_connect import abort, keys_flaw
from dunlin.channels.smtp_errors import MailFailed, Rejected, Stage, Unfit, explain, read_reply
from dunlin.channels.smtp_transport import SmtpTransport, say_goodbye
from dunlin.domain.carrier import (
    CarrierUnavailable,
    CredentialsRejected,
    Fault,
    HostRejected,
    Sender,
    SenderKind,
    SenderRejected,
    SmtpCredentials,
    Verdict,
)

_BAD_SENDER = SenderRejected("The sender should be an e-mail address, like billing@example.com.")
_RESET_S = 1.0
_OK = 250
_SILENT = CarrierUnavailable("The mail server gave no answer in time.")
_CLOSED = CarrierUnavailable("The mail server closed the connection.")


async def check(credentials: SmtpCredentials, sender: Sender, transport: SmtpTransport) -> Verdict:
    """Return what is wrong with the server or the login, else with the sender; None if nothing. No e-mail is sent."""
    if flaw := transport.road.host_flaw(credentials):
        return HostRejected(flaw)
    if flaw := keys_flaw(credentials):
        return CredentialsRejected(flaw)
    try:
        address = read_address(sender.value)
    except BadAddress:
        return _BAD_SENDER
    if sender.kind is not SenderKind.EMAIL_ADDRESS:
        return _BAD_SENDER
    try:
        client = await transport.connect(credentials)
    except Unfit as error:
        return HostRejected(str(error))
    except Rejected as error:
        return _verdict(error)
    except MailFailed as error:
        return CarrierUnavailable(str(error))
    try:
        async with asyncio.timeout(transport.answer_within.total_seconds()):
            verdict = await _check_sender(client, str(address).encode())
        await _take_leave(client)
    except TimeoutError:
        return _SILENT
    except (aiosmtplib.SMTPException, OSError):
        return _CLOSED
    finally:
        abort(client)
    return verdict


async def _check_sender(client: aiosmtplib.SMTP, address: bytes) -> Verdict:
    parameters = () if address.isascii() else (b"BODY=8BITMIME", b"SMTPUTF8")
    response = await client.execute_command(b"MAIL", b"FROM:<%s>" % address, *parameters)
    return (
        None if response.code == _OK else _verdict(Rejected(Stage.SENDER, read_reply(response.code, response.message)))
    )


async def _take_leave(client: aiosmtplib.SMTP) -> None:
    """Have no e-mail begun, and close. What has been heard holds, however the server takes that."""
    with suppress(TimeoutError, aiosmtplib.SMTPException, OSError):
        async with asyncio.timeout(_RESET_S):
            await client.execute_command(b"RSET")
        await say_goodbye(client)


def _verdict(error: Rejected) -> Verdict:
    reply = error.reply
    if not 500 <= reply.code < 600 or error.stage is Stage.GREETING:
        return CarrierUnavailable(f"The mail server takes nothing at the moment ({reply}).")
    meaning = explain(error.stage, reply)
    match meaning.fault:
        case Fault.CREDENTIALS:
            return CredentialsRejected(meaning.sentence)
        case Fault.LIMIT:
            return CarrierUnavailable(meaning.sentence)
        case _:
            return SenderRejected(meaning.sentence)
