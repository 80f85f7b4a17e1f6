"""Doing something with a mail of the outbox: read its HTML part or its source, unsubscribe as a mail program does."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dunlin.sandbox.exchange import is_from_elsewhere, read_form
from dunlin.sandbox.mail import Mail
from dunlin.sandbox.mail_card import HTML_PART_POLICY
from dunlin.sandbox.mail_content import MailContent, kept_content
from dunlin.sandbox.outbox_page import CONTENT_SECURITY_POLICY, unsubscribe_page
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.unsubscribe import Unsubscriber, is_here
from dunlin.sandbox.world import World

_HEADERS = {
    "Content-Security-Policy": HTML_PART_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class MailApi:
    """`/mails/SID.html`, `/mails/SID.eml`, and `POST /sandbox/unsubscribe`, a form with the mail's `sid`."""

    def __init__(self, world: World, unsubscriber: Unsubscriber) -> None:
        self._world = world
        self._unsubscriber = unsubscriber
        self.routes = [
            Route("/mails/{sid}.html", self.show_html),
            Route("/mails/{sid}.eml", self.show_source),
            Route("/sandbox/unsubscribe", self.unsubscribe, methods=["POST"]),
        ]

    async def show_html(self, request: Request) -> Response:
        html = kept_content(self._find(request, request.path_params["sid"]).raw).html
        if html is None:
            raise Refusal(20404, path=request.url.path)
        return HTMLResponse(html, headers=_HEADERS)

    async def show_source(self, request: Request) -> Response:
        mail = self._find(request, request.path_params["sid"])
        return PlainTextResponse(mail.raw.decode(errors="replace"), headers=_HEADERS)

    async def unsubscribe(self, request: Request) -> Response:
        if is_from_elsewhere(request):
            return JSONResponse({"error": "this form is sent from the outbox only"}, 403)
        form = await read_form(request)
        mail = self._find(request, form.get("sid", ""))
        fault = _fault(kept_content(mail.raw))
        if fault:
            return JSONResponse({"error": fault}, 400)
        url = kept_content(mail.raw).unsubscribe_url
        outcome = await self._unsubscriber.unsubscribe(url)
        if "text/html" in request.headers.get("accept", ""):
            page = unsubscribe_page(mail.to, url, outcome)
            return HTMLResponse(page, headers=_HEADERS | {"Content-Security-Policy": CONTENT_SECURITY_POLICY})
        return JSONResponse({"url": url, "status": outcome.status, "body": outcome.body, "error": outcome.error})

    def _find(self, request: Request, sid: str) -> Mail:
        mail = self._world.ledger.find_mail(sid)
        if mail is None:
            raise Refusal(20404, path=request.url.path)
        return mail


def _fault(content: MailContent) -> str:
    """Return why a mail program would offer no unsubscribing, or we do not do it; empty if there is nothing."""
    if not content.is_one_click:
        return (
            "the mail lacks List-Unsubscribe with a web address, or List-Unsubscribe-Post: List-Unsubscribe=One-Click"
        )
    if not is_here(content.unsubscribe_url):
        return f"only addresses of this machine are asked, not {content.unsubscribe_url}"
    return ""
