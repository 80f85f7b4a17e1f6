"""The sandbox as an ASGI application, and two ways to run it: as a process, or inside one."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dunlin.sandbox.account import load_accounts, write_new_accounts
from dunlin.sandbox.account_api import AccountApi
from dunlin.sandbox.behaviour import USUAL, Behaviour
from dunlin.sandbox.behaviour_api import BehaviourApi
from dunlin.sandbox.courier import Courier
from dunlin.sandbox.exchange import on_disconnect, on_http_error, on_refusal
from dunlin.sandbox.inbound_api import InboundApi
from dunlin.sandbox.message_api import MessageApi
from dunlin.sandbox.messaging_api import MessagingApi
from dunlin.sandbox.network import Network
from dunlin.sandbox.outbox import Outbox
from dunlin.sandbox.pricing_api import PricingApi
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.world import World

_LONGEST_GOODBYE_S = 3


def create_app(world: World) -> Starlette:
    """Return the sandbox over `world`. Its shutdown closes the ledger, so a world serves one application."""
    courier = Courier()
    network = Network(world, courier)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with courier:
            network.carry_unfinished()
            try:
                yield
            finally:
                await network.close()
                world.ledger.close()

    app = Starlette(
        routes=[
            *MessageApi(world, network).routes,
            *AccountApi(world).routes,
            *MessagingApi(world).routes,
            *PricingApi(world).routes,
            *BehaviourApi(world).routes,
            *InboundApi(world, network).routes,
            *Outbox(world).routes,
            Route("/healthz", _healthz),
        ],
        exception_handlers={
            Refusal: on_refusal,
            HTTPException: on_http_error,
            ClientDisconnect: on_disconnect,
        },
        lifespan=lifespan,
    )
    # Twilio does not redirect from /x/ to /x.
    app.router.redirect_slashes = False
    return app


def run(host: str, port: int, accounts: Path, ledger: Path | None, behaviour: Behaviour = USUAL) -> None:
    """Serve until a signal ends the process. A missing file of accounts is made; a bad one raises
    `AccountsUnreadable`.
    """
    write_new_accounts(accounts)
    world = World(load_accounts(accounts), behaviour, ledger)
    uvicorn.Server(_config(world, host, port)).run()


@asynccontextmanager
async def serving(world: World, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve inside this process and yield the base address. Port 0 takes a free one. Leave signals alone."""
    listener = _listen(host, port)
    server = _GuestServer(_config(world, host, port))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def _listen(host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where TCP is named; with it, every answer takes 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    # From now on a client may connect; it is served as soon as the server has started.
    listener.listen()
    return listener


class _GuestServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(world: World, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(world),
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=_LONGEST_GOODBYE_S,
    )


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})
