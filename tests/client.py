"""A client as an integrator would write it: GraphQL over HTTP and over graphql-transport-ws."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import websockets

JSON = dict[str, Any]

_PATIENCE_S = 5


async def graphql(http: httpx.AsyncClient, token: str | None, query: str, **variables: object) -> JSON:
    """Return the body of the answer, whatever its status, without what it cost."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    body: JSON = answer.json()
    body.pop("extensions", None)
    return body


async def ask(http: httpx.AsyncClient, token: str, query: str, **variables: object) -> JSON:
    """Return the data of an answer without errors."""
    body = await graphql(http, token, query, **variables)
    assert "errors" not in body, body["errors"]
    data: JSON = body["data"]
    return data


def error_codes(body: JSON) -> list[str]:
    """Return the codes of the top-level errors."""
    return [error["extensions"]["code"] for error in body.get("errors", [])]


async def mutate(http: httpx.AsyncClient, token: str, field: str, selection: str, given: JSON) -> JSON:
    """Run one mutation and return its payload: what is selected, and the userErrors."""
    input_type = f"{field[0].upper()}{field[1:]}Input"
    document = (
        f"mutation ($input: {input_type}!) {{"
        f" {field}(input: $input) {{ {selection} userErrors {{ code message path }} }} }}"
    )
    data = await ask(http, token, document, input=given)
    payload: JSON = data[field]
    return payload


def problems(payload: JSON) -> list[tuple[str, str]]:
    """Return the userErrors as (code, path), such as ("INVALID", "cases.2.dueOn")."""
    return [(error["code"], ".".join(error["path"] or [])) for error in payload["userErrors"]]


class Socket:
    """One WebSocket. Nothing is waited for longer than some seconds."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection

    async def subscribe(self, query: str, *, operation: str = "1", **variables: object) -> None:
        await self.send({"id": operation, "type": "subscribe", "payload": {"query": query, "variables": variables}})

    async def send(self, message: object) -> None:
        await self.send_raw(json.dumps(message))

    async def send_raw(self, frame: str | bytes) -> None:
        await self._connection.send(frame)

    async def receive(self) -> JSON:
        async with asyncio.timeout(_PATIENCE_S):
            message: JSON = json.loads(await self._connection.recv())
        return message

    async def event(self, operation: str = "1") -> JSON:
        """Return the payload of the next message, which is a result of `operation`."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", operation), message
        payload: JSON = message["payload"]
        return payload

    async def settle(self) -> None:
        """Return when the server has taken everything sent before this. No other message may be on its way."""
        await self.send({"type": "ping"})
        assert await self.receive() == {"type": "pong"}

    async def ping(self) -> None:
        """Send a ping of the transport, and do not wait for its answer."""
        await self._connection.ping()

    async def close_code(self) -> int | None:
        async with asyncio.timeout(_PATIENCE_S):
            await self._connection.wait_closed()
        return self._connection.close_code

    async def refusal(self, operation: str = "1") -> JSON:
        """Return the only error that `operation` ends with."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("error", operation), message
        [error] = message["payload"]
        assert set(error["extensions"]) - {"retryAfter"} == {"code", "requestId"}
        refused: JSON = error
        return refused

    async def vanish(self) -> None:
        """Be gone without a word."""
        self._connection.transport.abort()
        await self._connection.wait_closed()

    @property
    def close_reason(self) -> str | None:
        return self._connection.close_reason


@asynccontextmanager
async def connected(address: str, *, protocol: str = "graphql-transport-ws") -> AsyncIterator[Socket]:
    """Open a WebSocket to the API at `address` (http://...) and say nothing yet."""
    url = address.replace("http://", "ws://") + "/graphql"
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol(protocol)]) as connection:
        yield Socket(connection)


@asynccontextmanager
async def acknowledged(address: str, token: str) -> AsyncIterator[Socket]:
    """Open a WebSocket with a token and wait for the acknowledgement."""
    async with connected(address) as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        assert await socket.receive() == {"type": "connection_ack"}
        yield socket
