"""The limit of live events: whatever is posted is sent to every WebSocket that is open, as it is."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

_sockets: set[WebSocket] = set()


async def listen(socket: WebSocket) -> None:
    await socket.accept()
    _sockets.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        _sockets.discard(socket)


async def tell(request: Request) -> Response:
    text = (await request.body()).decode()
    for socket in _sockets:
        await socket.send_text(text)
    return Response(status_code=204)


async def ready(request: Request) -> Response:
    return Response()


app = Starlette(
    routes=[WebSocketRoute("/live", listen), Route("/tell", tell, methods=["POST"]), Route("/ready", ready)]
)
