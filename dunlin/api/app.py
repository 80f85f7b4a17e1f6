"""The API process: what is served where."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from dunlin.api.authentication import Door
from dunlin.api.body_limit import BodyLimit
from dunlin.api.endpoint import Endpoint, error_response
from dunlin.api.errors import ErrorCode
from dunlin.api.graphiql import GraphiqlPage, graphiql_routes
from dunlin.api.health import health_routes
from dunlin.api.live import EventHub
from dunlin.api.metrics import Metrics, metrics_routes
from dunlin.api.token_uses import TokenUses
from dunlin.api.walkthrough import walkthrough_page
from dunlin.api.webhooks import webhook_routes
from dunlin.runtime.wiring import Services

_MAX_DOCUMENT = 2 * 1024 * 1024  # a thousand cases in one call


def create_app(services: Services) -> Starlette:
    """Return the application on services that are open; its lifespan runs what works beside the requests."""
    hub = EventHub(services.redis)
    uses = TokenUses()
    metrics = Metrics()
    endpoint = Endpoint(services, hub, Door(services.settings.secret_keys, uses, services.sign_in))

    async def page(request: Request) -> GraphiqlPage:
        return await walkthrough_page(services.settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        running = [asyncio.create_task(hub.run()), asyncio.create_task(uses.run())]
        if services.sign_in is not None:
            running.append(asyncio.create_task(services.sign_in.keys.run()))
        yield
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return Starlette(
        routes=[
            Route("/", _home),
            Route("/graphql", endpoint, middleware=[Middleware(BodyLimit, largest=_MAX_DOCUMENT)]),
            WebSocketRoute("/graphql", endpoint),
            *graphiql_routes(page),
            *webhook_routes(services, metrics),
            *health_routes(),
            *metrics_routes(metrics),
        ],
        exception_handlers={Exception: _broken, 413: _too_large},
        lifespan=lifespan,
    )


async def _home(request: Request) -> Response:
    return RedirectResponse("/graphiql")


async def _broken(request: Request, error: Exception) -> Response:
    return error_response(500, ErrorCode.INTERNAL, "Something went wrong on our side.")


async def _too_large(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(413, ErrorCode.BAD_USER_INPUT, error.detail)
