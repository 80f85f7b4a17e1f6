"""One API process, with the settings that it is given."""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from dunlin.api.ids import encode_id
from dunlin.domain.tables import AuditEntry
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_organization
from tests.client import mutate, problems
from tests.flow.embedded_run import two_free_ports


@asynccontextmanager
async def an_api_process(**settings: str) -> AsyncIterator[str]:
    """Run an API process and yield its address."""
    port = two_free_ports()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dunlin", "api"),
        env={**os.environ, "DUNLIN_PORT": str(port), **{f"DUNLIN_{name}": value for name, value in settings.items()}},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        async with asyncio.timeout(15):
            await process.wait()


async def answer_of(http: httpx.AsyncClient) -> httpx.Response:
    async with asyncio.timeout(30):
        while True:
            try:
                return await http.get("/healthz")
            except httpx.ConnectError:
                pass


async def test_an_api_without_its_database_lives_but_is_not_ready_and_says_so() -> None:
    nobody = two_free_ports()
    away = {
        "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{nobody}/nothing",
        "REDIS_URL": f"redis://127.0.0.1:{nobody + 1}",
        "SECRET_KEYS": base64.b64encode(b"k" * 32).decode(),
    }
    async with an_api_process(**away) as address, httpx.AsyncClient(base_url=address, timeout=10) as http:
        assert (await answer_of(http)).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        headers = {"Authorization": "Bearer dunlin_anything"}
        refused = await http.post("/graphql", json={"query": "{ viewer { name } }"}, headers=headers)

    assert refused.status_code == 503
    assert refused.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_a_proxy_that_is_not_trusted_cannot_say_where_a_request_comes_from(services: Services) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)
    given = {"organizationId": encode_id("Organization", organization.id), "name": "Another"}
    settings = {
        "DATABASE_URL": str(services.settings.database_url),
        "REDIS_URL": str(services.settings.redis_url),
        "SECRET_KEYS": base64.b64encode(services.settings.secret_keys[0]).decode(),
        "TRUSTED_PROXIES": "192.0.2.0/24",
    }
    async with an_api_process(**settings) as address, httpx.AsyncClient(base_url=address, timeout=10) as http:
        await answer_of(http)
        http.headers["X-Forwarded-For"] = "203.0.113.7"

        assert problems(await mutate(http, token, "renameOrganization", "", given)) == []

    assert (await AuditEntry.get()).address == "127.0.0.1"
