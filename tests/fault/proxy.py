"""A network that can be bad: a TCP proxy whose faults are drawn by a seeded lot, one for each exchange.

An exchange is what the client says until the server has answered; of HTTP with kept connections, one request.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random

_CHUNK = 65_536
_HEAD = 200  # bytes: the first line of a request


class Mode(StrEnum):
    OK = "ok"
    REFUSE = "refuse"  # nobody listens
    BLACKHOLE = "blackhole"  # taken, never forwarded, never answered
    LATENCY = "latency"  # forwarded late
    SLOW = "slow"  # answered byte by byte
    RESET = "reset"  # reset, not forwarded
    CUT = "cut"  # reset after some bytes of the answer
    LOST = "lost"  # forwarded, the answer swallowed, then reset


@dataclass(frozen=True, slots=True)
class Weather:
    """The share of exchanges for each fault; the rest is well. REFUSE holds for all or for none.

    The others come only over exchanges that begin with all of `only`, such as a method and a part of the path.
    """

    shares: Mapping[Mode, float] = field(default_factory=dict)
    latency_s: float = 0.1
    byte_every_s: float = 0.02
    cut_after: int = 20
    only: tuple[bytes, ...] = ()

    def draw(self, chance: Random) -> Mode:
        point = chance.random()
        for mode, share in self.shares.items():
            if point < share:
                return mode
            point -= share
        return Mode.OK


FAIR = Weather()


class Proxy:
    """Listens on a port of this machine and forwards to `target`: a port of it, or a Unix socket."""

    def __init__(self, target: int | Path, seed: int) -> None:
        self._target = target
        self._chance = Random(seed)
        self._weather = FAIR
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0
        self.exchanges: dict[Mode, int] = dict.fromkeys(Mode, 0)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def set_weather(self, weather: Weather) -> None:
        self._weather = weather
        if weather.shares.get(Mode.REFUSE):
            await self.close()
        elif self._server is None:
            await self.listen()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):  # canceled by us alone, when nobody listens any more
                await _Connection(self, reader, writer).carry(self._target)
        finally:
            self._open.discard(task)
            writer.transport.abort()

    def begin_exchange(self, said: bytes) -> tuple[Mode, Weather]:
        is_meant = all(word in said[:_HEAD] for word in self._weather.only)
        mode = self._weather.draw(self._chance) if is_meant else Mode.OK
        self.exchanges[mode] += 1
        return mode, self._weather


class _Connection:
    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writer = writer
        self._is_answered = True
        self._mode, self._weather = Mode.OK, FAIR

    async def carry(self, target: int | Path) -> None:
        opening = (
            asyncio.open_unix_connection(str(target))
            if isinstance(target, Path)
            else asyncio.open_connection("127.0.0.1", target)
        )
        server_reader, server_writer = await opening
        try:
            async with asyncio.TaskGroup() as group:
                answers = group.create_task(self._carry_answers(server_reader))
                await self._carry_requests(server_writer)
                answers.cancel()
        except* (OSError, _Reset):
            _reset(self._writer)
        finally:
            server_writer.transport.abort()

    async def _carry_requests(self, server: asyncio.StreamWriter) -> None:
        while part := await self._reader.read(_CHUNK):
            if self._is_answered:
                self._is_answered = False
                self._mode, self._weather = self._proxy.begin_exchange(part)
            if self._mode is Mode.RESET:
                raise _Reset
            if self._mode is Mode.BLACKHOLE:
                continue
            if self._mode is Mode.LATENCY:
                await asyncio.sleep(self._weather.latency_s)
            server.write(part)
            await server.drain()

    async def _carry_answers(self, server: asyncio.StreamReader) -> None:
        while part := await server.read(_CHUNK):
            self._is_answered = True
            match self._mode:
                case Mode.LOST:
                    raise _Reset
                case Mode.CUT:
                    self._writer.write(part[: self._weather.cut_after])
                    await self._writer.drain()
                    raise _Reset
                case Mode.SLOW:
                    await self._drip(part)
                case _:
                    self._writer.write(part)
                    await self._writer.drain()
        raise _Reset  # the server has closed: nobody waits any longer

    async def _drip(self, part: bytes) -> None:
        for place in range(len(part)):
            self._writer.write(part[place : place + 1])
            await self._writer.drain()
            await asyncio.sleep(self._weather.byte_every_s)


class _Reset(Exception):
    pass


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets a reset, not an end."""
    end: socket.socket | None = writer.get_extra_info("socket")
    if end is not None:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def a_proxy(target: int | Path, seed: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(target, seed)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()
