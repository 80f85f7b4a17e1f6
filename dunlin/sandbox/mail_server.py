"""The sandbox's mail server: SMTP with a login, spoken to whoever connects."""

import asyncio
import logging
import secrets
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import NoReturn, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, TLSSetupException

from dunlin.sandbox.account import Account
from dunlin.sandbox.basic_auth import find_caller
from dunlin.sandbox.behaviour import Fault
from dunlin.sandbox.magic import REFUSED_AFTER_CONTENT, REFUSED_AT_RCPT, UNANSWERED, magic_name
from dunlin.sandbox.mail import Mail, MailStatus
from dunlin.sandbox.mail_content import UnreadableMail, read_content
from dunlin.sandbox.mail_report import HOST
from dunlin.sandbox.post_office import PostOffice
from dunlin.sandbox.world import World

_log = logging.getLogger(__name__)

LONGEST_MAIL = 1_000_000  # bytes
_MOST_RECIPIENTS = 10
_LONGEST_WAIT_FOR_REPORT_S = 10

# It warns of every login that a field of its own is deprecated, and would note down what clients say.
logging.getLogger("mail.log").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Encryption:
    """TLS with the server's certificate: from the first byte on, or when the client asks for it by STARTTLS."""

    context: ssl.SSLContext
    is_from_the_start: bool = False


class MailServer:
    """Takes mails on a socket that listens already. An async context manager; at its end nobody is connected."""

    def __init__(
        self, world: World, post: PostOffice, listener: socket.socket, encryption: Encryption | None = None
    ) -> None:
        self._world = world
        self._post = post
        self._listener = listener
        self._encryption = encryption
        self._connections: set[_Connection] = set()

    async def __aenter__(self) -> Self:
        is_wrapped = self._encryption is not None and self._encryption.is_from_the_start
        self._server = await asyncio.get_running_loop().create_server(
            self._connection,
            sock=self._listener,
            ssl=self._encryption.context if self._encryption and is_wrapped else None,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        conversations = [connection.hang_up() for connection in self._connections]
        await asyncio.gather(*conversations, return_exceptions=True)
        await self._server.wait_closed()

    def _connection(self) -> "_Connection":
        encryption = self._encryption
        on_demand = encryption.context if encryption and not encryption.is_from_the_start else None
        return _Connection(_Conversation(self._world, self._post), on_demand, self._connections)


class _Connection(SMTP):
    def __init__(
        self, conversation: "_Conversation", tls: ssl.SSLContext | None, connections: "set[_Connection]"
    ) -> None:
        super().__init__(
            conversation,
            data_size_limit=LONGEST_MAIL,
            enable_SMTPUTF8=True,
            hostname=HOST,
            ident="Sandbox, whose mails go nowhere",
            tls_context=tls,
            auth_require_tls=False,
            authenticator=conversation.check_login,
            loop=asyncio.get_running_loop(),
        )
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.add(self)
        assert self._handler_coroutine is not None
        self._handler_coroutine.add_done_callback(_note_the_end)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._connections.discard(self)

    def hang_up(self) -> "asyncio.Task[None]":
        """End the connection at once, and return the task that spoke with the client."""
        if self.transport is not None:
            _transport(self).abort()
        assert self._handler_coroutine is not None
        self._handler_coroutine.cancel()
        return self._handler_coroutine


def _note_the_end(conversation: "asyncio.Task[None]") -> None:
    # A client that goes in the middle of an answer is nothing to complain of.
    if not conversation.cancelled():
        conversation.exception()


class _Conversation:
    """What the server says to one client. The `handle_...` are aiosmtpd's names for the commands."""

    def __init__(self, world: World, post: PostOffice) -> None:
        self._world = world
        self._post = post
        self._fault: Fault | None = None

    def check_login(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: LoginPassword
    ) -> AuthResult:
        name, password = (part.decode(errors="replace") for part in login)
        caller = find_caller(name, password, self._world)
        if not caller or caller.account.status == "closed":
            return AuthResult(success=False, handled=False, message="535 5.7.8 Wrong user or password")
        if caller.account.status == "suspended":
            return AuthResult(success=False, handled=False, message="525 5.7.13 The account is suspended")
        return AuthResult(success=True, auth_data=caller.account)

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        if not isinstance(session.auth_data, Account):
            return "530 5.7.0 Authentication required"
        if not address.isprintable():
            return "553 5.1.7 The sender is no address"
        self._fault = self._world.behaviour.draw_fault(self._world.chance)
        if self._fault is Fault.THROTTLE:
            await server.push("421 4.7.0 Too many mails, try again later")
            return await _close(server)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender taken"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Sequence[str]
    ) -> str:
        if not address.isprintable() or "@" not in address:
            return "553 5.1.3 The recipient is no address"
        if len(envelope.rcpt_tos) >= _MOST_RECIPIENTS:
            return f"452 4.5.3 A mail has at most {_MOST_RECIPIENTS} recipients"
        refusal = REFUSED_AT_RCPT.get(magic_name(address))
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient taken"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        account = session.auth_data
        assert isinstance(account, Account)
        names = [magic_name(address) for address in envelope.rcpt_tos]
        refusal = self._refusal(envelope.content, names)
        if refusal:
            return refusal
        if account.is_test:
            return "250 2.0.0 Checked, and kept nowhere"
        is_answered = self._fault is None and UNANSWERED not in names
        mails = _mails(account, envelope, is_answered=is_answered)
        for mail in mails:
            self._world.ledger.add_mail(mail)
        await self._carry(mails)
        if UNANSWERED in names:
            return await _close(server)
        if self._fault:
            return await _misbehave(self._fault, server)
        return f"250 2.0.0 Taken as {mails[0].sid}"

    async def handle_exception(self, error: Exception) -> str:
        if not isinstance(error, TLSSetupException):  # a client that does not trust the certificate
            _log.error("a conversation broke off", exc_info=error)
        return "451 4.3.0 Something went wrong in the sandbox"

    def _refusal(self, content: bytes, names: Sequence[str]) -> str | None:
        try:
            read_content(content)
        except UnreadableMail:
            return "554 5.6.0 The message cannot be read"
        if self._fault is Fault.HTML_502:
            return "451 4.3.0 The message was not taken, try again later"
        return next((REFUSED_AFTER_CONTENT[name] for name in names if name in REFUSED_AFTER_CONTENT), None)

    async def _carry(self, mails: Sequence[Mail]) -> None:
        """Begin the journeys when it is time to answer, even if the client has gone meanwhile."""
        try:
            await asyncio.sleep(self._world.behaviour.answer_delay_s)
        finally:
            reports = [self._post.carry(mail) for mail in mails]
        if self._world.behaviour.callback_before_answer:
            waits = [asyncio.create_task(report.wait()) for report in reports]
            await asyncio.wait(waits, timeout=_LONGEST_WAIT_FOR_REPORT_S)


