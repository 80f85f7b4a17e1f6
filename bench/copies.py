"""Many rows at once: copies of a row that Dunlin's own actions have made, so that none is unlike what they make."""

from collections.abc import Mapping

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from dunlin.domain.store import rows

_COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position"


async def copy_rows(count: int, changes: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Copy the newest row of each table `count` times; return per table the id that copy n follows by n.

    `changes` are SQL expressions over n, 1 to `count`, by column; "{table}" is such an id of a table named before.
    Foreign keys are not checked: a million rows would take minutes.
    """
    bases: dict[str, int] = {}
    async with in_transaction() as connection:
        await connection.execute_query("SET LOCAL session_replication_role = replica")
        for table, changed in changes.items():
            filled = {column: expression.format_map(bases) for column, expression in changed.items()}
            bases[table] = await _copy_row(connection, table, count, filled)
    return bases


async def _copy_row(connection: BaseDBAsyncClient, table: str, count: int, changed: Mapping[str, str]) -> int:
    newest = (await connection.execute_query_dict(f"SELECT max(id) AS id FROM {table}"))[0]["id"]
    assert isinstance(newest, int), f"{table} has a row to copy"
    expressions = {row["column_name"]: f't."{row["column_name"]}"' for row in await rows(_COLUMNS, table)}
    expressions |= {"id": f"{newest} + n", **changed}
    columns = ", ".join(f'"{column}"' for column in expressions)
    await connection.execute_query(
        f"INSERT INTO {table} ({columns}) SELECT {', '.join(expressions.values())}"
        f" FROM {table} t, generate_series(1, {count}) AS n WHERE t.id = {newest} ORDER BY n"
    )
    await connection.execute_query(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {newest + count})")
    return newest
