"""The API, served over HTTP and WebSocket inside this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.applications import Starlette

from dunlin.api.app import create_app
from dunlin.api.server import Server, server_config
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


@asynccontextmanager
async def served(
    services: Services, listener: socket.socket, limits: LiveLimits | None = None
) -> AsyncIterator[Starlette]:
    app = create_app(services, limits)
    server = Server(server_config(app, services.settings))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield app
    finally:
        server.should_exit = True
        app.state.stays.end_all()
        await running
