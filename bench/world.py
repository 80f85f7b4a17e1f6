"""What the rows run on: a PostgreSQL and a Valkey of their own, and an empty database whenever one is wanted."""

import itertools
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from bench.account import PUBLIC_URL
from dunlin.runtime.database import migrate
from dunlin.runtime.embedded import with_embedded
from dunlin.runtime.settings import Settings
from dunlin.runtime.wiring import Services, open_services

NOWHERE = "http://127.0.0.1:9"

_TEMPLATE = "bench_template"


@dataclass(frozen=True, slots=True)
class World:
    """Two servers that nobody else needs meanwhile: the Valkey is emptied again and again."""

    settings: Settings
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @asynccontextmanager
    async def database(self, carrier: str = NOWHERE) -> AsyncIterator[Services]:
        """Open services over a database that is new, and an empty Valkey. One at a time: Tortoise knows one."""
        name = f"bench_{next(self._numbers)}"
        await _run(self.url("postgres"), f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        async with self.opened(name, carrier) as services:
            await services.redis.flushall()
            yield services
        await _run(self.url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def databases(self, count: int) -> AsyncIterator[list[str]]:
        """Make several databases at once, to be opened by name in turns."""
        names = [f"bench_{next(self._numbers)}" for _ in range(count)]
        for name in names:
            await _run(self.url("postgres"), f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        yield names
        for name in names:
            await _run(self.url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def opened(self, name: str, carrier: str = NOWHERE) -> AsyncIterator[Services]:
        wired = self.settings.model_copy(update={"database_url": self.url(name), "twilio_url": carrier})
        async with open_services(wired) as services:
            yield services

    def url(self, name: str) -> str:
        assert self.settings.database_url is not None
        return urlsplit(self.settings.database_url)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def embedded_world() -> AsyncIterator[World]:
    """Start servers for this invocation, whatever addresses the environment names."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dunlin-bench-", ignore_cleanup_errors=True))
        settings = Settings(var=Path(folder) / "var", database_url=None, redis_url=None, secret_keys=())
        async with world_on(with_embedded(settings, stack)) as world:
            yield world


@asynccontextmanager
async def world_on(settings: Settings) -> AsyncIterator[World]:
    """Use servers that are running. No bench is to meet a limit of the API's: what they cost is measured, though."""
    unlimited = {
        "public_url": PUBLIC_URL,
        "rate_limit": 1_000_000_000,  # still counted, in Valkey
        "live_connections": 20_000,
        "live_connections_per_address": 20_000,
        "live_connections_per_token": 20_000,
    }
    world = World(settings.model_copy(update=unlimited))
    await _run(world.url("postgres"), f"CREATE DATABASE {_TEMPLATE}")
    try:
        await migrate(world.url(_TEMPLATE))
        yield world
    finally:
        await _run(world.url("postgres"), f"DROP DATABASE {_TEMPLATE} WITH (FORCE)")


async def _run(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
