"""Connections to mail servers: few to each account, used again, one message at a time on each."""

import asyncio
import ssl
from collections import deque
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import aiosmtplib

from dunlin.channels.smtp_connect import Network, Road, abort
from dunlin.channels.smtp_errors import NotReached
from dunlin.domain.carrier import SmtpCredentials

_PER_ACCOUNT = 8
_TOGETHER = 256
_MESSAGES = 100  # servers count them, and close the connection of who sends too many
_IDLE = timedelta(seconds=30)
_FAREWELL_S = 1.0


@dataclass(eq=False, slots=True)
class Line:
    """One connection, in use by one at a time. `messages` is how many it has carried."""

    credentials: SmtpCredentials
    client: aiosmtplib.SMTP
    messages: int = 0
    is_reused: bool = False
    expiry: asyncio.TimerHandle | None = None


@dataclass(eq=False, slots=True)
class _Account:
    """`lines` counts those in use and those idle; `opening` those under way, for whoever waits longest."""

    idle: list[Line] = field(default_factory=list)
    waiting: deque[asyncio.Future[Line]] = field(default_factory=deque)
    lines: int = 0
    opening: int = 0

    def next_waiting(self) -> asyncio.Future[Line] | None:
        while self.waiting:
            waiting = self.waiting.popleft()
            if not waiting.done():
                return waiting
        return None

    @property
    def wants(self) -> int:
        return sum(not waiting.done() for waiting in self.waiting)


