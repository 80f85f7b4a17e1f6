"""HTTP/1.1 with an end to everybody's patience, which uvicorn leaves to a proxy: slow, endless and idle requests.

What a client keeps waiting costs a connection and nothing else, and not for long.
"""

from asyncio import TimerHandle, Transport
from datetime import timedelta

from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dunlin.api.errors import ErrorCode
from dunlin.api.request_id import RequestIds
from dunlin.api.transport.refused import Refused, refusal

LARGEST_HEAD = 32 * 1024  # bytes: the request line and all headers
SLOWEST_HEAD = timedelta(seconds=10)
SLOWEST_BODY = timedelta(seconds=30)
SLOWEST_READER = timedelta(seconds=60)  # how long a client may read nothing of an answer that waits for it


class BoundedHttp(HttpToolsProtocol):
    """One connection. Who is too slow is hung up on; whose headers are too large is told so with 431."""

    slowest_head = SLOWEST_HEAD
    slowest_body = SLOWEST_BODY
    slowest_reader = SLOWEST_READER

    _timer: TimerHandle | None = None
    _stalled: TimerHandle | None = None
    _head: int | None = 0  # bytes of a head that has not come whole; None behind it

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._end_after(self.slowest_head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n")
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        self._stop()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        self._head = self._head or 0
        if self._timer is None:  # another request of a connection that is kept
            self._end_after(self.slowest_head)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = None
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        self.app = self.config.loaded_app if size <= LARGEST_HEAD else _too_large
        self._end_after(self.slowest_body)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.slowest_reader.total_seconds(), self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _end_after(self, patience: timedelta) -> None:
        self._stop()
        self._timer = self.loop.call_later(patience.total_seconds(), self._hang_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hang_up(self) -> None:
        if self.transport.is_closing():
            return
        has_said_nothing = self.cycle is None and self._head == 0
        is_answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not has_said_nothing and not is_answering:
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
        self.transport.close()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    message = f"A request's line and headers have at most {LARGEST_HEAD:,} bytes together."
    refused = Refused(431, ErrorCode.BAD_USER_INPUT, message, {"Connection": "close"})
    await refusal(Request(scope), refused)(scope, receive, send)


_too_large = RequestIds(_refuse)
