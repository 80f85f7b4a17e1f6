"""The database of a process: one pool of connections, opened once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from asyncpg import Connection
from tortoise import Tortoise
from tortoise.migrations.api.migrate import migrate as apply_migrations


class PooledConnection(Connection):  # type: ignore[misc]  # asyncpg has no types
    """Goes back to its pool as it is: nothing of ours leaves more behind in a session than its transaction ends.

    asyncpg would ask the database to forget settings, locks, cursors and listeners after every statement outside of a
    transaction: a second way there and back. An open transaction is rolled back all the same.
    """

    def get_reset_query(self) -> str:
        return ""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  asyncpg's signature
        if self.is_closed() or self.is_in_transaction():
            await super().reset(timeout=timeout)


def database_config(url: str, *, pool: int = 10, longest_statement: timedelta | None = None) -> dict[str, Any]:
    """Return Tortoise's configuration for `url`; `?host=/folder` names the folder of a Unix socket.

    What takes longer than `longest_statement`, waiting for locks included, is given up by the database.
    """
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    credentials: dict[str, Any] = {
        "host": options.pop("host", [parts.hostname])[0] or "localhost",
        "port": parts.port or 5432,
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password or ""),
        "database": parts.path.lstrip("/") or "postgres",
        "minsize": 1,
        "maxsize": pool,
        "application_name": "dunlin",
        "connection_class": PooledConnection,
        **({"ssl": options["sslmode"][0]} if "sslmode" in options else {}),
    }
    # A plan that is kept from when a table was small would read all of it for years: everything here goes by an index.
    credentials["server_settings"] = {"enable_seqscan": "off"}
    if longest_statement is not None:
        milliseconds = longest_statement // timedelta(milliseconds=1)
        credentials["server_settings"]["statement_timeout"] = str(milliseconds)
    return {
        "connections": {"default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}},
        "apps": {
            "dunlin": {
                "models": ["dunlin.domain.tables"],
                "default_connection": "default",
                "migrations": "dunlin.migrations",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


# For `tortoise -c dunlin.runtime.database.OFFLINE makemigrations`, which compares tables and migrations only.
OFFLINE = database_config("postgresql://localhost/none")


@asynccontextmanager
async def open_database(url: str, *, pool: int = 10, longest_statement: timedelta | None = None) -> AsyncIterator[None]:
    # The fallback is what request tasks see: they do not descend from the task that opened the database.
    config = database_config(url, pool=pool, longest_statement=longest_statement)
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        yield
    finally:
        await Tortoise.close_connections()


async def migrate(url: str) -> None:
    """Bring the database at `url` to the newest state. Safe to repeat."""
    # In a context of its own: Tortoise's migrations close what the present one has open.
    await asyncio.create_task(_migrate(url), context=Context())


async def _migrate(url: str) -> None:
    try:
        await apply_migrations(config=database_config(url, pool=1))
    finally:
        await Tortoise.close_connections()
