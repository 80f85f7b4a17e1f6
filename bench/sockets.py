"""Subscribers that cost little: a thousand WebSockets of one process, which only count what they are told."""

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

_PATIENCE_S = 120
_AT_ONCE = 50  # handshakes

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Audience:
    """Counts the messages that all of it has got. `last` is the newest one's bytes, `last_at` when it came."""

    def __init__(self) -> None:
        self.count = 0
        self.last = b""
        self.last_at = 0.0
        self._expected = 0
        self._complete: asyncio.Future[None] | None = None
        self._lost: ConnectionError | None = None

    def told(self, message: bytes) -> None:
        self.count += 1
        self.last = message
        self.last_at = time.perf_counter()
        if self._complete is not None and self.count >= self._expected and not self._complete.done():
            self._complete.set_result(None)

    def lost(self, why: str) -> None:
        """One of it has gone: what is expected of all will never come."""
        self._lost = ConnectionError(why)
        if self._complete is not None and not self._complete.done():
            self._complete.set_exception(self._lost)

    async def has_got(self, expected: int) -> None:
        """Return as soon as so many messages have come since the beginning."""
        if self._lost is not None:
            raise self._lost
        if self.count < expected:
            self._expected = expected
            self._complete = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._complete
            except TimeoutError:
                raise TimeoutError(f"{self.count:,} of {expected:,} messages came within {_PATIENCE_S} s") from None


class Socket(asyncio.Protocol):
    """One WebSocket: `subscribe` is sent as graphql-transport-ws wants it; None where plain texts are told."""

    def __init__(self, path: str, audience: Audience, token: str, subscribe: bytes | None) -> None:
        self._path = path
        self._audience = audience
        self._token = token
        self._subscribe = subscribe
        self._read = bytearray()
        self._is_open = False
        self._is_closed = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        protocol = "" if self._subscribe is None else "Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._read += data
        if not self._is_open and not self._opens():
            return
        while (frame := self._frame()) is not None:
            kind, payload = frame
            if kind == _TEXT:
                self._take(payload)
            elif kind == _PING:
                self._send(payload, _PONG)
            elif kind == _CLOSE:
                self._fail(f"closed by the server: {payload[2:].decode()}")

    def connection_lost(self, error: Exception | None) -> None:
        self._fail("the connection was lost")

    def close(self) -> None:
        self._is_closed = True
        self._transport.close()

    def _opens(self) -> bool:
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            self._fail(head.decode())
            return False
        self._read, self._is_open = rest, True
        if self._subscribe is None:
            self.ready.set_result(None)
        else:
            self._send(json.dumps({"type": "connection_init", "payload": {"authToken": self._token}}).encode())
        return True

    def _frame(self) -> tuple[int, bytes] | None:
        """Return the kind and the payload of the next frame if all of it has come. Servers do not mask."""
        if len(self._read) < 2:
            return None
        length, begin = self._read[1], 2
        if length >= 126:
            begin = 4 if length == 126 else 10
            length = int.from_bytes(self._read[2:begin], "big")
        if len(self._read) < begin + length:
            return None
        kind, payload = self._read[0] & 15, bytes(self._read[begin : begin + length])
        del self._read[: begin + length]
        return kind, payload

    def _take(self, payload: bytes) -> None:
        if self._subscribe is not None and b'"type":"ping"' in payload.replace(b" ", b""):
            self._send(b'{"type": "pong"}')
        elif self.ready.done():
            self._audience.told(payload)
        elif b'"connection_ack"' in payload:
            assert self._subscribe is not None
            self._send(self._subscribe)
            self.ready.set_result(None)

    def _send(self, payload: bytes, kind: int = _TEXT) -> None:
        """Send a frame, masked with zeros as a client has to."""
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + length.to_bytes(2, "big")
        self._transport.write(bytes([0x80 | kind]) + size + bytes(4) + payload)

    def _fail(self, why: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(why))
        elif not self._is_closed:
            self._audience.lost(why)


@asynccontextmanager
async def an_audience(
    address: str, path: str, count: int, *, token: str = "", subscribe: Mapping[str, object] | None = None
) -> AsyncIterator[Audience]:
    """Connect so many subscribers; yield when each has connected and, where it subscribes, has said so."""
    audience, sockets = Audience(), list[Socket]()
    asked = None if subscribe is None else {"id": "1", "type": "subscribe", "payload": subscribe}
    sent = None if asked is None else json.dumps(asked).encode()
    loop, port, room = asyncio.get_running_loop(), urlsplit(address).port, asyncio.Semaphore(_AT_ONCE)
    assert port is not None, address

    async def connect() -> None:
        async with room:
            _, socket = await loop.create_connection(lambda: Socket(path, audience, token, sent), "127.0.0.1", port)
            sockets.append(socket)
            await socket.ready

    try:
        async with asyncio.timeout(_PATIENCE_S):
            await asyncio.gather(*(connect() for _ in range(count)))
        yield audience
    finally:
        for socket in sockets:
            socket.close()
