"""How long a statement of an API process may take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import httpx
import pytest

from dunlin.domain.store import is_too_slow, rows
from dunlin.runtime.database import database_config
from dunlin.runtime.settings import Settings
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_organization
from tests.client import connected, error_codes, graphql


@asynccontextmanager
async def a_session(settings: Settings, longest_statement: timedelta | None) -> AsyncIterator[asyncpg.Connection]:
    """A connection as a process opens it."""
    assert settings.database_url is not None
    config = database_config(settings.database_url, longest_statement=longest_statement)
    given = config["connections"]["default"]["credentials"]
    names = ("host", "port", "user", "password", "database", "server_settings")
    session = await asyncpg.connect(**{name: given[name] for name in names if name in given})
    try:
        yield session
    finally:
        await session.close()


async def test_the_database_gives_up_what_takes_longer_than_it_may(settings: Settings) -> None:
    async with a_session(settings, timedelta(milliseconds=50)) as session:
        with pytest.raises(asyncpg.QueryCanceledError) as given_up:
            await session.execute("SELECT pg_sleep(60)")

    assert is_too_slow(given_up.value)


async def test_a_plan_from_when_a_table_was_empty_does_not_look_through_all_of_it_for_ever(settings: Settings) -> None:
    async with a_session(settings, None) as session:
        await session.execute("CREATE TEMPORARY TABLE growing (id int PRIMARY KEY)")
        await session.execute("VACUUM ANALYZE growing")
        await session.execute("PREPARE look (int) AS SELECT * FROM growing WHERE id = $1")
        for _ in range(10):  # then the plan is kept
            await session.execute("EXECUTE look (1)")

        plan = " ".join(row[0] for row in await session.fetch("EXPLAIN EXECUTE look (1)"))

    assert "Seq Scan" not in plan
    assert "growing_pkey" in plan


async def test_a_worker_s_statements_have_no_end(settings: Settings) -> None:
    async with a_session(settings, None) as session:
        assert await session.fetchval("SHOW statement_timeout") == "0"


@asynccontextmanager
async def all_statements_within(limit: str) -> AsyncIterator[None]:
    """Have the whole server, which is the tests' own, give statements up so soon."""
    await rows(f"ALTER SYSTEM SET statement_timeout = '{limit}'")
    await _until_shown(limit)
    try:
        yield
    finally:
        await rows("ALTER SYSTEM RESET statement_timeout")
        await _until_shown("0")


async def _until_shown(limit: str) -> None:
    await rows("SELECT pg_reload_conf()")
    async with asyncio.timeout(5):
        while (await rows("SHOW statement_timeout"))[0]["statement_timeout"] != limit:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_operation_whose_statement_is_given_up_is_told_so(
    http: httpx.AsyncClient, services: Services, settings: Settings
) -> None:
    token = await a_token(services, await an_organization())
    async with a_session(settings, None) as other:
        await other.execute("SET statement_timeout = 0")
        async with all_statements_within("300ms"), other.transaction():
            await other.execute("LOCK TABLE organization")
            body = await graphql(http, token, "{ organizations { nodes { name } } viewer { name } }")

    assert error_codes(body) == ["TIMEOUT"]


async def test_a_socket_whose_token_takes_too_long_to_look_up_is_closed_for_now(
    api_address: str, services: Services, settings: Settings
) -> None:
    token = await a_token(services, await an_organization())
    async with a_session(settings, None) as other:
        await other.execute("SET statement_timeout = 0")
        async with all_statements_within("300ms"), other.transaction():
            await other.execute("LOCK TABLE token")
            async with connected(api_address) as socket:
                await socket.send({"type": "connection_init", "payload": {"authToken": token}})

                assert await socket.close_code() == 1013
