"""Fill an empty database with the demo."""

from datetime import datetime

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model
from tortoise.transactions import in_transaction

from dunlin.demo.build import build_demo
from dunlin.domain.tables import Account


async def seed_demo(now: datetime) -> bool:
    """Store the demo as of `now` and return True, or return False and change nothing if there are accounts.

    The database must be open.
    """
    async with in_transaction() as connection:
        # Two processes that start at once shall not both find the table empty.
        await connection.execute_script("LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE")
        if await Account.exists():
            return False
        for table, rows in build_demo(now):
            await table.bulk_create(rows, using_db=connection)
            await _pass_over_ids(table, connection)
    return True


async def _pass_over_ids(table: type[Model], connection: BaseDBAsyncClient) -> None:
    """Let the database go on counting after the ids that were given here."""
    described = table.describe()
    if described["pk_field"]["generated"]:
        name = described["table"]
        await connection.execute_query(
            f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"
        )
