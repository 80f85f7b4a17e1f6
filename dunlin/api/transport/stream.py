"""GraphQL over server-sent events: the distinct connections mode of graphql-sse, for clients behind proxies.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

import asyncio
from contextlib import AsyncExitStack

import orjson
import structlog
from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from dunlin.api.context import Context
from dunlin.api.errors import ErrorCode
from dunlin.api.request_id import request_id_of
from dunlin.api.showing import Interrupted
from dunlin.api.shown import Shown
from dunlin.api.stays import Stay
from dunlin.api.transport.admission import address_of, refusing
from dunlin.api.transport.endpoint import accepted, require_method
from dunlin.api.transport.ground import Ground
from dunlin.api.transport.media_type import MediaType
from dunlin.api.transport.operation import paying, result_of
from dunlin.api.transport.refused import Refused, error_of, refusal
from dunlin.api.transport.request import Asked, read_request
from dunlin.api.transport.watching import Opened, follow, open_watch

_METHODS = "POST, GET"
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"vary", b"Accept"),
)
_HEARTBEAT = b":\n\n"
_COMPLETE = b"event: complete\ndata: \n\n"

log = structlog.get_logger()


class Streams:
    """`POST /graphql/stream`, and `GET` for what does not change anything."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            async with AsyncExitStack() as visit:
                await self._answer(request, visit, send)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Refused as refused:
            told = Refused(  # with its own status
                refused.status, refused.code, refused.message, refused.headers, retry_after=refused.retry_after
            )
            await refusal(request, told)(scope, receive, send)

    async def _answer(self, request: Request, visit: AsyncExitStack, send: Send) -> None:
        require_method(request, _METHODS)
        accepted(request, (MediaType.EVENTS,))
        visit.enter_context(self._ground.occupancy.connection(address_of(request)))
        with refusing():
            header, address = request.headers.get("authorization"), address_of(request)
            stay = await visit.enter_async_context(self._ground.stays.stay(header, address))
        visit.enter_context(self._ground.occupancy.guest(stay.viewer))
        visit.enter_context(self._ground.occupancy.operation(stay.viewer))
        last_seen = request.headers.get("last-event-id") or None
        context = self._ground.context(stay, stay.viewer, request_id_of(request.scope), last_seen)
        async with paying(context):
            asked = await read_request(request)
            text = self._ground.documents.text_of(asked, stay.viewer.account_id)
            kind = self._ground.schema.kind_of(text, asked.operation_name, context) if request.method == "GET" else None
            if kind is OperationType.MUTATION:
                message = "GET only reads. Send a mutation by POST."
                raise Refused(405, ErrorCode.BAD_USER_INPUT, message, {"Allow": "POST"})
        await _Stream(self._ground, stay, context, send).run(text, asked, request.receive)


class _Over(Exception):
    """The stream ends."""


class _Stream:
    def __init__(self, ground: Ground, stay: Stay, context: Context, send: Send) -> None:
        self._ground = ground
        self._stay = stay
        self._context = context
        self._send = send
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(1)  # a client that does not read holds the events up

    async def run(self, text: str, asked: Asked, receive: Receive) -> None:
        """Send the results, until they or the stay end, or the client is gone. Whatever was begun has ended then."""
        await self._send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await self._write(_HEARTBEAT)  # so that proxies and clients know at once that it is open
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_gone(receive))
                tasks.create_task(self._until_ended())
                tasks.create_task(self._produce(text, asked))
                await self._pass_on()
        except* _Over:
            pass
        except* Exception as raised:
            log.error("stream failed", exc_info=raised.exceptions[0])
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _produce(self, text: str, asked: Asked) -> None:
        try:
            await self._run(text, asked)
        except Interrupted as error:  # without `complete`, so that its client comes back behind the last event it has
            raise _Over from error
        except Refused as refused:
            told = orjson.dumps({"errors": [error_of(refused, self._context.request_id)]})
            await self.send(Shown(told))
        await self._chunks.put(_COMPLETE)

    async def _run(self, text: str, asked: Asked) -> None:
        kind = self._ground.schema.kind_of(text, asked.operation_name, self._context)
        if kind is not OperationType.SUBSCRIPTION:
            found: Opened | Shown = await result_of(self._ground, text, asked, self._context)
        else:
            found = await open_watch(self._ground, text, asked, self._context)
        if isinstance(found, Opened) or found.errors is None:
            self._ground.documents.keep(asked, text, self._context.viewer.account_id)
        if isinstance(found, Opened):
            await follow(found, self._stay, self._ground.showings, self)
        else:
            await self.send(found)

    async def send(self, found: Shown) -> None:
        await self._chunks.put(_next_event(found))

    def sends_now(self, found: Shown) -> bool:
        if self._chunks.full():
            return False
        self._chunks.put_nowait(_next_event(found))
        return True

    async def _pass_on(self) -> None:
        chunk = b""
        while chunk is not _COMPLETE:
            try:
                async with asyncio.timeout(self._ground.limits.heartbeat.total_seconds()):
                    chunk = await self._chunks.get()
            except TimeoutError:
                chunk = _HEARTBEAT
            await self._write(chunk)
        raise _Over

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise _Over

    async def _until_ended(self) -> None:
        """End the stream with its token, or by its age: whoever still listens comes back."""
        try:
            async with asyncio.timeout(self._ground.limits.stream_lasts.total_seconds()):
                await self._stay.until_ended()
        except TimeoutError:
            pass
        raise _Over

    async def _write(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})


def _next_event(found: Shown) -> bytes:
    place = b"" if found.cursor is None else b"id: %s\n" % found.cursor.encode()
    return b"%sevent: next\ndata: %s\n\n" % (place, found.json)
