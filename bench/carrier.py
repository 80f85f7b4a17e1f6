"""A carrier that only answers: every POST is taken after 20 ms. `python -m bench.carrier PORT` is one.

It is asyncio's plainest server, so that it takes as little as can be of what is measured.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import httptools
import uvloop

from bench.processes import a_process, free_port, until_answering

ANSWER_AFTER_S = 0.02

_numbers = itertools.count(1)


class Answering(asyncio.Protocol):
    """One connection to the carrier. `taken` is told the body of each POST when it has come."""

    def __init__(self, taken: Callable[[bytes], None] = lambda body: None) -> None:
        self._taken = taken
        self._body = b""
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        if self._parser.get_method() == b"POST":
            self._taken(body)
        asyncio.get_running_loop().call_later(ANSWER_AFTER_S, self._answer)

    def _answer(self) -> None:
        body = b'{"sid": "SM%032x", "status": "queued"}' % next(_numbers)
        head = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        if not self._transport.is_closing():
            self._transport.write(head + body)


@asynccontextmanager
async def a_carrier() -> AsyncIterator[str]:
    """Run a carrier in a process of its own and yield its address."""
    port = free_port()
    async with a_process("bench.carrier", str(port)):
        address = f"http://127.0.0.1:{port}"
        await until_answering(address)
        yield address


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", port, backlog=1_000)
    await server.serve_forever()


if __name__ == "__main__":
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 2:  # then there is one to spare
        os.sched_setaffinity(0, cores[-1:])
    uvloop.run(_serve(int(sys.argv[1])))
