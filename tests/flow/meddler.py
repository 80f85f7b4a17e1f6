"""Stands between clients and the API, and says to the clients what the API seldom says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dunlin.api.server import Server
from tests.client import JSON
from tests.serving import a_listener, address_of

_PROTOCOL = "graphql-transport-ws"


class Meddler:
    """Hands everything through. `subscriptions` are the variables of every operation that was begun over a socket.

    `requests` are the bodies that came by HTTP, each with the status of its answer.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._open: dict[WebSocket, str] = {}  # with the id of the operation that runs there
        self.subscriptions: list[JSON] = []
        self.requests: list[tuple[JSON, int]] = []
        self.news = asyncio.Event()

    async def say(self, kind: str, payload: object = None) -> None:
        """Send a message about the operation that runs to every client."""
        for socket, operation in self._open.items():
            message = {"type": kind, "id": operation, **({} if payload is None else {"payload": payload})}
            await socket.send_text(json.dumps(message))

    async def close(self, code: int) -> None:
        for socket in list(self._open):
            await socket.close(code)

    async def until_subscribed(self, times: int) -> None:
        while len(self.subscriptions) < times:
            self.news.clear()
            await self.news.wait()

    async def post(self, request: Request) -> Response:
        async with httpx.AsyncClient(base_url=self._address) as http:
            headers = {name: request.headers[name] for name in ("authorization", "content-type", "accept")}
            answer = await http.post("/graphql", content=await request.body(), headers=headers)
        self.requests.append((await request.json(), answer.status_code))
        return Response(answer.content, answer.status_code, {"Content-Type": answer.headers["Content-Type"]})

    async def open(self, client: WebSocket) -> None:
        await client.accept(_PROTOCOL)
        url = self._address.replace("http", "ws", 1) + "/graphql"
        async with websockets.connect(url, subprotocols=[websockets.Subprotocol(_PROTOCOL)]) as server:
            answering = asyncio.create_task(self._hand_out(server, client))
            with suppress(WebSocketDisconnect, RuntimeError):
                while True:
                    await self._hand_in(await client.receive_text(), client, server)
            answering.cancel()
        self._open.pop(client, None)

    async def _hand_in(self, text: str, client: WebSocket, server: websockets.ClientConnection) -> None:
        await server.send(text)
        message = json.loads(text)
        if message["type"] == "subscribe":
            self._open[client] = message["id"]
            self.subscriptions.append(message["payload"]["variables"])
            self.news.set()

    async def _hand_out(self, server: websockets.ClientConnection, client: WebSocket) -> None:
        async for text in server:
            await client.send_text(str(text))


@asynccontextmanager
async def a_meddler(address: str) -> AsyncIterator[tuple[Meddler, str]]:
    """Yield one that stands before the API at `address`, and its own address."""
    meddler = Meddler(address)
    app = Starlette(
        routes=[Route("/graphql", meddler.post, methods=["POST"]), WebSocketRoute("/graphql", meddler.open)]
    )
    with a_listener() as listener:
        server = Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio", lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        yield meddler, address_of(listener)
        server.should_exit = True
        await running
