"""The GraphiQL page: our own files only, a policy that enforces it, and a token for this machine alone."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request

from dunlin.api.graphiql import ASSETS, FILES, GraphiqlPage, Tab, graphiql_routes

VENDORED_ROW = re.compile(r"^\| `(?P<file>[^`]+)` \| [^|]+ \| [^|]+ \| `(?P<sri>sha384-[^`]+)` \|$", re.MULTILINE)
VENDORED = {
    row["file"]: row["sri"] for row in VENDORED_ROW.finditer((FILES / "VENDORED.md").read_text(encoding="utf-8"))
}

WATCH = Tab("Watch a reminder arrive", "subscription Watch { statuses }", '{"id": "one"}')


async def walk_through(request: Request) -> GraphiqlPage:
    return GraphiqlPage(token=request.query_params.get("token"), tabs=[WATCH])


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=graphiql_routes(walk_through))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8000") as client:
        yield client


def test_every_vendored_file_is_listed() -> None:
    scripts_and_styles = {
        path.relative_to(FILES).as_posix() for path in ASSETS.glob("*/*") if path.suffix in {".js", ".css"}
    }

    assert scripts_and_styles == set(VENDORED)


@pytest.mark.parametrize("file", VENDORED)
def test_a_vendored_file_is_the_published_one(file: str) -> None:
    digest = hashlib.sha384((FILES / file).read_bytes()).digest()

    assert f"sha384-{base64.b64encode(digest).decode()}" == VENDORED[file]


@pytest.mark.parametrize("folder", sorted(path.name for path in ASSETS.iterdir() if path.is_dir()))
def test_a_licence_lies_beside_the_vendored_files(folder: str) -> None:
    assert "Permission is hereby granted" in (ASSETS / folder / "LICENSE").read_text(encoding="utf-8")


def test_the_licences_of_the_embedded_fonts_are_shipped() -> None:
    assert "Apache License" in (ASSETS / "graphiql-3.8.3" / "LICENSE-Roboto").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in (ASSETS / "graphiql-3.8.3" / "LICENSE-FiraCode").read_text(encoding="utf-8")


async def test_the_page_refers_to_nothing_but_its_own_files(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/graphiql")).text

    references = re.findall(r"(?:src|href)=\"([^\"]*)\"", page)

    assert len(references) == 9
    for reference in references:
        assert reference.startswith("/graphiql/assets/")
        assert (await browser.get(reference)).status_code == 200


async def test_the_page_has_no_inline_script(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/graphiql")).text

    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)

    assert scripts
    assert all("src=" in attributes and body == "" for attributes, body in scripts)


@pytest.mark.parametrize("path", [ASSETS / name for name in ("init.js", "page.css", "icon.svg")])
def test_our_own_files_name_no_other_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")

    assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def test_the_vendored_styles_load_only_what_they_embed() -> None:
    for file in VENDORED:
        if file.endswith(".css"):
            style = (FILES / file).read_text(encoding="utf-8")
            assert "@import" not in style
            assert all(source.startswith("data:") for source in re.findall(r"url\([\"']?([^)\"']+)", style))


async def test_the_policy_allows_this_host_and_no_other(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/graphiql", headers={"Host": "pay.example:8443"})

    assert response.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "font-src 'self' data:; img-src 'self' data:; "
        "connect-src 'self' ws://pay.example:8443 wss://pay.example:8443; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def test_the_policy_does_not_name_an_ipv6_address(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/graphiql", headers={"Host": "[::1]:8000"})

    assert "connect-src 'self'; " in response.headers["content-security-policy"]


async def test_the_page_is_neither_stored_nor_sniffed_nor_named_to_others(browser: httpx.AsyncClient) -> None:
    headers = (await browser.get("/graphiql")).headers

    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "host",
    ["a; script-src *", "a *", "a,b", "a/b", "user@a", "a_b", "a:port", "a:1:2", "[::1", "caf\xe9", ""],
)
async def test_a_host_that_could_change_the_policy_is_refused(browser: httpx.AsyncClient, host: str) -> None:
    response = await browser.get("/graphiql", headers=[(b"Host", host.encode())])

    assert response.status_code == 400
    assert "content-security-policy" not in response.headers


async def test_the_settings_hold_the_token_and_the_walk_through(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/graphiql/settings.json?token=secret")

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    settings = response.json()
    assert re.fullmatch(r"[0-9a-f]{16}", settings.pop("session"))
    assert settings == {
        "endpoint": "/graphql",
        "token": "secret",
        "tabs": [
            {
                "title": "Watch a reminder arrive",
                "query": "subscription Watch { statuses }",
                "variables": '{"id": "one"}',
            }
        ],
    }


async def test_without_a_token_the_settings_say_so(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/graphiql/settings.json")).json()["token"] is None


async def test_the_session_outlives_a_token(browser: httpx.AsyncClient) -> None:
    before = (await browser.get("/graphiql/settings.json?token=old")).json()
    after = (await browser.get("/graphiql/settings.json?token=new")).json()

    assert before["session"] == after["session"]


async def test_another_walk_through_is_another_session(browser: httpx.AsyncClient) -> None:
    async def other_walk_through(_: Request) -> GraphiqlPage:
        return GraphiqlPage(token=None, tabs=[Tab(WATCH.title, WATCH.query, '{"id": "two"}')])

    app = Starlette(routes=graphiql_routes(other_walk_through))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as other:
        theirs = (await other.get("/graphiql/settings.json")).json()
    ours = (await browser.get("/graphiql/settings.json")).json()

    assert ours["session"] != theirs["session"]


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST:8000", "127.0.0.1", "127.8.8.8:80", "[::1]", "[::1]:8000"],
)
async def test_a_browser_on_this_machine_gets_the_token(browser: httpx.AsyncClient, host: str) -> None:
    response = await browser.get("/graphiql/settings.json?token=secret", headers={"Host": host})

    assert response.json()["token"] == "secret"


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "localhost.rebound.example",
        "127.0.0.1.rebound.example:8000",
        "192.168.1.10:8000",
        "10.0.0.1",
        "[::]",
        "[2001:db8::1]",
        "2130706433",
        "127.1",
        "localhost\tx",
        "localhost:80@rebound.example",
        "",
    ],
)
async def test_no_other_host_gets_the_token(browser: httpx.AsyncClient, host: str) -> None:
    response = await browser.get("/graphiql/settings.json?token=secret", headers={"Host": host})

    assert response.json()["token"] is None
    assert response.json()["tabs"]


async def test_a_forwarded_host_does_not_unlock_the_token(browser: httpx.AsyncClient) -> None:
    headers = {"Host": "rebound.example", "X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}

    response = await browser.get("/graphiql/settings.json?token=secret", headers=headers)

    assert response.json()["token"] is None


def test_a_page_does_not_print_its_token() -> None:
    assert "secret" not in repr(GraphiqlPage(token="secret", tabs=[]))


@pytest.mark.parametrize("file", [file.removeprefix("assets/") for file in VENDORED])
async def test_a_vendored_file_is_kept_for_a_year(browser: httpx.AsyncClient, file: str) -> None:
    headers = (await browser.head(f"/graphiql/assets/{file}")).headers

    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-type"].startswith("text/javascript" if file.endswith(".js") else "text/css")


async def test_our_own_files_are_asked_for_anew(browser: httpx.AsyncClient) -> None:
    first = await browser.get("/graphiql/assets/init.js")
    again = await browser.get("/graphiql/assets/init.js", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert again.status_code == 304
    assert again.headers["cache-control"] == "no-cache"


async def test_scripts_travel_compressed_to_browsers_that_accept_it(browser: httpx.AsyncClient) -> None:
    path = "/graphiql/assets/react-18.2.0/react.production.min.js"

    packed = await browser.get(path, headers={"Accept-Encoding": "gzip"})
    plain = await browser.get(path, headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content


@pytest.mark.parametrize(
    "path",
    [
        "missing.js",
        "",
        "react-18.2.0",
        "../index.html",
        "..%2findex.html",
        "%2e%2e/VENDORED.md",
        "react-18.2.0/../../../../graphiql.py",
        "..%5c..%5cgraphiql.py",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "init.js%00",
    ],
)
async def test_nothing_outside_the_assets_is_served(browser: httpx.AsyncClient, path: str) -> None:
    response = await browser.get(f"/graphiql/assets/{path}")

    assert response.status_code == 404
