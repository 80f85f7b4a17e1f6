"""The sandbox as an ASGI application with a mail server, and two ways to run it: as a process, or inside one."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
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
from dunlin.sandbox.mail_api import MailApi
from dunlin.sandbox.mail_server import Encryption, MailServer
from dunlin.sandbox.message_api import MessageApi
from dunlin.sandbox.messaging_api import MessagingApi
from dunlin.sandbox.network import Network
from dunlin.sandbox.outbox import Outbox
from dunlin.sandbox.post_office import PostOffice
from dunlin.sandbox.pricing_api import PricingApi
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.unsubscribe import Unsubscriber
from dunlin.sandbox.world import World

_LONGEST_GOODBYE_S = 3


@dataclass(frozen=True, slots=True)
class MailDoor:
    """Where mails come in: a socket that listens already, and how the connections are encrypted, if at all."""

    listener: socket.socket
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the sandbox is reached: `web` is the base of its web addresses, `smtp` a host and a port."""

    web: str
    smtp: tuple[str, int]


def create_app(world: World, mail_door: MailDoor | None = None) -> Starlette:
    """Return the sandbox over `world`. Its shutdown closes the ledger, so a world serves one application.

    With a door for mails, the mail server starts and stops with the application.
    """
    courier = Courier()
    network = Network(world, courier)
    post = PostOffice(world, courier)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with courier, AsyncExitStack() as stack:
            stack.callback(lambda: world.ledger.close())
            network.carry_unfinished()
            stack.push_async_callback(network.close)
            post.carry_unfinished()
            stack.push_async_callback(post.close)
            if mail_door:
                await stack.enter_async_context(MailServer(world, post, mail_door.listener, mail_door.encryption))
            yield

    app = Starlette(
        routes=[
            *MessageApi(world, network).routes,
            *AccountApi(world).routes,
            *MessagingApi(world).routes,
            *PricingApi(world).routes,
            *BehaviourApi(world).routes,
            *InboundApi(world, network).routes,
            *Outbox(world).routes,
            *MailApi(world, Unsubscriber()).routes,
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


def run(
    host: str,
    port: int,
    accounts: Path,
    ledger: Path | None,
    behaviour: Behaviour = USUAL,
    smtp_port: int | None = None,
    reports_to: str = "",
) -> None:
    """Serve until a signal ends the process; mails, too, where their port is given. A missing file of accounts is
    made; a bad one raises `AccountsUnreadable`, and a port for mails that is taken `OSError`.
    """
    write_new_accounts(accounts)
    world = World(load_accounts(accounts), behaviour, ledger, reports_to)
    mail_door = None if smtp_port is None else MailDoor(_listen(host, smtp_port))
    uvicorn.Server(_config(world, host, port, mail_door)).run()


@asynccontextmanager
async def serving_with_mail(
    world: World,
    host: str = "127.0.0.1",
    port: int = 0,
    smtp_port: int = 0,
    encryption: Encryption | None = None,
) -> AsyncIterator[Addresses]:
    """Serve inside this process and yield where. Port 0 takes a free one. Leave signals alone."""
    listener, smtp_listener = _listen(host, port), _listen(host, smtp_port)
    server = _GuestServer(_config(world, host, port, MailDoor(smtp_listener, encryption)))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Addresses(f"http://{host}:{listener.getsockname()[1]}", (host, smtp_listener.getsockname()[1]))
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def serving(world: World, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """The same for who needs the base of the web addresses alone."""
    async with serving_with_mail(world, host, port) as addresses:
        yield addresses.web


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


def _config(world: World, host: str, port: int, mail_door: MailDoor | None) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(world, mail_door),
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
