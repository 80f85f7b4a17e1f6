"""WebSockets with an end to everybody's patience, as `BoundedHttp` has it.

uvicorn closes a connection when what is still to be sent has been sent: with a client that does not read, never.
"""

import logging
from asyncio import TimerHandle
from datetime import timedelta

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

from dunlin.api.bounded_http import SLOWEST_READER
from dunlin.api.transport.live_limits import PINGS_AT_ONCE, PINGS_PER_SECOND
from dunlin.api.transport.pace import Pace
from dunlin.api.transport.writing import WRITE

_TEXT = 0x81  # FIN and the opcode


class BoundedSocket(WebSocketsSansIOProtocol):
    """One connection. Who reads nothing for long, answers no ping or does not take its closing is hung up on.

    Pings are answered while the answers are read, and not without end: uvicorn answers each, whoever sends it.
    """

    slowest_reader = SLOWEST_READER
    slowest_goodbye = timedelta(seconds=10)

    pings_at_once = PINGS_AT_ONCE
    pings_per_second = PINGS_PER_SECOND

    _stalled: TimerHandle | None = None
    _pings: Pace | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._go_on()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.slowest_reader.total_seconds(), self.transport.abort)

    def resume_writing(self) -> None:
        self._go_on()
        super().resume_writing()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.conn.state is State.CONNECTING and not self.close_sent:
            extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]
            extensions[WRITE] = self.write

    def write(self, text: bytes) -> bool:
        """Send a text at once, or return False where it has to wait for the client to read, or the client is gone."""
        if not self.writable.is_set() or self.transport.is_closing() or self.conn.state is not State.OPEN:
            return False
        self.transport.write(_head(len(text)) + text)
        return True

    def handle_ping(self) -> None:
        if self.close_sent:
            return
        answers = b"".join(self.conn.data_to_send())  # also where they are not sent: the library keeps them
        if self.writable.is_set() or self.conn.state is not State.OPEN:
            self.transport.write(answers)
        if self._pings is None:
            self._pings = Pace(self.pings_at_once, self.pings_per_second)
        if not self._pings.takes_one():
            self._send_off("Too many pings")

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()
            self._abort_later()

    def _send_off(self, reason: str) -> None:
        self.conn.fail(1008, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        self.close_timer = self.loop.call_later(self.slowest_goodbye.total_seconds(), self.transport.abort)

    def _go_on(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def _head(length: int) -> bytes:
    """Return how the frame of a text of so many bytes begins, unmasked as servers' are: RFC 6455, section 5.2."""
    if length < 126:
        return bytes((_TEXT, length))
    if length < 65_536:
        return bytes((_TEXT, 126)) + length.to_bytes(2, "big")
    return bytes((_TEXT, 127)) + length.to_bytes(8, "big")


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Return whether uvicorn tells of more than a client that has sent bad UTF-8, and is closed with 1007."""
    return not str(record.msg).startswith("Invalid UTF-8 sequence")


logging.getLogger("uvicorn.error").addFilter(_is_worth_telling)