class SmtpTransport:
    """What all accounts' e-mails leave through. Belongs to the loop in which it was opened.

    `connect` bounds the way to a server that is ready for mail, `answer` all of a handing over. See `Road` for
    `trusted_hosts`. A connection that comes about too late for the one who asked serves the next.
    """

    def __init__(
        self,
        connect: timedelta,
        answer: timedelta,
        trusted_hosts: Iterable[str] = (),
        tls: ssl.SSLContext | None = None,
        *,
        own_name: str | None = None,
        network: Network | None = None,
        idle: timedelta = _IDLE,
        together: int = _TOGETHER,
    ) -> None:
        self.answer_within = answer
        self._connect_within = connect
        self._network = network or Network()
        self.road = Road(
            self._network,
            frozenset(host.casefold() for host in trusted_hosts),
            tls or ssl.create_default_context(),
            own_name,
        )
        self._idle_for = idle
        self._together = together
        self._accounts: dict[SmtpCredentials, _Account] = {}
        self._openings: set[asyncio.Task[None]] = set()
        self._farewells: set[asyncio.Task[None]] = set()
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        for account in list(self._accounts.values()):
            while waiting := account.next_waiting():
                waiting.set_exception(NotReached("The process is about to end."))
            for line in list(account.idle):
                self._retire(line)
        for task in self._openings:
            task.cancel()
        await asyncio.gather(*self._openings, *self._farewells, return_exceptions=True)
        self._network.close()

    async def connect(self, credentials: SmtpCredentials) -> aiosmtplib.SMTP:
        """Return a connection for the caller alone, which nothing counts and nobody closes. Or raise `MailFailed`."""
        try:
            async with asyncio.timeout(self._connect_within.total_seconds()):
                return await self.road.connect(credentials)
        except TimeoutError:
            raise NotReached("The mail server did not answer in time.") from None

    async def take(self, credentials: SmtpCredentials) -> Line:
        """Return a line for one message, to be given back or dropped; or raise `MailFailed`.

        Waits for as long as there is none, which its caller bounds.
        """
        if not self._is_open:
            raise NotReached("The way to the mail server is not open.")
        account = self._accounts.setdefault(credentials, _Account())
        while account.idle:
            line = account.idle.pop()
            _stop_clock(line)
            if line.client.is_connected:
                return line
            self.drop(line)
        waiting: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        account = self._accounts.setdefault(credentials, account)
        account.waiting.append(waiting)
        self._open_where_wanted(credentials, account)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self._offer(waiting.result())
            else:
                self._forget_if_unused(credentials, account)
            raise

    def is_busy(self, credentials: SmtpCredentials) -> bool:
        """Return whether who waits for a line waits for other messages, and not for the server."""
        account = self._accounts.get(credentials)
        return account is not None and account.lines - len(account.idle) >= _PER_ACCOUNT

    def give_back(self, line: Line) -> None:
        """Let others use a line on which nothing is under way and every reply has been read."""
        line.is_reused = True
        if line.messages >= _MESSAGES:
            self._retire(line)
        else:
            self._offer(line)

    def drop(self, line: Line) -> None:
        """Close a line of which nobody knows what the server makes of it, at once."""
        abort(line.client)
        self._take_out(line)
        self._serve_others()

    def drop_idle(self, credentials: SmtpCredentials) -> None:
        """Close what waits there: one has turned out to be dead, and so may the others be."""
        account = self._accounts.get(credentials)
        for line in list(account.idle) if account else ():
            self._retire(line)

    def _offer(self, line: Line) -> None:
        account = self._accounts[line.credentials]
        if not self._is_open or not line.client.is_connected:
            self.drop(line)
        elif waiting := account.next_waiting():
            waiting.set_result(line)
        else:
            account.idle.append(line)
            line.expiry = asyncio.get_running_loop().call_later(self._idle_for.total_seconds(), self._retire, line)
            self._serve_others()

    def _retire(self, line: Line) -> None:
        """Take a line out and say goodbye to its server; nobody waits for that."""
        self._take_out(line)
        _start(say_goodbye(line.client), self._farewells)
        self._serve_others()

    def _take_out(self, line: Line) -> None:
        _stop_clock(line)
        account = self._accounts[line.credentials]
        if line in account.idle:
            account.idle.remove(line)
        account.lines -= 1
        self._forget_if_unused(line.credentials, account)

    def _serve_others(self) -> None:
        """Use the room that has become free, where somebody waits for it."""
        for credentials, account in list(self._accounts.items()):
            if account.waiting:
                self._open_where_wanted(credentials, account)

    def _open_where_wanted(self, credentials: SmtpCredentials, account: _Account) -> None:
        while self._is_open and account.opening < account.wants and account.lines + account.opening < _PER_ACCOUNT:
            if not self._has_room():
                return
            account.opening += 1
            _start(self._open(credentials, account), self._openings)

    def _has_room(self) -> bool:
        """Return whether one more connection may be opened, if need be in the place of one that is idle."""
        accounts = self._accounts.values()
        if sum(account.lines + account.opening for account in accounts) < self._together:
            return True
        idle = next((account.idle[0] for account in accounts if account.idle), None)
        if idle is None:
            return False
        self._take_out(idle)
        _start(say_goodbye(idle.client), self._farewells)
        return True

    async def _open(self, credentials: SmtpCredentials, account: _Account) -> None:
        try:
            client = await self.connect(credentials)
        except Exception as error:
            account.opening -= 1
            if waiting := account.next_waiting():
                waiting.set_exception(error)
            self._forget_if_unused(credentials, account)
            self._serve_others()
        except asyncio.CancelledError:
            account.opening -= 1
            raise
        else:
            account.opening -= 1
            account.lines += 1
            self._offer(Line(credentials, client))

    def _forget_if_unused(self, credentials: SmtpCredentials, account: _Account) -> None:
        is_used = account.lines or account.opening or account.wants
        if not is_used and self._accounts.get(credentials) is account:
            del self._accounts[credentials]


def _start(work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    among.add(task)
    task.add_done_callback(among.discard)


def _stop_clock(line: Line) -> None:
    if line.expiry is not None:
        line.expiry.cancel()
        line.expiry = None


async def say_goodbye(client: aiosmtplib.SMTP) -> None:
    """Say QUIT, and close whatever comes of it."""
    try:
        with suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout(_FAREWELL_S):
                await client.quit()
    finally:
        abort(client)
