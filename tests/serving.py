"""The API, served over HTTP and WebSocket inside this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette

from dunlin.api.app import create_app
from dunlin.api.authentication import Door
from dunlin.api.server import Server, server_config
from dunlin.api.strangers import Strangers
from dunlin.api.transport.ground import Ground
from dunlin.api.transport.live_limits import LiveLimits
from dunlin.runtime.wiring import Services


@contextmanager
def a_listener() -> Iterator[socket.socket]:
    """A socket that listens on a free port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def address_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


_DOORS: list[Door] = []


def forgive_bad_tokens() -> None:
    """Let no test wait for its token to be looked at because of the bad ones of those before."""
    for door in _DOORS:
        door._strangers = Strangers()


@asynccontextmanager
async def served(
    services: Services, listener: socket.socket, limits: LiveLimits | None = None
) -> AsyncIterator[Starlette]:
    app = create_app(services, limits)
    _DOORS.append(app.state.ground.stays._door)
    server = Server(server_config(app, services.settings))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield app
    finally:
        _DOORS.pop()
        server.should_exit = True
        app.state.ground.stays.end_all()
        await running


@asynccontextmanager
async def limited(services: Services, **limits: Any) -> AsyncIterator[tuple[str, Ground]]:
    """The API with these limits for live connections; its address, and what they stand on."""
    with a_listener() as listener:
        changed = replace(LiveLimits.of(services.settings), **limits)
        async with served(services, listener, changed) as app:
            yield address_of(listener), app.state.ground


async def until_nobody_is_left(ground: Ground) -> None:
    """Wait until nothing is left behind of all connections that there were."""
    async with asyncio.timeout(10):
        while not ground.occupancy.is_empty or ground.stays._here or ground.hub._feeds:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
