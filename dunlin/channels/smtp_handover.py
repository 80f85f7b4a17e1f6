"""One e-mail over one connection, at most once: what the server says, and what is true when it says nothing.

Up to DATA's answer the server has nothing of the content, so whatever goes wrong is Unreached. From the first byte of
the content on it may have all of it, so nothing but its reply ends the doubt.
"""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass

import aiosmtplib

from dunlin.channels.smtp_address import Address
from dunlin.channels.smtp_errors import (
    MailFailed,
    Rejected,
    Reply,
    Stage,
    Unfit,
    answer_of,
    read_reply,
)
from dunlin.channels.smtp_transport import Line, SmtpTransport
from dunlin.domain.carrier import Accepted, Answer, Fault, Refused, SmtpCredentials, Throttled, Unknown, Unreached
from dunlin.domain.times import boot_time

_LINE_END = re.compile(rb"\r\n|\r|\n")
_FIRST_DOT = re.compile(rb"(?m)^\.")
_RESET_S = 1.0
_OK = 250
_CONSENT = {Stage.SENDER: {_OK}, Stage.RECIPIENT: {_OK, 251}, Stage.CONTENT: {354}}

_GARBAGE = Reply(0)

_TOO_LATE = "The mail server was not ready before the time to begin was over."
_CLOSED = "The mail server closed the connection before it took the e-mail."
_NO_FORM = "The mail server answered in an unexpected form."
_GONE = "The mail server closed the connection without saying whether it has the e-mail."


class _TooLate(Exception):
    """The time to begin was over, with the connection in order."""


@dataclass(frozen=True, slots=True)
class Mail:
    """`sender` is where bounces go. After `begin_by`, of `boot_time`, no byte of `content` may leave."""

    credentials: SmtpCredentials
    sender: Address
    to: Address
    content: bytes
    needs_utf8: bool
    message_id: str
    begin_by: float


async def hand_over(mail: Mail, transport: SmtpTransport) -> Answer:
    """Return what became of it. Raise nothing but `asyncio.CancelledError`."""
    handover = _Handover(mail, transport)
    try:
        async with asyncio.timeout(transport.answer_within.total_seconds()):
            return await handover.run()
    except TimeoutError:
        return handover.broken_off("The mail server gave no answer in time.")
    except Exception as error:
        # A bug, ours or a library's.
        return handover.broken_off(f"The e-mail could not be handed over properly ({type(error).__name__}).")
    finally:
        handover.let_go()


