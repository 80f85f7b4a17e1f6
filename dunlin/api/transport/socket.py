"""GraphQL over a WebSocket: who may open one, and by which protocol."""

from urllib.parse import urlsplit

import orjson
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.http.websocket_origin import is_same_origin, normalize_origin

from dunlin.api.errors import ErrorCode
from dunlin.api.request_id import request_id_of
from dunlin.api.transport.admission import address_of
from dunlin.api.transport.conversation import Conversation
from dunlin.api.transport.ground import Ground
from dunlin.api.transport.refused import Refused, error_of
from dunlin.runtime.settings import Settings

_PROTOCOL = "graphql-transport-ws"
_NO_SUCH_PROTOCOL = 4406

log = structlog.get_logger()


class Sockets:
    """The WebSocket of the API, `graphql-transport-ws` only. Bearers of a token talk, see `Conversation`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._origins = _origins_of(ground.services.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        try:
            self._require_origin(websocket)
            with self._ground.occupancy.connection(address_of(websocket)):
                await self._talk(websocket)
        except Refused as refused:
            await _deny(websocket, refused)

    async def _talk(self, websocket: WebSocket) -> None:
        if _PROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(_NO_SUCH_PROTOCOL, f"The subprotocol is {_PROTOCOL}")
            return
        await websocket.accept(_PROTOCOL)
        await Conversation(websocket, self._ground).run()

    def _require_origin(self, websocket: WebSocket) -> None:
        """Refuse pages that are not the operator's: browsers let any page open a socket to anywhere.

        Without an Origin it is no browser. Behind a proxy that changes Host, the setting of our public address counts.
        """
        origin = websocket.headers.get("origin")
        if origin is None or websocket.headers.get("sec-fetch-site") == "same-origin":
            return
        if is_same_origin(origin, websocket.headers.get("host")) or normalize_origin(origin) in self._origins:
            return
        log.warning("origin refused", origin=origin[:200])
        message = "Pages of this origin may not connect. The operator allows them by DUNLIN_ALLOWED_ORIGINS."
        raise Refused(403, ErrorCode.FORBIDDEN, message)


def _origins_of(settings: Settings) -> frozenset[str]:
    own = [] if settings.public_url is None else ["{0.scheme}://{0.netloc}".format(urlsplit(settings.public_url))]
    return frozenset(origin for one in (*settings.allowed_origins, *own) if (origin := normalize_origin(one)))


async def _deny(websocket: WebSocket, refused: Refused) -> None:
    """Answer the handshake by HTTP. Browsers do not show why to their pages, other clients do."""
    body = {"errors": [error_of(refused, request_id_of(websocket.scope))]}
    headers = {"Cache-Control": "no-store", **refused.headers}
    await websocket.send_denial_response(Response(orjson.dumps(body), refused.status, headers, "application/json"))
