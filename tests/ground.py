"""The tables between tests: emptied, or filled with what the tests of a file have in common."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from tortoise.connection import get_connection

from dunlin.domain.store import rows

T = TypeVar("T")
_LARGE = 1_000_000  # bytes: from here on, new files are cheaper than cleaning up the old ones


@dataclass(frozen=True, slots=True)
class Ground(Generic[T]):
    """What was built once for many tests. `built` is what the builder returned: rows keep their ids."""

    built: T
    _script: str

    async def lay(self) -> T:
        """Fill the empty tables as they were when everything had been built."""
        await get_connection("default").execute_script(self._script)
        return self.built


@asynccontextmanager
async def a_ground(build: Callable[[], Awaitable[T]]) -> AsyncIterator[Ground[T]]:
    """Build in the empty tables, and keep a copy of every row in a schema of its own."""
    built = await build()
    filled = await _sizes()
    await rows("CREATE SCHEMA kept")
    try:
        for name in filled:
            await rows(f"CREATE TABLE kept.{name} AS TABLE public.{name}")
        inserts = [f"INSERT INTO public.{name} SELECT * FROM kept.{name}" for name in filled]
        numbers = [f"SELECT setval('public.{name}', {number})" for name, number in (await _numbers()).items()]
        yield Ground(built, _unchecked(*inserts, *numbers))
    finally:
        await rows("DROP SCHEMA kept CASCADE")


async def empty() -> None:
    """Empty every table, and number anew.

    TRUNCATE makes a new file for every table and index, which takes longer than most tests. Like TRUNCATE, what is done
    here waits for whoever is still writing, and VACUUM leaves files of no length, so that rows lie as they are written.
    """
    if not (filled := await _sizes()):
        return
    names = ", ".join(filled)
    database = get_connection("default")
    if sum(filled.values()) > _LARGE:
        await database.execute_script(f"TRUNCATE {names} CASCADE")
    else:
        await database.execute_script(
            _unchecked(f"LOCK TABLE {names}", *(f"DELETE FROM public.{name}" for name in filled))
        )
        await database.execute_script(f"VACUUM {names}")
    if numbers := await _numbers():
        await database.execute_script("; ".join(f"SELECT setval('public.{name}', 1, false)" for name in numbers))


def _unchecked(*statements: str) -> str:
    """Return one transaction that does not look whether a row is there that another one refers to."""
    return "; ".join(("BEGIN", "SET LOCAL session_replication_role = replica", *statements, "COMMIT"))


async def _sizes() -> dict[str, int]:
    """Return the bytes of each table that holds something, or that somebody is writing to."""
    found = await rows(
        "SELECT quote_ident(relname) AS name, pg_relation_size(oid) AS size FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'tortoise_migrations'"
        " AND pg_relation_size(oid) > 0"
    )
    return {row["name"]: row["size"] for row in found}


async def _numbers() -> dict[str, int]:
    """Return the last number of each sequence that has given any."""
    found = await rows(
        "SELECT quote_ident(sequencename) AS name, last_value AS number FROM pg_sequences"
        " WHERE schemaname = 'public' AND last_value IS NOT NULL AND sequencename <> 'tortoise_migrations_id_seq'"
    )
    return {row["name"]: row["number"] for row in found}
