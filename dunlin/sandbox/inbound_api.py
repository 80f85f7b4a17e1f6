"""Acting as the people who get the texts: from the outbox page, or by HTTP."""

import secrets
from datetime import UTC, datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from dunlin.sandbox.exchange import is_from_elsewhere, read_form
from dunlin.sandbox.inbound_text import InboundText, Unanswerable, read_text
from dunlin.sandbox.network import Network
from dunlin.sandbox.world import World


class InboundApi:
    """`POST /sandbox/inbound`, a form: `body`, and either `reply_to` (a message's sid) or `from` and `to`."""

    def __init__(self, world: World, network: Network) -> None:
        self._world = world
        self._network = network
        self.routes = [Route("/sandbox/inbound", self.take_text, methods=["POST"])]

    async def take_text(self, request: Request) -> Response:
        if is_from_elsewhere(request):
            return JSONResponse({"error": "this form is sent from the outbox only"}, 403)
        form = await read_form(request)
        sid, now = f"SM{secrets.token_hex(16)}", datetime.now(UTC)
        answered = self._world.ledger.find(form.get("reply_to", ""))
        try:
            text = read_text(form, answered, self._world.accounts.values(), sid, now)
        except Unanswerable as e:
            return JSONResponse({"error": str(e)}, 400)
        address = self._take(text)
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"/?to={quote(text.sender)}", 303)
        return JSONResponse({"sid": text.sid, "brought_to": address or None}, 202)

    def _take(self, text: InboundText) -> str:
        self._world.switchboard.heed(text)
        self._world.received.append(text)
        address = self._world.switchboard.address_for(text)
        if address:
            self._network.bring(text, address)
        return address
