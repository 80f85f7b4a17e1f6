"""One API process, with the settings that it is given."""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.ports import free_ports


@asynccontextmanager
async def an_api_process(**settings: str) -> AsyncIterator[str]:
    """Run an API process and yield its address."""
    port = free_ports(2)
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
    nobody = free_ports(2)
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
