"""Clients that are slow, silent or endless: they lose their connection, and nobody else loses anything."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from dunlin.api.bounded_http import LARGEST_HEAD, BoundedHttp
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.client import acknowledged

_SHORT = timedelta(seconds=0.3)
_PATIENCE_S = 5


class Raw:
    """A connection on which every byte is ours."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def rest(self) -> bytes:
        """Return what comes until the other side closes."""
        async with asyncio.timeout(_PATIENCE_S):
            return await self._reader.read(-1)

    async def answer(self) -> bytes:
        """Return the next answer whole."""
        async with asyncio.timeout(_PATIENCE_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            return head + await self._reader.readexactly(int(length.split(b":")[1]))


Connect = Callable[[], Awaitable[Raw]]


@pytest.fixture
def address(services: Services, api_address: str) -> str:
    return api_address


@pytest_asyncio.fixture
async def connect(address: str) -> AsyncIterator[Connect]:
    """Opens connections, and closes them in the end."""
    parts = urlsplit(address)
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Raw:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writers.append(writer)
        return Raw(reader, writer)

    yield connect
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_who_says_nothing_is_hung_up_on(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "slowest_head", _SHORT)

    assert await (await connect()).rest() == b""


async def test_who_never_ends_the_headers_is_told_so(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "slowest_head", _SHORT)
    raw = await connect()

    await raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ")

    assert (await raw.rest()).startswith(b"HTTP/1.1 408 ")


async def test_who_never_ends_the_body_is_told_so(
    services: Services, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHttp, "slowest_body", _SHORT)
    token = await a_token(services, await an_account())
    raw = await connect()

    await raw.send(
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        + f"Authorization: Bearer {token}\r\n\r\n".encode()
        + b'{"query": "'
    )

    assert (await raw.rest()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("piece", [b"X-A: " + b"a" * 1_000 + b"\r\n", b"a" * 1_000], ids=["many-headers", "one-header"])
async def test_headers_without_end_are_refused_before_they_are_kept(connect: Connect, piece: bytes) -> None:
    raw = await connect()

    await raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-B: b" + (b"\r\n" if b":" in piece else b""))
    sent = 0
    try:
        while sent <= 4 * LARGEST_HEAD:
            await raw.send(piece)
            sent += len(piece)
        answered = await raw.rest()
    except ConnectionError:  # hung up on with bytes of ours unread
        return

    assert answered.startswith(b"HTTP/1.1 431 ")


async def test_headers_that_are_too_large_are_refused_by_name(connect: Connect) -> None:
    raw = await connect()

    await raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * LARGEST_HEAD + b"\r\n\r\n")
    head, _, body = (await raw.rest()).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 431 ")
    if body:
        assert f"{LARGEST_HEAD:,}" in json.loads(body)["errors"][0]["message"]


async def test_who_reads_nothing_of_an_answer_is_hung_up_on(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "slowest_reader", _SHORT)
    parts = urlsplit(address)
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        lazy.connect((parts.hostname, parts.port))
        lazy.sendall(b"GET /graphiql/assets/graphiql-3.8.3/graphiql.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
        lazy.settimeout(_PATIENCE_S)
        await asyncio.sleep(4 * _SHORT.total_seconds())  # reads nothing, which is what is tested

        got = await asyncio.to_thread(_all_of, lazy)

    assert 0 < got < 3_000_000


def _all_of(connection: socket.socket) -> int:
    got = 0
    try:
        while data := connection.recv(65_536):
            got += len(data)
    except ConnectionError:
        pass
    return got


async def test_a_patient_client_keeps_its_connection(connect: Connect) -> None:
    raw = await connect()

    for _ in range(3):
        await raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await raw.answer()).startswith(b"HTTP/1.1 200 ")
    await raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    answers = [await raw.answer(), await raw.answer()]

    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


async def test_a_connection_that_is_kept_ends_when_the_next_request_does_not_come_whole(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHttp, "slowest_head", _SHORT)
    raw = await connect()
    await raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await raw.answer()

    await raw.send(b"GET /healthz HTT")

    assert (await raw.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_websocket_outlives_the_patience_for_requests(
    services: Services, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("slowest_head", "slowest_body", "slowest_reader"):
        monkeypatch.setattr(BoundedHttp, name, _SHORT)
    token = await a_token(services, await an_account())

    async with acknowledged(address, token) as quiet:
        await asyncio.sleep(2 * _SHORT.total_seconds())  # says nothing, which is what is tested
        await quiet.settle()


async def test_slow_clients_keep_nobody_waiting(services: Services, http: httpx.AsyncClient, connect: Connect) -> None:
    token = await a_token(services, await an_account())
    slow = [await connect() for _ in range(200)]
    for raw in slow:
        await raw.send(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")

    answer = await http.post("/graphql", json={"query": "{ __typename }"}, headers={"Authorization": f"Bearer {token}"})

    assert answer.json()["data"] == {"__typename": "Query"}
