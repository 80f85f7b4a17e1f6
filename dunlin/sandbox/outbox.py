"""The page where a developer reads the texts and mails that were not sent, and the same as JSON."""

from collections.abc import Iterator
from itertools import islice

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dunlin.sandbox.mail import Mail
from dunlin.sandbox.mail_resource import mail_resource
from dunlin.sandbox.message import Message
from dunlin.sandbox.message_resource import message_resource
from dunlin.sandbox.outbox_page import CONTENT_SECURITY_POLICY, outbox_page
from dunlin.sandbox.world import World

_MOST_SHOWN = 200


class Outbox:
    """`/` and `/outbox.json`, newest first; `?to=` keeps the numbers and addresses that contain this."""

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
        entries = [_resource(entry) for entry in self._newest(_wanted(request))]
        return JSONResponse({"messages": entries}, headers={"Cache-Control": "no-store"})

    def _newest(self, to: str) -> Iterator[Message | Mail]:
        everything = self._world.ledger.everything_newest_first()
        return islice((entry for entry in everything if _is_to(entry, to)), _MOST_SHOWN)


def _resource(entry: Message | Mail) -> dict[str, object]:
    if isinstance(entry, Mail):
        return {"kind": "mail", **mail_resource(entry)}
    return {"kind": "text", **message_resource(entry)}


def _is_to(entry: Message | Mail, wanted: str) -> bool:
    if isinstance(entry, Mail):
        return wanted.replace(" ", "+").lower() in entry.to.lower()
    return wanted in entry.to


def _wanted(request: Request) -> str:
    # A plus typed into an address arrives as a space.
    return request.query_params.get("to", "").strip()
