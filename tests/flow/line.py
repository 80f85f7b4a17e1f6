"""A TCP line between clients and a server of this machine that can be cut, frozen and bad."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

_CHUNK = 65_536


class Line:
    """Forwards to a port. What it does to a connection, neither side is told of but by its end."""

    def __init__(self, target: int, seed: int) -> None:
        self._target = target
        self._chance = Random(seed)
        self._open: set[asyncio.StreamWriter] = set()
        self._is_frozen = asyncio.Event()
        self.bytes_until_cut: tuple[int, int] | None = None  # how many may come from the server, by lot
        self.port = 0
        self.broken_off = 0  # connections that have ended in the middle of what the server said

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def cut(self) -> None:
        """End every connection at once."""
        for writer in self._open:
            writer.transport.abort()

    def freeze(self) -> None:
        """Let nothing more through on the connections there are, and leave them open."""
        self._is_frozen.set()
        self._is_frozen = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
            ends = {writer, server_writer}
            self._open |= ends
            most = None if self.bytes_until_cut is None else self._chance.randint(*self.bytes_until_cut)
            frozen = self._is_frozen
            try:
                await asyncio.gather(
                    self._carry(reader, server_writer, None, frozen), self._carry(server_reader, writer, most, frozen)
                )
            finally:
                self._open -= ends
                server_writer.transport.abort()
        writer.transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None, frozen: asyncio.Event
    ) -> None:
        while part := await reader.read(_CHUNK):
            if frozen.is_set():
                continue
            if most is not None:
                part, most = part[:most], most - len(part)
            writer.write(part)
            await writer.drain()
            if most is not None and most <= 0:
                self.broken_off += 1
                raise ConnectionResetError
        raise ConnectionResetError


@asynccontextmanager
async def a_line(target: int, seed: int) -> AsyncIterator[Line]:
    line = Line(target, seed)
    async with await asyncio.start_server(line.serve, "127.0.0.1", 0) as server:
        line.port = server.sockets[0].getsockname()[1]
        yield line
        line.cut()
