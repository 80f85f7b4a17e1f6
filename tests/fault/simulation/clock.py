"""Virtual time: one for the database and for every worker's boot clock, moved by the test alone."""

from datetime import UTC, datetime, timedelta

from tortoise.connection import get_connection

from dunlin.domain.store import rows

EPOCH = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)

# Names of this schema come before those of PostgreSQL itself, so that the product's statements run as they are.
_PATH = "simulated, pg_catalog, public"

_INSTALL = (
    "CREATE SCHEMA simulated",
    "CREATE UNLOGGED TABLE simulated.clock (moment timestamptz NOT NULL)",
    "INSERT INTO simulated.clock VALUES (pg_catalog.clock_timestamp())",
    "CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE"
    " AS 'SELECT moment FROM simulated.clock'",
)


# Far quicker than to truncate tables that hold a few rows.
_EMPTY = """
CREATE PROCEDURE simulated.empty() LANGUAGE plpgsql AS $$
DECLARE name text;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT quote_ident(tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations'
  LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
  FOR name IN SELECT quote_ident(sequencename) FROM pg_sequences
    WHERE schemaname = 'public' AND sequencename <> 'tortoise_migrations_id_seq'
  LOOP PERFORM setval('public.' || name, 1, false); END LOOP;
END $$
"""


class VirtualClock:
    """`boot_s` is what a clock shows that nobody can set; `now` is the database's time."""

    def __init__(self) -> None:
        self.now = EPOCH

    @property
    def boot_s(self) -> float:
        return (self.now - EPOCH).total_seconds()

    async def reset(self) -> None:
        self.now = EPOCH
        await self._tell()

    async def let_pass(self, time: timedelta) -> None:
        self.now += time
        await self._tell()

    async def _tell(self) -> None:
        await rows("UPDATE simulated.clock SET moment = $1", self.now)


async def install() -> None:
    """Have every connection of this database live in virtual time, until `uninstall`."""
    for statement in (*_INSTALL, _EMPTY):
        await rows(statement)
    for table in await _tables():
        await rows(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    database = await _database()
    await rows(f"ALTER DATABASE {database} SET search_path = {_PATH}")
    await rows(f"ALTER DATABASE {database} SET synchronous_commit = off")  # nobody cuts the power here
    await _connect_anew()


async def uninstall() -> None:
    database = await _database()
    await rows(f"ALTER DATABASE {database} RESET search_path")
    await rows(f"ALTER DATABASE {database} RESET synchronous_commit")
    await _connect_anew()
    for table in await _tables():
        await rows(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
    await rows("DROP SCHEMA simulated CASCADE")


async def empty() -> None:
    """Empty every table, and number anew."""
    await rows("CALL simulated.empty()")
    # So that rows lie where they lay when the same example was tried before, and statements are planned alike: only
    # then does everything come in the same order again. For the same reason nothing is vacuumed in between.
    await rows(f"VACUUM {', '.join(await _tables())}")


async def _tables() -> list[str]:
    found = await rows(
        "SELECT quote_ident(tablename) AS name FROM pg_tables"
        " WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations' ORDER BY 1"
    )
    return [row["name"] for row in found]


async def _database() -> str:
    (row,) = await rows("SELECT quote_ident(current_database()) AS name")
    return str(row["name"])


async def _connect_anew() -> None:
    await get_connection("default")._pool.expire_connections()
