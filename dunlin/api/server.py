"""One API process."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Iterator
from datetime import timedelta

import uvicorn
from starlette.types import ASGIApp

from dunlin.api.app import create_app
from dunlin.api.bounded_http import BoundedHttp
from dunlin.api.bounded_socket import BoundedSocket
from dunlin.api.transport.message import LARGEST
from dunlin.api.transport.operation import LONGEST_OPERATION_S
from dunlin.domain.times import SendingTimes
from dunlin.runtime.logs import set_up_logs
from dunlin.runtime.settings import Settings
from dunlin.runtime.wiring import open_services

_LONGEST_STATEMENT = timedelta(seconds=LONGEST_OPERATION_S)  # workers have none: theirs may be large
_MOST_CONNECTIONS = 10_000  # of one process; whoever comes then is answered 503
_LONGEST_GOODBYE_S = 5
# Longer than proxies and clients keep an idle connection: who closes first must be they, or a request meets the close.
_IDLE_S = 75
# An answer of some thousand objects is no reason to look for circles among them: nearly all of it goes by itself.
_OBJECTS_BEFORE_A_LOOK = 50_000


class Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again at its end, before anything is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=BoundedHttp,
        ws=BoundedSocket,
        ws_max_size=LARGEST,
        ws_per_message_deflate=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_LONGEST_GOODBYE_S,
        forwarded_allow_ips=settings.trusted_proxies,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
    )


async def serve(settings: Settings, times: SendingTimes = SendingTimes()) -> None:
    """Serve until SIGTERM or SIGINT, then end what is open within a few seconds."""
    set_up_logs("api")
    async with open_services(settings, times, _LONGEST_STATEMENT) as services:
        app = create_app(services)
        _set_up_memory()
        server = Server(server_config(app, settings))

        def stop() -> None:
            server.should_exit = True
            app.state.ground.stays.end_all()  # streams of events would last until they are cut off

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        await server.serve()


def _set_up_memory() -> None:
    """Keep what has been loaded out of every look for garbage, and look seldom: it was a third of a page's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BEFORE_A_LOOK)
