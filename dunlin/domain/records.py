"""Rows of the database as Tortoise's objects, without its query builder and its conversion of each value."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from tortoise.connection import get_connection
from tortoise.fields import DatetimeField
from tortoise.models import Model

M = TypeVar("M", bound=Model)


async def read(table: type[M], sql: str, *parameters: object) -> list[M]:
    """Return the rows of a SELECT that has `columns_of` the table, or all of its columns."""
    return [record_of(table, row.items()) for row in await select(sql, *parameters)]


async def select(sql: str, *parameters: object) -> Sequence[Any]:
    """Return the rows of a SELECT as the driver gives them, which can be read by column."""
    _, found = await get_connection("default").execute_query(sql, list(parameters))
    return found


async def read_by_ids(table: type[M], ids: Sequence[int]) -> dict[int, M]:
    """Return the rows that there are of these ids."""
    sql = f'SELECT {columns_of(table)} FROM "{name_of(table)}" WHERE id = ANY($1::bigint[])'
    return {row.pk: row for row in await read(table, sql, ids)}


def record_of(table: type[M], values: Any) -> M:
    """Return the object of a row that was read, as Tortoise makes it."""
    row = table.__new__(table)
    fields = row.__dict__
    fields.update(_LIKE_READ)
    fields.update(values)
    for name, convert in _conversions(table):
        if (value := fields[name]) is not None:
            fields[name] = convert(value)
    return row


def name_of(table: type[Model]) -> str:
    name: str = table._meta.db_table  # noqa: SLF001  Tortoise tells it nowhere else but in a slow way
    return name


@cache
def columns_of(table: type[Model]) -> str:
    """Return the columns of a table, named: another process may have added one."""
    return ", ".join(f'"{name}"' for name in sorted(table._meta.fields_db_projection.values()))  # noqa: SLF001


# What Tortoise notes about an object that is in the database.
_LIKE_READ = {"_partial": False, "_saved_in_db": True, "_custom_generated_pk": False}


def conversion_of(table: type[Model], column: str) -> Callable[[Any], Any] | None:
    """Return what makes of a column's value, as the driver gives it, what an object has; None: nothing has to."""
    return dict(_conversions(table)).get(column)


def is_choice(table: type[Model], column: str) -> bool:
    return getattr(table._meta.fields_map[column], "enum_type", None) is not None  # noqa: SLF001


@cache
def _conversions(table: type[Model]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Return what the driver does not give as it is kept: choices and JSON. Its times are aware and UTC already."""
    fields = [*table._meta.db_default_fields, *table._meta.db_complex_fields]  # noqa: SLF001
    assert all(column == name for column, name in table._meta.fields_db_projection.items())  # noqa: SLF001
    return tuple((name, _convert(field)) for _, name, field in fields if not isinstance(field, DatetimeField))


def _convert(field: Any) -> Callable[[Any], Any]:
    choices = getattr(field, "enum_type", None)
    convert: Callable[[Any], Any] = field.to_python_value
    return convert if choices is None else {choice.value: choice for choice in choices}.__getitem__
