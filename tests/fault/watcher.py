"""A client that watches an organization's delivery events, and comes back where it was when it is cut off."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import websockets

from tests.fault.ring import Ground, Ring

_WATCH = """
subscription ($id: ID!, $after: String) { deliveryStatus(organizationId: $id, after: $after) {
  cursor status reminder { id to }
} }
"""
_AGAIN_AFTER_S = 0.2


class Watcher:
    """`seen` are the events in the order of their coming: the cursor, the number and the status of each."""

    def __init__(self, ring: Ring, ground: Ground) -> None:
        self._ring = ring
        self._ground = ground
        self._cursor: str | None = None
        self.watches = asyncio.Event()
        self.seen: list[tuple[str, str, str]] = []

    async def watch(self) -> None:
        while True:
            try:
                await self._watch_once()
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(_AGAIN_AFTER_S)

    async def _watch_once(self) -> None:
        url = f"ws://127.0.0.1:{self._ring.api_port}/graphql"
        protocol = websockets.Subprotocol("graphql-transport-ws")
        async with websockets.connect(url, subprotocols=[protocol]) as connection:
            token = {"Authorization": f"Bearer {self._ring.token}"}
            await connection.send(json.dumps({"type": "connection_init", "payload": token}))
            async for frame in connection:
                match json.loads(frame):
                    case {"type": "connection_ack"}:
                        variables = {"id": self._ground.organization_id, "after": self._cursor}
                        asked = {"query": _WATCH, "variables": variables}
                        await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
                        self.watches.set()
                    case {"type": "next", "payload": {"data": {"deliveryStatus": event}}}:
                        self._cursor = event["cursor"]
                        self.seen.append((event["cursor"], event["reminder"]["to"], event["status"]))
                    case {"type": "ping"}:
                        await connection.send('{"type": "pong"}')
                    case {"type": "complete" | "error"}:
                        return


@asynccontextmanager
async def watching(ring: Ring, ground: Ground) -> AsyncIterator[Watcher]:
    watcher = Watcher(ring, ground)
    task = asyncio.create_task(watcher.watch())
    await watcher.watches.wait()
    try:
        yield watcher
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
