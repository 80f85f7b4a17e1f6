"""Clients that follow an organization's delivery events over whatever happens, each in its own way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import httpx
import websockets

_WATCH = """subscription ($id: ID!, $after: String) {
  deliveryStatus(organizationId: $id, after: $after) { cursor status } }"""
_AGAIN_AFTER_S = 0.1
_SILENCE_S = 3.0  # then a client takes its connection for dead

Event = tuple[str, str]


@dataclass
class Follower:
    """Comes back behind the last event that it has. `seen` are the cursors and statuses in the order of their coming.

    With `chance` it leaves of itself after a few events; after each it does nothing for `pause_s`.
    """

    port: int
    token: str
    organization_id: str
    after: str
    chance: Random | None = None
    pause_s: float = 0
    seen: list[Event] = field(default_factory=list)
    connections: int = 0
    refused: list[str] = field(default_factory=list)

    async def follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(None) as patience:
                    await self._follow_once(patience)
            except (OSError, TimeoutError, websockets.WebSocketException, httpx.HTTPError):
                pass
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _follow_once(self, patience: asyncio.Timeout) -> None:
        left = self.chance.randint(1, 8) if self.chance else None
        async for cursor, status in self._events(patience):
            self.seen.append((cursor, status))
            self.after = cursor
            await asyncio.sleep(self.pause_s)
            if left is not None and (left := left - 1) == 0:
                return

    def _be_patient(self, patience: asyncio.Timeout) -> None:
        patience.reschedule(asyncio.get_running_loop().time() + _SILENCE_S)

    async def _events(self, patience: asyncio.Timeout) -> AsyncIterator[Event]:
        url, protocol = f"ws://127.0.0.1:{self.port}/graphql", websockets.Subprotocol("graphql-transport-ws")
        self._be_patient(patience)
        async with websockets.connect(
            url, subprotocols=[protocol], ping_interval=None, close_timeout=0.1
        ) as connection:
            self.connections += 1
            await connection.send(json.dumps({"type": "connection_init", "payload": {"authToken": self.token}}))
            pinging = asyncio.create_task(self._ping(connection))
            try:
                async for frame in connection:
                    self._be_patient(patience)
                    match json.loads(frame):
                        case {"type": "connection_ack"}:
                            variables = {"id": self.organization_id, "after": self.after}
                            payload = {"query": _WATCH, "variables": variables}
                            await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
                        case {"type": "next", "payload": {"data": {"deliveryStatus": event}}}:
                            yield event["cursor"], event["status"]
                        case {"type": "next" | "error"} as refused:
                            self.refused.append(str(refused))
                            return
                        case {"type": "complete"}:
                            return
            finally:
                pinging.cancel()

    async def _ping(self, connection: websockets.ClientConnection) -> None:
        while True:
            await asyncio.sleep(_SILENCE_S / 3)
            await connection.send('{"type": "ping"}')


@dataclass
class StreamFollower(Follower):
    """Over server-sent events: it names the last one by Last-Event-ID, and always the `after` that it began with."""

    def __post_init__(self) -> None:
        self._first = self.after

    async def _events(self, patience: asyncio.Timeout) -> AsyncIterator[Event]:
        asked = {"query": _WATCH, "variables": {"id": self.organization_id, "after": self._first}}
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "text/event-stream",
            "Last-Event-ID": self.after,
        }
        url = f"http://127.0.0.1:{self.port}/graphql/stream"
        async with (
            httpx.AsyncClient(timeout=httpx.Timeout(_SILENCE_S, read=_SILENCE_S)) as http,
            http.stream("POST", url, json=asked, headers=headers) as response,
        ):
            self.connections += 1
            if not response.is_success:
                self.refused.append((await response.aread()).decode())
            place = ""
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    place = value
                if name == "data" and value:
                    match json.loads(value):
                        case {"data": {"deliveryStatus": event}}:
                            assert place == event["cursor"]
                            yield event["cursor"], event["status"]
                        case refused:
                            self.refused.append(str(refused))


@asynccontextmanager
async def following(*followers: Follower) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(follower.follow()) for follower in followers]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
