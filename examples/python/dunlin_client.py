"""A client of the Dunlin API. Needs Python 3.11, httpx 0.28 and websockets 17."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self

import httpx
import websockets
import websockets.frames

JSON = dict[str, Any]

# Codes of errors that pass: what was asked may be asked again.
PASSING = {"RATE_LIMITED", "TIMEOUT", "UNAVAILABLE"}
MOST_TRIES = 6
LONGEST_WAIT_S = 10.0
ANSWER_WITHIN_S = 30.0
# Closing codes of the WebSocket after which another try would end the same way.
HOPELESS = {4400, 4401, 4406, 4409, 4429}
FORBIDDEN = 4403

DELIVERY_CURSOR = "query ($id: ID!) { organization(id: $id) { deliveryCursor } }"
DELIVERY_STATUS = """
subscription ($organizationId: ID!, $after: String) {
  deliveryStatus(organizationId: $organizationId, after: $after) {
    cursor status occurredAt reason
    reminder { id case { number externalReference } }
  }
}
"""


class DunlinError(Exception):
    """Failed | Refused | NoToken"""


class Failed(DunlinError):
    """A top-level error. `code` is one of the closed list, `request_id` what to tell the operator.

    `retry_after_s` is how long to wait at least, where trying again may help.
    """

    def __init__(self, code: str, message: str, request_id: str | None = None, retry_after_s: float = 0) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class Refused(DunlinError):
    """A mutation changed nothing; `user_errors` say why, each with code, message and path."""

    def __init__(self, user_errors: list[JSON]) -> None:
        super().__init__(" ".join(f"{error['code']}: {error['message']}" for error in user_errors))
        self.user_errors = user_errors


class NoToken(DunlinError):
    """The token is no longer in force, and there is no other."""


class TokenFile:
    """Where tokens come from: a file that somebody else keeps current."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = ""
        self._refused: str | None = None

    def current(self) -> str:
        """Return a token that has not been refused yet, or raise NoToken."""
        self._last = self._path.read_text().strip()
        if self._last == self._refused:
            raise NoToken(f"The token in {self._path} is no longer in force.")
        return self._last

    def refuse(self) -> None:
        """Say that the API has refused the token that was given out last."""
        self._refused = self._last