class _Handover:
    def __init__(self, mail: Mail, transport: SmtpTransport) -> None:
        self._mail = mail
        self._transport = transport
        self._line: Line | None = None
        self._refusal: Answer | None = None
        self._content_may_have_left = False

    def broken_off(self, reason: str) -> Answer:
        if self._refusal is not None:
            return self._refusal
        return Unknown(reason) if self._content_may_have_left else Unreached(reason)

    def let_go(self) -> None:
        """Drop the connection if it is still held: then nobody knows what the server makes of it."""
        if self._line is not None:
            line, self._line = self._line, None
            self._transport.drop(line)

    async def run(self) -> Answer:
        try:
            async with asyncio.timeout(self._mail.begin_by - boot_time()):
                line = await self._until_content()
        except (TimeoutError, _TooLate, MailFailed, aiosmtplib.SMTPException, OSError) as error:
            if isinstance(error, TimeoutError) and self._waits_for_others():
                return Throttled(None)
            self._refusal = _answer_before_content(error)
            if isinstance(error, _TooLate) or (isinstance(error, Rejected) and error.reply.leaves_open):
                await self._clear()
            return self._refusal
        return await self._hand_content(line)

    def _waits_for_others(self) -> bool:
        # No fault of the server's and no failed try: there are too many for the connections that it is given.
        return self._line is None and self._transport.is_busy(self._mail.credentials)

    async def _until_content(self) -> Line:
        """Bring a server to wait for the content."""
        mail = self._mail
        line = await self._begun_line()
        await self._say(line, Stage.RECIPIENT, b"RCPT", b"TO:<%s>" % str(mail.to).encode())
        self._look_at_clock()
        await self._say(line, Stage.CONTENT, b"DATA")
        return line

    async def _begun_line(self) -> Line:
        """Return a line on which the server has taken the sender. One that died while idle is replaced, once."""
        line = self._line = await self._transport.take(self._mail.credentials)
        try:
            await self._say_sender(line)
        except (Rejected, aiosmtplib.SMTPServerDisconnected) as error:
            if not line.is_reused or (isinstance(error, Rejected) and not error.reply.closes):
                raise
        else:
            return line
        self.let_go()
        self._transport.drop_idle(self._mail.credentials)
        line = self._line = await self._transport.take(self._mail.credentials)
        await self._say_sender(line)
        return line

    async def _say_sender(self, line: Line) -> None:
        mail = self._mail
        parameters = [b"SIZE=%d" % len(mail.content)] if line.client.supports_extension("size") else []
        if mail.needs_utf8:
            if not (line.client.supports_extension("smtputf8") and line.client.supports_extension("8bitmime")):
                raise Rejected(Stage.RECIPIENT, Reply(553, "5.6.7"))
            parameters += [b"BODY=8BITMIME", b"SMTPUTF8"]
        self._look_at_clock()
        await self._say(line, Stage.SENDER, b"MAIL", b"FROM:<%s>" % str(mail.sender).encode(), *parameters)

    def _look_at_clock(self) -> None:
        if boot_time() > self._mail.begin_by:
            raise _TooLate

    async def _say(self, line: Line, stage: Stage, *words: bytes) -> None:
        response = await line.client.execute_command(*words)
        if response.code not in _CONSENT[stage]:
            raise Rejected(stage, read_reply(response.code, response.message))

    async def _hand_content(self, line: Line) -> Answer:
        content = _on_the_wire(self._mail.content)
        protocol = line.client.protocol
        if protocol is None or not protocol.is_connected:
            return Unreached(_CLOSED)
        if boot_time() > self._mail.begin_by:
            return Unreached(_TOO_LATE)
        self._content_may_have_left = True
        try:
            protocol.write(content)
            response = await protocol.read_response()
        except aiosmtplib.SMTPResponseException:
            return answer_of(Stage.MESSAGE, _GARBAGE)
        except (aiosmtplib.SMTPException, OSError):
            return Unknown(_GONE)
        reply = read_reply(response.code, response.message)
        line.messages += 1
        if reply.is_consent or reply.leaves_open:
            self._keep()
        return Accepted(self._mail.message_id) if reply.is_consent else answer_of(Stage.MESSAGE, reply)

    async def _clear(self) -> None:
        """Have the server forget what has been said, so that the connection can serve another e-mail."""
        if self._line is None:
            return
        with suppress(TimeoutError, aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout(_RESET_S):
                response = await self._line.client.execute_command(b"RSET")
            if response.code == _OK:
                self._keep()

    def _keep(self) -> None:
        if self._line is not None:
            line, self._line = self._line, None
            self._transport.give_back(line)


def _answer_before_content(error: Exception) -> Answer:
    match error:
        case Rejected():
            return answer_of(error.stage, error.reply)
        case Unfit():
            return Refused(0, Fault.CREDENTIALS, str(error))  # no reply of the server's, so no code of its
        case MailFailed():
            return Unreached(str(error))
        # It is a TimeoutError, too, and so is asked first.
        case aiosmtplib.SMTPException():
            return Unreached(_NO_FORM if isinstance(error, aiosmtplib.SMTPResponseException) else _CLOSED)
        case TimeoutError() | _TooLate():
            return Unreached(_TOO_LATE)
        case _:
            return Unreached(_CLOSED)


def _on_the_wire(content: bytes) -> bytes:
    """Return the content as RFC 5321 (4.5.2) sends it: CRLF and no other line end, dots doubled, a dot at the end."""
    return _FIRST_DOT.sub(b"..", _LINE_END.sub(b"\r\n", content)) + b".\r\n"
