"""WebSockets with an end to everybody's patience, as `BoundedHttp` has it.

uvicorn closes a connection when what is still to be sent has been sent: with a client that does not read, never.
"""

import logging
from asyncio import TimerHandle
from datetime import timedelta

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from dunlin.api.bounded_http import SLOWEST_READER


class BoundedSocket(WebSocketsSansIOProtocol):
    """One connection. Who reads nothing for long, answers no ping or does not take its closing is hung up on."""

    slowest_reader = SLOWEST_READER
    slowest_goodbye = timedelta(seconds=10)

    _stalled: TimerHandle | None = None

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

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.slowest_goodbye.total_seconds(), self.transport.abort)

    def _go_on(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Return whether uvicorn tells of more than a client that has sent bad UTF-8, and is closed with 1007."""
    return not str(record.msg).startswith("Invalid UTF-8 sequence")


logging.getLogger("uvicorn.error").addFilter(_is_worth_telling)
