"""One WebSocket: graphql-transport-ws, https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.

What is wrong with a message closes the socket, what is wrong with an operation ends the operation. The codes are
chosen by what the stock client makes of them: it comes back after 1012, 1013, 4403 and 4408, after 1000 only if it
has operations, and after the others not at all.
"""

import asyncio
import time
from contextlib import AsyncExitStack, suppress

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from dunlin.api.authentication import header_of_params
from dunlin.api.stays import NEW_TOKEN_NEEDED, Stay
from dunlin.api.transport.admission import address_of, refusing
from dunlin.api.transport.ground import Ground
from dunlin.api.transport.message import (
    Closing,
    Complete,
    Init,
    Message,
    Ping,
    Pong,
    Subscribe,
    malformed,
    read_message,
)
from dunlin.api.transport.pace import Pace
from dunlin.api.transport.refused import Refused
from dunlin.api.transport.socket_operations import SocketOperations

_LONGEST_CHECK_S = 10.0
_LONGEST_REASON = 123  # bytes, in a frame that closes a WebSocket

log = structlog.get_logger()


class Conversation:
    def __init__(self, websocket: WebSocket, ground: Ground) -> None:
        self._websocket = websocket
        self._ground = ground
        self._pings = Pace(ground.limits.pings_at_once, ground.limits.pings_per_second)

    async def run(self) -> None:
        """Talk until either side ends it, on a socket that is accepted. Whatever was begun has ended then."""
        try:
            async with AsyncExitStack() as visit, asyncio.TaskGroup() as tasks:
                stay = await self._let_in(await self._init(), visit)
                operations = SocketOperations(self._websocket, self._ground, stay, tasks)
                await self._send_ack()
                tasks.create_task(self._watch(stay, operations))
                while True:
                    await self._take(await self._receive(), operations)
        except* WebSocketDisconnect:
            pass
        except* Closing as raised:
            closing = raised.exceptions[0]
            assert isinstance(closing, Closing)
            await self._close(closing)
        except* Exception as raised:
            log.error("socket failed", exc_info=raised.exceptions[0])
            await self._close(Closing(1011, "Something went wrong on our side"))

    async def _init(self) -> Init:
        """Return the first message but pings: who says nothing, or asks before, is sent off."""
        try:
            async with asyncio.timeout(self._ground.limits.init_within.total_seconds()):
                while not isinstance(message := await self._receive(), Init):
                    if isinstance(message, Subscribe):
                        raise Closing(4401, "Unauthorized")
                    if isinstance(message, Ping):
                        await self._pong()
        except TimeoutError as error:
            raise Closing(4408, "Connection initialisation timeout") from error
        return message

    async def _let_in(self, init: Init, visit: AsyncExitStack) -> Stay:
        """Return the stay of a token that is in force, for as long as the `visit` lasts."""
        try:
            with refusing():
                stay = self._ground.stays.stay(header_of_params(init.params), address_of(self._websocket))
                async with asyncio.timeout(_LONGEST_CHECK_S):
                    staying = await visit.enter_async_context(stay)
            visit.enter_context(self._ground.occupancy.guest(staying.viewer))
        except TimeoutError as error:
            raise Closing(1013, "The token cannot be checked now; try again.") from error
        except Refused as refused:
            # Clients throw a token away for 4403, so that is said only of one that is bad or opens nothing.
            code = NEW_TOKEN_NEEDED if refused.status in (401, 403) else 1013
            raise Closing(code, refused.message) from refused
        return staying

    async def _take(self, message: Message, operations: SocketOperations) -> None:
        match message:
            case Init():
                raise Closing(4429, "Too many initialisation requests")
            case Subscribe():
                await operations.begin(message)
            case Complete(operation_id):
                operations.end(operation_id)
            case Ping():
                await self._pong()
            case Pong():
                pass

    async def _watch(self, stay: Stay, operations: SocketOperations) -> None:
        """Close the socket when its token ends, or when nothing has been asked for over it for long."""
        idle_s = self._ground.limits.idle_for.total_seconds()
        while (left_s := operations.busy_at + idle_s - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    ending = await stay.until_ended()
            except TimeoutError:
                continue
            raise Closing(ending.code, ending.reason)
        raise Closing(1000, "Nothing was asked for any more")

    async def _receive(self) -> Message:
        try:
            text = await self._websocket.receive_text()
        except KeyError as error:
            raise malformed("A message is text") from error
        return read_message(text)

    async def _send_ack(self) -> None:
        await self._websocket.send_text('{"type":"connection_ack"}')

    async def _pong(self) -> None:
        if not self._pings.takes_one():
            raise Closing(4429, "Too many pings")
        await self._websocket.send_text('{"type":"pong"}')

    async def _close(self, closing: Closing) -> None:
        reason = closing.reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        with suppress(WebSocketDisconnect, RuntimeError):  # the other side was faster
            await self._websocket.close(closing.code, reason)
