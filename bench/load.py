"""A client that costs little: requests that are bytes already, over connections that stay open, on loopback only."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

_PATIENCE_S = 120
_PACED = 32  # connections


def request(address: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(address).netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def graphql_request(address: str, token: str, query: str, variables: Mapping[str, object]) -> bytes:
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return request(address, "POST", "/graphql", headers, body)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One connection, on which one request is under way at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    async def ask(self, sent: bytes) -> Response:
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._transport.write(sent)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._answered.done():  # who asked may have been stopped
            self._answered.set_result(Response(self._parser.get_status_code(), b"".join(self._body)))

    def connection_lost(self, error: Exception | None) -> None:
        if hasattr(self, "_answered") and not self._answered.done():
            self._answered.set_exception(error or ConnectionResetError())

    def close(self) -> None:
        self._transport.close()


@asynccontextmanager
async def connections(address: str, count: int) -> AsyncIterator[list[Connection]]:
    loop, port = asyncio.get_running_loop(), urlsplit(address).port
    assert port is not None, address
    opened = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(count)]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.close()


async def rate(address: str, requests: Sequence[bytes], *, concurrency: int, status: int) -> float:
    """Return requests per second, so many at once; every answer must have the status."""
    async with connections(address, min(concurrency, len(requests))) as opened, asyncio.timeout(_PATIENCE_S):
        left = iter(requests)
        began = time.perf_counter()
        await asyncio.gather(*(_work_off(connection, left, status) for connection in opened))
        return len(requests) / (time.perf_counter() - began)


async def paced(address: str, requests: Sequence[bytes], per_second: float, *, status: int) -> None:
    """Send so many requests per second, evenly, as far as they are answered in time."""
    async with connections(address, min(_PACED, len(requests))) as opened:
        began, left = time.perf_counter(), iter(enumerate(requests))

        async def work_off(connection: Connection) -> None:
            for place, sent in left:
                await asyncio.sleep(max(0.0, began + place / per_second - time.perf_counter()))
                answer = await connection.ask(sent)
                assert answer.status == status, answer

        await asyncio.gather(*(work_off(connection) for connection in opened))


async def _work_off(connection: Connection, left: Iterator[bytes], status: int) -> None:
    for sent in left:
        answer = await connection.ask(sent)
        assert answer.status == status, answer


async def ask_once(address: str, sent: bytes) -> Response:
    async with connections(address, 1) as (connection,):
        return await connection.ask(sent)