def _mails(account: Account, envelope: Envelope, *, is_answered: bool) -> list[Mail]:
    """Return a mail for each recipient: what becomes of it differs."""
    now = datetime.now(UTC)
    sender = envelope.mail_from or ""
    assert isinstance(envelope.content, bytes)
    content = envelope.content.decode("latin-1")
    return [
        Mail(
            sid=f"EM{secrets.token_hex(16)}",
            account_sid=account.sid,
            sender="" if sender == "<>" else sender,
            to=to,
            content=content,
            status=MailStatus.TAKEN,
            created_at=now,
            updated_at=now,
            is_answered=is_answered,
        )
        for to in envelope.rcpt_tos
    ]


async def _misbehave(fault: Fault, server: SMTP) -> str:
    """Answer wrongly for a mail that has been taken, or not at all."""
    match fault:
        case Fault.HTML_201_AFTER_ACCEPTING:
            return "<html><body>Taken, but not in words of SMTP</body></html>"
        case Fault.RESET_AFTER_ACCEPTING:
            _transport(server).abort()
        case Fault.ERROR_500_AFTER_ACCEPTING:
            _transport(server).close()
        case _:
            pass
    return await _silence()


async def _close(server: SMTP) -> str:
    _transport(server).close()
    return await _silence()


async def _silence() -> NoReturn:
    """Say nothing until the connection ends, which cancels this."""
    while True:
        await asyncio.Event().wait()


def _transport(server: SMTP) -> asyncio.WriteTransport:
    # Not asked for its class: uvloop's are no asyncio.WriteTransport.
    return cast("asyncio.WriteTransport", server.transport)
