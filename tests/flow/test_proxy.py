"""The reverse proxy of docs/nginx.conf, but for its ports and folders, on machines where nginx is installed."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
import websockets

from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.certificate import write_certificate
from tests.client import Socket, ask, error_codes, mutate
from tests.ports import free_ports

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
CONFIGURATION = Path(__file__).resolve().parents[2] / "docs/nginx.conf"

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed on this machine")


@dataclass(frozen=True, slots=True)
class Proxy:
    port: int
    plain_port: int
    trust: ssl.SSLContext

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"https://127.0.0.1:{self.port}", verify=self.trust, timeout=10)


def configured(folder: Path, api_address: str, port: int, plain_port: int) -> str:
    """Return the file with this machine's ports and folders."""
    api_port = urlsplit(api_address).port
    text = CONFIGURATION.read_text()
    changes = {
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{api_port};",
        "server 127.0.0.1:8001;": "",
        "listen 80;": f"listen 127.0.0.1:{plain_port};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "/etc/ssl/": f"{folder}/",
        "http {": f"pid {folder}/pid; error_log stderr warn;\nhttp {{ access_log off; "
        + " ".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ),
    }
    for old, new in changes.items():
        assert old in text, f"docs/nginx.conf has no {old!r} any more"
        text = text.replace(old, new)
    return text


@pytest_asyncio.fixture
async def proxy(services: Services, api_address: str, tmp_path: Path) -> AsyncIterator[Proxy]:
    assert NGINX is not None
    write_certificate(tmp_path / "dunlin.pem", tmp_path / "dunlin.key")
    port, plain_port = free_ports(), free_ports()
    (tmp_path / "nginx.conf").write_text(configured(tmp_path, api_address, port, plain_port))
    process = await asyncio.create_subprocess_exec(
        NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off; worker_rlimit_nofile 16384;"
    )
    running = Proxy(port, plain_port, ssl.create_default_context(cafile=tmp_path / "dunlin.pem"))
    try:
        async with asyncio.timeout(10), running.client() as client:
            while not await _answers(client):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield running
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_requests_come_through_with_the_clients_own_address(services: Services, proxy: Proxy) -> None:
    token = await a_token(services, await an_account())
    given = {"name": "Behind a proxy", "country": "BE", "timeZone": "Europe/Brussels", "defaultLanguage": "nl"}
    async with proxy.client() as client:
        client.headers["X-Forwarded-For"] = "203.0.113.9"
        made = await mutate(client, token, "createOrganization", "organization { id }", given)
        trail = await ask(client, token, "{ auditTrail(first: 1) { nodes { actor { address } } } }")

    assert made["userErrors"] == []
    assert trail["auditTrail"]["nodes"] == [{"actor": {"address": "127.0.0.1"}}]


async def test_subscriptions_come_through(services: Services, proxy: Proxy) -> None:
    token = await a_token(services, await an_account())
    url = f"wss://127.0.0.1:{proxy.port}/graphql"
    protocol = websockets.Subprotocol("graphql-transport-ws")
    origin = websockets.Origin(f"https://127.0.0.1:{proxy.port}")
    async with websockets.connect(url, ssl=proxy.trust, subprotocols=[protocol], origin=origin) as connection:
        socket = Socket(connection)
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        assert await socket.receive() == {"type": "connection_ack"}
        await socket.subscribe("{ viewer { name } }")
        answer = await socket.event()

    assert answer["data"]["viewer"]


async def test_what_is_not_for_the_world_or_too_large_ends_at_the_proxy(proxy: Proxy) -> None:
    async with proxy.client() as client:
        metrics = await client.get("/metrics")
        large = await client.post("/graphql", content=b"x" * (2 * 1024 * 1024 + 1))
        moved = await client.get(f"http://127.0.0.1:{proxy.plain_port}/graphql")

    assert metrics.status_code == 404
    assert (large.status_code, error_codes(large.json())) == (413, ["BAD_USER_INPUT"])
    assert moved.headers["location"] == "https://127.0.0.1/graphql"


async def test_a_query_by_url_comes_through_with_the_clients_own_id(services: Services, proxy: Proxy) -> None:
    token = await a_token(services, await an_account())
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "shop-42"}
    async with proxy.client() as client:
        answer = await client.get("/graphql", params={"query": "{ __typename }" + " " * 15_000}, headers=headers)

    assert answer.json()["data"] == {"__typename": "Query"}
    assert answer.headers["x-request-id"] == "shop-42"
