"""One worker process over servers of its own, as in production."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest_asyncio

from dunlin.runtime.database import migrate
from dunlin.runtime.embedded import with_embedded
from dunlin.runtime.settings import Settings


@pytest_asyncio.fixture
async def worker(var: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, psutil.Process]]:
    """A worker that is ready, and the Valkey that it listens to."""
    before = set(psutil.Process().children())
    with ExitStack() as stack:
        settings = with_embedded(Settings(var=var), stack)
        assert settings.database_url is not None
        assert settings.redis_url is not None
        await migrate(settings.database_url)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dunlin", "worker"),
            env={
                **os.environ,
                "DUNLIN_VAR": str(var),
                "DUNLIN_DATABASE_URL": settings.database_url,
                "DUNLIN_REDIS_URL": settings.redis_url,
                "DUNLIN_SECRET_KEYS": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
            },
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        async with asyncio.timeout(30):
            while b"worker ready" not in await process.stderr.readline():
                pass
        started = set(psutil.Process().children()) - before
        valkey = next(child for child in started if child.name() == "valkey-server")
        yield process, valkey
        if process.returncode is None:
            process.kill()
        valkey.resume()
        await process.wait()


async def test_a_worker_ends_on_sigterm(worker: tuple[asyncio.subprocess.Process, psutil.Process]) -> None:
    process, _ = worker
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await process.wait() == 0


async def test_a_worker_ends_on_sigterm_although_redis_hangs(
    worker: tuple[asyncio.subprocess.Process, psutil.Process],
) -> None:
    process, valkey = worker
    valkey.suspend()
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await process.wait() == 0
