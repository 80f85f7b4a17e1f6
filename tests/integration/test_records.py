"""Rows that are read without Tortoise's query builder are those that it reads."""

from tortoise.models import Model

from dunlin.domain import tables
from dunlin.domain.records import read_by_ids
from dunlin.runtime.wiring import Services
from tests.build import an_account
from tests.integration.test_isolation import NODES, with_everything

TABLES: list[type[Model]] = [
    *NODES.values(),
    tables.StepTexts,
    tables.SmsOptOut,
    tables.CreditorAccount,
    tables.BankImportLine,
]


def values_of(row: Model) -> dict[str, tuple[type, object]]:
    """Return what a row holds, with its classes: a choice is no mere text."""
    values = {name: getattr(row, name) for name in row._meta.fields_db_projection}
    return {name: (type(value), value) for name, value in values.items()}


async def test_every_column_has_the_value_that_tortoise_reads(services: Services) -> None:
    await with_everything(services, await an_account(), "Ours")
    compared = 0
    for table in TABLES:
        rows = await table.all()
        found = await read_by_ids(table, [row.pk for row in rows])
        for row in rows:
            assert type(found[row.pk]) is table
            assert values_of(found[row.pk]) == values_of(row)
            compared += 1

    assert compared >= len(NODES)


async def test_rows_that_there_are_not_are_left_out(services: Services) -> None:
    account = await an_account()

    assert (await read_by_ids(tables.Account, [account.id, 999])).keys() == {account.id}
