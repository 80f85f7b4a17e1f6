"""Whether this process lives, and whether it can work."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dunlin.api.shared import Shared
from dunlin.domain.store import is_reachable


async def _healthz(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def health_routes() -> list[BaseRoute]:
    reachable = Shared(is_reachable)

    async def readyz(request: Request) -> Response:
        """Ready means that the database answers. Redis is only the doorbell: without it we are slower, not down."""
        if not await reachable.get():
            return JSONResponse({"status": "the database does not answer"}, status_code=503)
        return JSONResponse({"status": "ok"})

    return [Route("/healthz", _healthz), Route("/readyz", readyz)]
