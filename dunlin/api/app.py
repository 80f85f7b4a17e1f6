"""The API process: what is served where."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from dunlin.api.authentication import Door
from dunlin.api.errors import ErrorCode
from dunlin.api.graphiql import GraphiqlPage, graphiql_routes
from dunlin.api.health import health_routes
from dunlin.api.live import EventHub
from dunlin.api.mail_webhooks import mail_routes
from dunlin.api.metrics import Metrics, metrics_routes
from dunlin.api.request_id import HEADER, RequestIds
from dunlin.api.schema import schema
from dunlin.api.showing import Showings
from dunlin.api.stays import Stays
from dunlin.api.token_uses import TokenUses
from dunlin.api.transport.admission import Admission
from dunlin.api.transport.body_limit import BodyLimit
from dunlin.api.transport.documents import open_documents
from dunlin.api.transport.endpoint import Endpoint
from dunlin.api.transport.ground import Ground
from dunlin.api.transport.live_limits import LiveLimits
from dunlin.api.transport.occupancy import Occupancy
from dunlin.api.transport.refused import Refused, broken, refusal
from dunlin.api.transport.socket import Sockets
from dunlin.api.transport.stream import Streams
from dunlin.api.walkthrough import walkthrough_page
from dunlin.api.webhooks import webhook_routes
from dunlin.runtime.settings import Settings
from dunlin.runtime.wiring import Services

_MAX_DOCUMENT = 2 * 1024 * 1024  # a thousand cases in one call
_PREFLIGHT_KEPT = timedelta(hours=2)  # longer is not believed by browsers


def create_app(services: Services, limits: LiveLimits | None = None) -> Starlette:
    """Return the application on services that are open; its lifespan runs what works beside the requests.

    `limits` are the settings' unless given. Its `state.ground.stays` can end what would otherwise last.
    """
    hub = EventHub(services.redis)
    uses = TokenUses()
    metrics = Metrics(schema.reader)
    door = Door(services.settings.secret_keys, uses, services.sign_in)
    documents = open_documents(services.settings)
    stays = Stays(door)
    limits = limits or LiveLimits.of(services.settings)
    ground = Ground(services, hub, stays, documents, schema, limits, Occupancy(limits), Showings(services, hub))
    metrics.watch_connections(ground.occupancy)
    endpoint = Endpoint(services, hub, Admission(door), documents, schema)

    async def page(request: Request) -> GraphiqlPage:
        return await walkthrough_page(services.settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        running = [asyncio.create_task(hub.run()), asyncio.create_task(uses.run()), asyncio.create_task(stays.run())]
        if services.sign_in is not None:
            running.append(asyncio.create_task(services.sign_in.keys.run()))
        yield
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    cross_origin, limited = _cross_origin(services.settings), Middleware(BodyLimit, largest=_MAX_DOCUMENT)
    app = Starlette(
        routes=[
            *webhook_routes(services, metrics),  # first, because they are looked through in this order
            Route("/graphql", endpoint, middleware=[cross_origin, limited]),
            Route("/graphql/stream", Streams(ground), middleware=[cross_origin, limited]),
            WebSocketRoute("/graphql", Sockets(ground)),
            *([Route("/", _home), *graphiql_routes(page)] if services.settings.graphiql else []),
            *mail_routes(services, metrics),
            *health_routes(),
            *metrics_routes(metrics),
        ],
        middleware=[Middleware(RequestIds)],
        exception_handlers={Exception: _broken, HTTPException: _refused},
        lifespan=lifespan,
    )
    app.state.ground = ground
    return app


async def _home(request: Request) -> Response:
    return RedirectResponse("/graphiql")


def _cross_origin(settings: Settings) -> Middleware:
    """Let the pages of the operator's frontends ask. They send a token with each request, and no cookies."""
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "Last-Event-ID", HEADER],
        expose_headers=["Retry-After", "WWW-Authenticate", HEADER],
        max_age=int(_PREFLIGHT_KEPT / timedelta(seconds=1)),
    )


async def _broken(request: Request, error: Exception) -> Response:
    answer = refusal(request, broken())
    answer.headers["Connection"] = "close"  # uvicorn closes it, so nobody may begin another request on it
    return answer


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = ErrorCode.NOT_FOUND if error.status_code == 404 else ErrorCode.BAD_USER_INPUT
    return refusal(request, Refused(error.status_code, code, error.detail, error.headers))
