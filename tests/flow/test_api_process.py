"""One API process that is told of servers that are not there."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.flow.embedded_run import two_free_ports


@pytest_asyncio.fixture
async def address() -> AsyncIterator[str]:
    """An API process whose database and Redis do not answer."""
    port, nobody = two_free_ports(), two_free_ports()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dunlin", "api"),
        env={
            **os.environ,
            "DUNLIN_PORT": str(port),
            "DUNLIN_DATABASE_URL": f"postgresql://nobody@127.0.0.1:{nobody}/nothing",
            "DUNLIN_REDIS_URL": f"redis://127.0.0.1:{nobody + 1}",
            "DUNLIN_SECRET_KEYS": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
        },
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


async def test_an_api_without_its_database_lives_but_is_not_ready_and_says_so(address: str) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=10) as http:
        assert (await answer_of(http)).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        headers = {"Authorization": "Bearer dunlin_anything"}
        refused = await http.post("/graphql", json={"query": "{ viewer { name } }"}, headers=headers)

    assert refused.status_code == 503
    assert refused.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
