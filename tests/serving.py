"""The API, served over HTTP and WebSocket inside this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from dunlin.api.app import create_app
from dunlin.api.server import Server, server_config
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
async def served(services: Services, listener: socket.socket) -> AsyncIterator[None]:
    server = Server(server_config(create_app(services), services.settings))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    yield
    server.should_exit = True
    await running
