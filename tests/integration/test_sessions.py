"""What is left in the database's sessions: they go back to their pool as they are."""

import re
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from asyncpg.pool import Pool
from tortoise.connection import get_connection

import dunlin
from dunlin.domain.store import Transaction, rows
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token, open_one
from tests.client import ask

LASTING = re.compile(
    r"[\"';] ?SET (?!LOCAL)|set_config|pg_(try_)?advisory_lock|LISTEN [a-z]|WITH HOLD"
    r"|CREATE TEMP|PREPARE [a-z]|add_listener|set_type_codec"
)
LEFT = """
SELECT (SELECT array_agg(name) FROM pg_settings WHERE source = 'session' AND setting <> reset_val) AS settings,
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
       (SELECT count(*) FROM pg_cursors WHERE is_holdable) AS cursors,
       (SELECT count(*) FROM pg_listening_channels()) AS channels
"""


async def left_behind() -> list[dict[str, object]]:
    """Return what any session of the pool still has."""
    pool: Pool = get_connection("default")._pool
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(pool.acquire()) for _ in range(pool.get_max_size())]
        left = [dict(await session.fetchrow(LEFT)) for session in sessions]
    return [one for one in left if any(one.values())]


def test_no_statement_of_ours_outlasts_its_transaction_in_a_session() -> None:
    code = Path(dunlin.__file__).parent
    found = {
        str(path.relative_to(code)): match[0]
        for path in code.rglob("*.py")
        if path.parent.name not in ("migrations", "sandbox")
        if (match := LASTING.search(path.read_text()))
    }

    assert found == {}, "Sessions go back to the pool as they are: say SET LOCAL, or reset what you have set."


async def test_a_session_holds_nothing_when_it_goes_back(http: httpx.AsyncClient, services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await ask(http, await a_token(services, organization), "{ organizations { nodes { reminders { nodes { id } } } } }")

    async def wait_briefly(transaction: Transaction) -> None:
        await transaction.rows("SELECT 1")

    await services.store.transact(wait_briefly, patience=timedelta(seconds=1))

    assert await left_behind() == []


async def test_a_transaction_that_was_left_open_ends_when_its_session_goes_back(services: Services) -> None:
    pool: Pool = get_connection("default")._pool
    async with pool.acquire() as session:
        await session.execute("CREATE TABLE left_open ()")
        await session.execute("BEGIN; SET LOCAL lock_timeout = 7; DROP TABLE left_open")
        with pytest.raises(asyncpg.PostgresError):
            await session.execute("SELECT 1 / 0")

    assert await rows("SELECT FROM left_open") == []
    assert await left_behind() == []
    await rows("DROP TABLE left_open")
