"""The operations of one WebSocket. Each has its own context, request id and place among its token's."""

import asyncio
import time

import orjson
import structlog
from graphql import OperationType
from starlette.websockets import WebSocket, WebSocketDisconnect

from dunlin.api.authentication import NotLetIn
from dunlin.api.context import Context
from dunlin.api.errors import ErrorCode
from dunlin.api.request_id import new_request_id
from dunlin.api.showing import Interrupted
from dunlin.api.shown import Shown
from dunlin.api.stays import NEW_TOKEN_NEEDED, Stay
from dunlin.api.transport.admission import refusing, unavailable
from dunlin.api.transport.ground import Ground
from dunlin.api.transport.message import Closing, Subscribe
from dunlin.api.transport.operation import paying, result_of
from dunlin.api.transport.pace import Pace
from dunlin.api.transport.refused import Refused, broken, error_of
from dunlin.api.transport.request import Asked
from dunlin.api.transport.watching import Opened, follow, open_watch
from dunlin.api.transport.writing import WRITE, Write
from dunlin.domain.viewer import Viewer
from dunlin.runtime.issuer_keys import KeysUnavailable

log = structlog.get_logger()


class SocketOperations:
    """Runs them as tasks of the socket's group. `busy_at` is when one last ran, by the monotonic clock."""

    def __init__(self, websocket: WebSocket, ground: Ground, stay: Stay, tasks: asyncio.TaskGroup) -> None:
        self._websocket = websocket
        self._ground = ground
        self._stay = stay
        self._tasks = tasks
        self._running: dict[str, asyncio.Task[None]] = {}
        self._pace = Pace(ground.limits.operations_at_once, ground.limits.operations_per_second)
        self._idle_since = time.monotonic()

    @property
    def busy_at(self) -> float:
        return time.monotonic() if self._running else self._idle_since

    async def begin(self, message: Subscribe) -> None:
        operation_id = message.operation_id
        if operation_id in self._running:
            raise Closing(4409, f"Subscriber for {operation_id} already exists")
        most = self._ground.limits.operations_per_socket
        if len(self._running) >= most:
            await self._refuse(operation_id, _too_many(f"The socket has {most} operations running; end one first."))
        elif not self._pace.takes_one():
            await self._refuse(operation_id, _too_many("Operations begin too fast on this socket; wait a second."))
        else:
            self._running[operation_id] = self._tasks.create_task(self._run(message))

    def end(self, operation_id: str) -> None:
        """End an operation that its client is done with; its id is free at once."""
        if task := self._running.pop(operation_id, None):
            self._idle_since = time.monotonic()
            task.cancel()

    async def _run(self, message: Subscribe) -> None:
        operation_id, request_id = message.operation_id, new_request_id()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                with self._ground.occupancy.operation(self._stay.viewer):
                    await self._answer(message, request_id)
            except Refused as refused:
                await self._refuse(operation_id, refused, request_id)
            except (Closing, WebSocketDisconnect):
                raise
            except Exception:
                log.exception("operation failed")
                await self._refuse(operation_id, broken(), request_id)
            finally:
                self._forget(operation_id)

    async def _answer(self, message: Subscribe, request_id: str) -> None:
        found = await self._find(message.asked, request_id)
        if isinstance(found, Opened):
            await self._follow(found, message.operation_id)
        elif found.errors is not None:
            await self._end_with(message.operation_id, "error", found.errors)
            return
        else:
            await self._send(message.operation_id, "next", found.json)
        await self._end_with(message.operation_id, "complete")

    async def _find(self, asked: Asked, request_id: str) -> Opened | Shown:
        """Return the result of a query or mutation, or a subscription that was let in."""
        account_id = self._stay.viewer.account_id
        context = self._ground.context(self._stay, self._stay.viewer, request_id)
        async with paying(context):
            text = self._ground.documents.text_of(asked, account_id)
        try:
            context.viewer = await self._viewer()
            find = open_watch if self._is_watch(text, asked, context) else result_of
            found = await find(self._ground, text, asked, context)
        except Refused as refused:
            if refused.code is ErrorCode.UNAVAILABLE and self._is_watch(text, asked, context):
                raise _come_back(refused) from refused
            raise
        if isinstance(found, Opened) or found.errors is None:
            self._ground.documents.keep(asked, text, account_id)
        return found

    def _is_watch(self, text: str, asked: Asked, context: Context) -> bool:
        kind = self._ground.schema.kind_of(text, asked.operation_name, context)
        return kind is OperationType.SUBSCRIPTION

    async def _follow(self, opened: Opened, operation_id: str) -> None:
        try:
            await follow(opened, self._stay, self._ground.showings, _Events(self._websocket, operation_id))
        except Interrupted as error:
            raise _come_back(unavailable("The database")) from error

    async def _viewer(self) -> Viewer:
        """Return who asks, looked at anew for each operation, as for each request."""
        with refusing():
            try:
                return await self._stay.renewed()
            except NotLetIn as refused:
                raise Closing(NEW_TOKEN_NEEDED, refused.reason) from refused
            except KeysUnavailable:  # the issuer is away, and the token was good
                return self._stay.viewer

    async def _end_with(self, operation_id: str, kind: str, payload: bytes | None = None) -> None:
        self._forget(operation_id)
        await self._send(operation_id, kind, payload)

    async def _refuse(self, operation_id: str, refused: Refused, request_id: str | None = None) -> None:
        errors = [error_of(refused, request_id or new_request_id())]
        await self._end_with(operation_id, "error", orjson.dumps(errors))

    async def _send(self, operation_id: str, kind: str, payload: bytes | None = None) -> None:
        head = _head(operation_id, kind)
        text = head + b"}" if payload is None else b'%s,"payload":%s}' % (head, payload)
        await self._websocket.send_text(text.decode())

    def _forget(self, operation_id: str) -> None:
        """Give an id free; unless it is another operation's by now, or of one that never began."""
        if self._running.get(operation_id) is asyncio.current_task():
            del self._running[operation_id]
            self._idle_since = time.monotonic()


class _Events:
    """The listener of a subscription. Its messages differ from those of others by the operation's id alone."""

    __slots__ = ("_head", "_websocket", "_write")

    def __init__(self, websocket: WebSocket, operation_id: str) -> None:
        self._websocket = websocket
        self._write: Write | None = websocket.scope["extensions"].get(WRITE)
        self._head = _head(operation_id, "next") + b',"payload":'

    async def send(self, found: Shown) -> None:
        await self._websocket.send_text(self._message(found).decode())

    def sends_now(self, found: Shown) -> bool:
        return self._write is not None and self._write(self._message(found))

    def _message(self, found: Shown) -> bytes:
        return b"%s%s}" % (self._head, found.json)


def _head(operation_id: str, kind: str) -> bytes:
    return b'{"id":%s,"type":"%s"' % (orjson.dumps(operation_id), kind.encode())


def _come_back(refused: Refused) -> Closing:
    """Return how a subscription ends that goes on later.

    Clients take an operation that has ended for done with, and an event with errors for seen.
    """
    return Closing(1013, refused.message)


def _too_many(message: str) -> Refused:
    return Refused(429, ErrorCode.RATE_LIMITED, message, retry_after=1)
