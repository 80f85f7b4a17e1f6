"""The GraphQL endpoint: HTTP and graphql-transport-ws, for bearers of a token only."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLRequestData
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, Message
from strawberry.types.unset import UNSET, UnsetType

from dunlin.api.authentication import Door, NotLetIn
from dunlin.api.context import Context
from dunlin.api.errors import ErrorCode
from dunlin.api.live import EventHub
from dunlin.api.schema import schema
from dunlin.domain.store import is_away
from dunlin.domain.viewer import Viewer
from dunlin.runtime.issuer_keys import KeysUnavailable
from dunlin.runtime.wiring import Services

_TOKEN_CHECKED_EVERY_S = 5.0
_LONGEST_REASON = 123  # bytes, in a frame that closes a WebSocket

log = structlog.get_logger()


def error_response(status: int, code: ErrorCode, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a request error in GraphQL's shape, without `data`."""
    body = {"errors": [{"message": message, "extensions": {"code": code.value}}]}
    return JSONResponse(body, status_code=status, headers=headers)


def not_let_in(refused: NotLetIn) -> Response:
    headers = {"WWW-Authenticate": refused.challenge}
    if refused.is_known:
        return error_response(403, ErrorCode.FORBIDDEN, refused.reason, headers)
    return error_response(401, ErrorCode.UNAUTHENTICATED, refused.reason, headers)


def unavailable(who: str) -> Response:
    message = f"{who} does not answer. Nothing has been done; try again."
    return error_response(503, ErrorCode.UNAVAILABLE, message, {"Retry-After": "5"})


def address_of(connection: HTTPConnection) -> str | None:
    """Return the client's network address: behind a trusted proxy, the one that the proxy names."""
    return connection.client.host if connection.client else None


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
        assert isinstance(self.view, Endpoint)
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
    payload = message.get("payload")
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        return "A subscribe message has a payload with a query"
    if not isinstance(payload.get("variables"), dict | None):
        return "Variables are an object"
    if not isinstance(payload.get("operationName"), str | None):
        return "An operationName is a string"
    return None


class Endpoint(GraphQL[Context, None]):
    graphql_transport_ws_handler_class = SocketHandler

    def __init__(self, services: Services, hub: EventHub, door: Door) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=10),
            max_subscriptions_per_connection=50,
        )
        self._services = services
        self._hub = hub
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            viewer = await self._door.viewer_of_header(request.headers.get("authorization"), address_of(request))
        except NotLetIn as refused:
            return not_let_in(refused)
        except KeysUnavailable:
            return unavailable("The issuer of the token")
        except Exception as error:
            if not is_away(error):
                raise
            return unavailable("The database")
        request.state.viewer = viewer
        try:
            response: Response = await self.run(request)
        except HTTPException as error:
            return error_response(error.status_code, ErrorCode.BAD_USER_INPUT, error.reason)
        return response

    def should_render_graphql_ide(self, request: object) -> bool:
        return False  # GraphiQL has a page of its own

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        viewer = request.state.viewer if isinstance(request, Request) else None
        return Context(self._services, self._hub, viewer, address=address_of(request))

    async def viewer_of(self, context: Context) -> Viewer:
        """Return the viewer of a socket's connection_init, or raise what `Door` raises."""
        return await self._door.viewer_of_params(context.connection_params, context.address)

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        context.current_viewer = await self.viewer_of(context)
        acknowledgement: UnsetType = UNSET
        return acknowledgement  # an acknowledgement without a payload

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData | list[GraphQLRequestData]:
        if request.method == "POST" and not isinstance(self.parse_json(await request.get_body()), dict):
            raise HTTPException(400, "The body is a JSON object with a query.")
        data = await super().parse_http_body(request)
        if isinstance(data, GraphQLRequestData) and not isinstance(data.operation_name, str | None):
            raise HTTPException(400, "operationName is a string or null.")
        return data

    def decode_json(self, data: str | bytes) -> Any:
        return orjson.loads(data)  # refuses what json lets through: NaN, lone surrogates, endless nesting

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()
