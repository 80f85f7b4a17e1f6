"""The GraphiQL page, served from our own files: it works offline and asks no other host for anything."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from os import PathLike, stat_result
from pathlib import Path

import orjson
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

GRAPHQL_PATH = "/graphql"
FILES = Path(__file__).resolve().parent / "static" / "graphiql"
ASSETS = FILES / "assets"

PRIVATE = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# The host is copied into the security policy, so nothing passes that could add a directive to it.
HOST = re.compile(r"(?P<name>[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Tab:
    """One step of the walk-through. GraphiQL names the tab after the operation in `query`;
    `title` is shown above it as a comment. `variables` is JSON text, or empty."""

    title: str
    query: str
    variables: str


@dataclass(frozen=True, slots=True)
class GraphiqlPage:
    """What the page opens with. A token is shown to whoever opens the page on this machine.

    `session` changes when what a visitor keeps from an earlier visit does not fit any more; without it every
    change of the tabs is such a change.
    """

    token: str | None = field(repr=False)
    tabs: Sequence[Tab]
    session: str | None = None


def graphiql_routes(page: Callable[[Request], Awaitable[GraphiqlPage]]) -> list[BaseRoute]:
    """Return the routes of the page, of the settings it asks for and of its files, all under /graphiql."""
    html = (FILES / "index.html").read_text(encoding="utf-8")

    async def open_page(request: Request) -> Response:
        host = request.headers.get("host", "")
        if not HOST.fullmatch(host):
            return PlainTextResponse("The Host header is not a host name.", status_code=400)
        return HTMLResponse(html, headers=_page_headers(host))

    async def read_settings(request: Request) -> Response:
        from_here = request.client is None or is_loopback(request.client.host)
        may_see = from_here and is_loopback(request.headers.get("host", ""))
        settings = _settings(await page(request), may_see_token=may_see)
        return Response(orjson.dumps(settings), media_type="application/json", headers=PRIVATE)

    return [
        Route("/graphiql", open_page),
        Route("/graphiql/settings.json", read_settings),
        Mount(
            "/graphiql/assets",
            app=_Assets(directory=ASSETS),
            middleware=[Middleware(GZipMiddleware, compresslevel=6)],
        ),
    ]


def _page_headers(host: str) -> dict[str, str]:
    # Inline styles serve the editor (CodeMirror) and scroll locking under dialogs; no script needs them.
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "font-src 'self' data:; img-src 'self' data:; "
        f"connect-src {_connect_sources(host)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {**PRIVATE, "Content-Security-Policy": policy}


def _connect_sources(host: str) -> str:
    """Return where the page may connect to: this host, by HTTP and by WebSocket."""
    if host.startswith("["):
        # A policy cannot name an IPv6 address: browsers report and drop such a source.
        return "'self'"
    # Older browsers exclude WebSockets from 'self'. Both schemes, because behind a proxy that ends TLS
    # ours is not the browser's.
    return f"'self' ws://{host} wss://{host}"


def _settings(page: GraphiqlPage, *, may_see_token: bool) -> dict[str, object]:
    tabs = [asdict(tab) for tab in page.tabs]
    return {
        "endpoint": GRAPHQL_PATH,
        "token": page.token if may_see_token else None,
        "tabs": tabs,
        "session": sha256(page.session.encode() if page.session else orjson.dumps(tabs)).hexdigest()[:16],
    }


def is_loopback(host: str) -> bool:
    """Tell whether a Host header, or a client's address, names this machine.

    Asked of both. Any site may point its own name at 127.0.0.1 and then read our answers as its own (DNS
    rebinding): the browser still sends that name as Host. And who comes from elsewhere may send any Host.
    """
    match = HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"].strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class _Assets(StaticFiles):
    """Cache the vendored files for good, since their folders carry the version, and ours never unasked."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        is_ours = Path(full_path).parent == ASSETS
        response.headers["Cache-Control"] = "no-cache" if is_ours else "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
