"""The page where a developer reads the texts that were not sent, and the same as JSON."""

from collections.abc import Iterator
from itertools import islice

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dunlin.sandbox.message import Message
from dunlin.sandbox.message_resource import message_resource
from dunlin.sandbox.outbox_page import CONTENT_SECURITY_POLICY, outbox_page
from dunlin.sandbox.world import World

_MOST_SHOWN = 200


class Outbox:
    """`/` and `/outbox.json`, newest first; `?to=` keeps the numbers that contain these digits."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.routes = [Route("/", self.show_page), Route("/outbox.json", self.show_json)]

    async def show_page(self, request: Request) -> Response:
        to = _wanted(request)
        page = outbox_page(list(self._newest(to)), to, self._world.accounts, list(self._world.received))
        return HTMLResponse(
            page,
            headers={
                "Content-Security-Policy": CONTENT_SECURITY_POLICY,
                "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def show_json(self, request: Request) -> Response:
        messages = [message_resource(message) for message in self._newest(_wanted(request))]
        return JSONResponse({"messages": messages}, headers={"Cache-Control": "no-store"})

    def _newest(self, to: str) -> Iterator[Message]:
        return islice((message for message in self._world.ledger.newest_first() if to in message.to), _MOST_SHOWN)


def _wanted(request: Request) -> str:
    # A plus typed into an address arrives as a space.
    return request.query_params.get("to", "").strip()
