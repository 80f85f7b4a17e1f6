"""The API, served over HTTP and WebSocket inside this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from dunlin.api.app import create_app
from dunlin.runtime.wiring import Services


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
    server = _Server(uvicorn.Config(create_app(services), log_config=None, ws="websockets-sansio", lifespan="on"))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    yield
    server.should_exit = True
    await running
