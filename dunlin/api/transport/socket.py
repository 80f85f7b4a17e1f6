"""GraphQL over a WebSocket: graphql-transport-ws, for bearers of a token only."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.schema import BaseSchema
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types.unset import UNSET, UnsetType

from dunlin.api.authentication import Door, NotLetIn
from dunlin.api.context import Context
from dunlin.api.live import EventHub
from dunlin.api.request_id import new_request_id
from dunlin.api.transport.admission import address_of
from dunlin.api.transport.documents import Documents
from dunlin.api.transport.refused import Refused
from dunlin.api.transport.request import asked_by
from dunlin.domain.store import is_away
from dunlin.domain.viewer import Viewer
from dunlin.runtime.issuer_keys import KeysUnavailable
from dunlin.runtime.wiring import Services

_TOKEN_CHECKED_EVERY_S = 5.0
_LONGEST_REASON = 123  # bytes, in a frame that closes a WebSocket

log = structlog.get_logger()


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """One WebSocket. What is no message of the protocol closes it with 4400, whatever its shape.

    It lasts as long as its token: a token that has expired, is revoked or is gone closes it with 4403.
    """

    _guarding: asyncio.Task[None] | None = None

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        try:
            await super().handle_connection_init(message)
        except NotLetIn as refused:
            await self._close(4403, refused.reason)
        except Exception as error:
            if not (isinstance(error, KeysUnavailable) or is_away(error)):
                raise
            await self._close(1013, "The token cannot be checked now; try again.")
        if self.connection_acknowledged and self._guarding is None:
            self._guarding = asyncio.create_task(self._guard())

    async def shutdown(self) -> None:
        if self._guarding is not None:
            self._guarding.cancel()
        await super().shutdown()

    async def _guard(self) -> None:
        while (reason := await self._reason_to_close()) is None:  # noqa: ASYNC110
            await asyncio.sleep(_TOKEN_CHECKED_EVERY_S)
        await self._close(4403, reason)

    async def _reason_to_close(self) -> str | None:
        assert isinstance(self.view, Sockets)
        end = self.context.viewer.expires_at
        if end is not None and end <= datetime.now(UTC):
            return "The token has expired."
        try:
            await self.view.viewer_of(self.context)
        except NotLetIn as refused:
            return refused.reason
        except KeysUnavailable:  # the issuer is away, and the token was good
            pass
        except Exception as error:  # the database is away: nobody is sent off for that, and we look again
            log.warning("cannot look at a token", error=type(error).__name__)
        return None

    async def _close(self, code: int, reason: str) -> None:
        await self.websocket.close(code=code, reason=reason.encode()[:_LONGEST_REASON].decode(errors="ignore"))

    async def handle_message(self, message: Message) -> None:
        if flaw := _flaw(message):
            await self.handle_invalid_message(flaw)
            return
        await super().handle_message(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Run what is asked for by text or by a document's id. What cannot be run ends its operation only."""
        assert isinstance(self.view, Sockets)
        if self.connection_acknowledged:
            try:
                asked = asked_by(message["payload"])
                message["payload"]["query"] = self.view.documents.text_of(asked, self.context.viewer.account_id)
            except Refused as refused:
                await self._refuse(message["id"], refused)
                return
        await super().handle_subscribe(message)

    async def _refuse(self, operation_id: str, refused: Refused) -> None:
        extensions = {"code": refused.code.value, "requestId": new_request_id()}
        error = GraphQLError(refused.message, extensions=extensions)
        await self.send_message({"id": operation_id, "type": "error", "payload": [error.formatted]})

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        return None  # a bad document ends its operation, not the socket


def _flaw(message: object) -> str | None:
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return "A message is an object with a type"
    if message["type"] not in ("subscribe", "complete"):
        return None
    if not isinstance(message.get("id"), str) or not 1 <= len(message["id"]) <= 128:
        return "An id is a string of 1 to 128 characters"
    if message["type"] == "complete":
        return None
    try:
        asked = asked_by(message.get("payload"))
    except Refused as refused:
        return refused.message
    return None if asked.names_a_document else "A subscribe message has a payload with a query"


class Sockets(GraphQL[Context, None]):
    """The WebSocket of the API. HTTP has an endpoint of its own."""

    graphql_transport_ws_handler_class = SocketHandler

    def __init__(self, services: Services, hub: EventHub, door: Door, documents: Documents, schema: BaseSchema) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=10),
            max_subscriptions_per_connection=50,
            allowed_origins=services.settings.allowed_origins,
        )
        self._services = services
        self._hub = hub
        self._door = door
        self.documents = documents

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        return Context(self._services, self._hub, address=address_of(request), is_socket=True)

    async def viewer_of(self, context: Context) -> Viewer:
        """Return the viewer of a socket's connection_init, or raise what `Door` raises."""
        return await self._door.viewer_of_params(context.connection_params, context.address)

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        context.current_viewer = await self.viewer_of(context)
        acknowledgement: UnsetType = UNSET
        return acknowledgement  # an acknowledgement without a payload

    def decode_json(self, data: str | bytes) -> Any:
        return orjson.loads(data)  # refuses what json lets through: NaN, lone surrogates, endless nesting

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()