class Dunlin:
    """The API at `url` (http://.../graphql), for the bearer of a token."""

    def __init__(self, url: str, tokens: TokenFile) -> None:
        self._url = url
        self._socket_url = url.replace("http", "ws", 1)
        self._tokens = tokens
        self._http = httpx.AsyncClient(timeout=ANSWER_WITHIN_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ask(self, document: str, variables: Mapping[str, object], *, tries: int = MOST_TRIES) -> JSON:
        """Return the data of an operation, or raise Failed.

        What got no answer is asked again. That is safe for queries, for openCollectionCases (each case is opened once
        by its reference), and for mutations with an idempotencyKey. Give other mutations one try.
        """
        for number in range(tries - 1):
            at_least_s = 0.0
            try:
                return await self._ask_once(document, variables)
            except httpx.TransportError:
                pass
            except Failed as failed:
                if failed.code == "UNAUTHENTICATED":
                    self._tokens.refuse()
                elif failed.code not in PASSING:
                    raise
                at_least_s = failed.retry_after_s
            await wait(number, at_least_s)
        return await self._ask_once(document, variables)

    async def change(self, document: str, given: JSON, *, tries: int = MOST_TRIES) -> JSON:
        """Return the payload of the one mutation in `document`, or raise Refused."""
        [payload] = (await self.ask(document, {"input": given}, tries=tries)).values()
        if payload["userErrors"]:
            raise Refused(payload["userErrors"])
        result: JSON = payload
        return result

    async def pages(self, document: str, path: Sequence[str], **variables: object) -> AsyncIterator[JSON]:
        """Yield every entry of the list at `path`, page by page. The document takes $after and asks for pageInfo."""
        after = None
        while True:
            page: Any = await self.ask(document, {**variables, "after": after})
            for name in path:
                page = page[name]
            for node in page["nodes"]:
                yield node
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    async def delivery_cursor(self, organization_id: str) -> str:
        """Return where the organization's events stand now: read it before anything that you show."""
        found = await self.ask(DELIVERY_CURSOR, {"id": organization_id})
        cursor: str = found["organization"]["deliveryCursor"]
        return cursor

    async def watch(self, organization_id: str, after: str) -> AsyncGenerator[JSON]:
        """Yield every delivery event behind `after`, each once and in order, for ever, whatever the network does.

        Keep the cursor of the last event that you have dealt with, in one transaction with what you did about it: it is
        the `after` of the next start. Raises Failed and NoToken where trying again would not help.
        """
        tries = 0
        while True:
            at_least_s = 0.0
            try:
                async with aclosing(self._events(organization_id, after)) as events:
                    async for event in events:
                        after, tries = event["cursor"], 0
                        yield event
            except (OSError, EOFError, TimeoutError, websockets.WebSocketException) as problem:
                self._give_up_if_hopeless(problem)
            except Failed as failed:
                if failed.code not in PASSING:
                    raise
                at_least_s = failed.retry_after_s
            await wait(tries, at_least_s)
            tries += 1

    def _give_up_if_hopeless(self, problem: Exception) -> None:
        match problem:
            case websockets.ConnectionClosed(rcvd=websockets.frames.Close(code=code)):
                if code == FORBIDDEN:
                    self._tokens.refuse()
                if code in HOPELESS:
                    raise Failed("BAD_USER_INPUT", str(problem)) from problem
            case websockets.InvalidStatus(response=response):
                if response.status_code < 500 and response.status_code != 429:
                    raise Failed("BAD_USER_INPUT", str(problem)) from problem
            case websockets.InvalidURI():
                raise problem

    async def _ask_once(self, document: str, variables: Mapping[str, object]) -> JSON:
        response = await self._http.post(
            self._url,
            json={"query": document, "variables": variables},
            headers={
                "Authorization": f"Bearer {self._tokens.current()}",
                "Accept": "application/graphql-response+json",
            },
        )
        try:
            body: JSON = response.json()
        except ValueError:  # a proxy says that nobody is behind it
            raise Failed("UNAVAILABLE", f"HTTP {response.status_code}") from None
        return data_of(body)

    async def _events(self, organization_id: str, after: str) -> AsyncGenerator[JSON]:
        """Yield what comes over one connection."""
        async with websockets.connect(
            self._socket_url,
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            ping_interval=10,  # a connection that is dead without having been closed says nothing: ask, ...
            ping_timeout=5,  # ... and give it up without an answer
        ) as socket:
            await send(socket, "connection_init", payload={"Authorization": f"Bearer {self._tokens.current()}"})
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await receive(socket)  # connection_ack
            variables = {"organizationId": organization_id, "after": after}
            await send(socket, "subscribe", id="1", payload={"query": DELIVERY_STATUS, "variables": variables})
            while (message := await receive(socket))["type"] != "complete":
                if message["type"] == "error":
                    raise failure_of(message["payload"])
                yield data_of(message["payload"])["deliveryStatus"]


async def send(socket: websockets.ClientConnection, kind: str, **rest: object) -> None:
    await socket.send(json.dumps({"type": kind, **rest}))


async def receive(socket: websockets.ClientConnection) -> JSON:
    """Return the next message that is not about the connection itself."""
    while True:
        message: JSON = json.loads(await socket.recv())
        if message["type"] == "ping":
            await send(socket, "pong")
        elif message["type"] != "pong":
            return message


def data_of(body: JSON) -> JSON:
    """Return the data of an answer without errors, or raise Failed."""
    if body.get("errors"):
        raise failure_of(body["errors"])
    data: JSON = body["data"]
    return data


def failure_of(errors: list[JSON]) -> Failed:
    given = errors[0].get("extensions", {})
    return Failed(
        given.get("code", "INTERNAL"), errors[0]["message"], given.get("requestId"), given.get("retryAfter", 0)
    )


async def wait(tries: int, at_least_s: float = 0) -> None:
    """Wait longer with each try, and by chance, so that not everybody comes back at once."""
    await asyncio.sleep(at_least_s + random.uniform(0, min(LONGEST_WAIT_S, 0.5 * 2**tries)))
