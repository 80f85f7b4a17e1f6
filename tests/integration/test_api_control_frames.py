"""Clients that send nothing but pings: each is answered, so that answers nobody reads may not pile up."""

import asyncio
import base64
import gc
import secrets
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import pytest_asyncio
import websockets
from websockets.frames import Frame, Opcode

from dunlin.api.bounded_socket import BoundedSocket
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.client import acknowledged, connected
from tests.serving import limited, until_nobody_is_left

PINGS = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 1_000
FLOOD = 200  # times PINGS, 26 MB: far more than the system keeps on the way
MOST_KEPT = 1_000_000  # bytes: the mark at which writing is paused, and what one read of pings is answered with


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    return await a_token(services, await an_account())


@asynccontextmanager
async def a_deaf_socket(address: str) -> AsyncIterator[sockets.socket]:
    """A WebSocket that never reads and has not said whose it is."""
    host, _, port = address.removeprefix("http://").partition(":")
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    handshake = (
        f"GET /graphql HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    with sockets.socket() as deaf:
        deaf.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, (host, int(port)))
        await loop.sock_sendall(deaf, handshake.encode())
        assert (await loop.sock_recv(deaf, 12)).endswith(b"101")
        yield deaf


async def most_kept(deaf: sockets.socket) -> int:
    """Send pings for as long as they are taken; return the most that was kept of their answers, in bytes."""
    loop, most, open_ones = asyncio.get_running_loop(), 0, _sockets()
    with suppress(ConnectionError, TimeoutError):
        for _ in range(FLOOD):
            async with asyncio.timeout(5):
                await loop.sock_sendall(deaf, PINGS)
            most = max([most, *(one.transport.get_write_buffer_size() for one in open_ones)])
    return most


def _sockets() -> list[BoundedSocket]:
    return [one for one in gc.get_objects() if type(one) is BoundedSocket and not one.disconnected]


@pytest.mark.parametrize("pings_at_once", [BoundedSocket.pings_at_once, 10**9], ids=["limited", "however fast"])
async def test_answers_to_pings_that_nobody_reads_are_not_kept(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch, pings_at_once: int
) -> None:
    monkeypatch.setattr(BoundedSocket, "pings_at_once", pings_at_once)
    async with limited(services) as (address, ground):
        async with acknowledged(address, token) as other, a_deaf_socket(address) as deaf:
            assert await most_kept(deaf) < MOST_KEPT
            await other.settle()
        await until_nobody_is_left(ground)


async def test_who_sends_pings_without_end_is_sent_off(services: Services, token: str) -> None:
    async with limited(services) as (address, ground):
        async with acknowledged(address, token) as other, connected(address) as pinging:
            with suppress(websockets.ConnectionClosed):
                for _ in range(2 * BoundedSocket.pings_at_once):
                    await pinging.ping()
            assert (await pinging.close_code(), pinging.close_reason) == (1008, "Too many pings")
            await other.settle()
        await until_nobody_is_left(ground)


@pytest.mark.parametrize("is_known", [False, True], ids=["before connection_init", "after it"])
async def test_pings_of_the_protocol_are_limited_alike(services: Services, token: str, is_known: bool) -> None:
    async with limited(services) as (address, ground):
        async with acknowledged(address, token) as other, connected(address) as pinging:
            if is_known:
                await pinging.send({"type": "connection_init", "payload": {"authToken": token}})
            with suppress(websockets.ConnectionClosed):
                for _ in range(2 * ground.limits.pings_at_once):
                    await pinging.send({"type": "ping"})
                while True:
                    await pinging.receive()
            assert (await pinging.close_code(), pinging.close_reason) == (4429, "Too many pings")
            await other.settle()
        await until_nobody_is_left(ground)


async def test_some_pings_at_once_are_answered_each(services: Services, token: str) -> None:
    async with limited(services) as (address, _), acknowledged(address, token) as pinging:
        for _ in range(50):
            await pinging.send({"type": "ping"})
            assert await pinging.receive() == {"type": "pong"}
            await pinging.ping()
