"""The rows of the demo, collected in memory with their ids before anything is written."""

from collections.abc import Iterator
from typing import TypeVar, cast

from tortoise.models import Model

M = TypeVar("M", bound=Model)


class Rows:
    """Rows by table, in the order in which tables were first used, which must suit their foreign keys."""

    def __init__(self) -> None:
        self._tables: dict[type[Model], list[Model]] = {}

    def next_id(self, table: type[Model]) -> int:
        return len(self._tables.get(table, [])) + 1

    def of(self, table: type[M]) -> list[M]:
        return cast("list[M]", self._tables.get(table, []))

    def add(self, row: M) -> M:
        self._tables.setdefault(type(row), []).append(row)
        return row

    def __iter__(self) -> Iterator[tuple[type[Model], list[Model]]]:
        return iter(self._tables.items())
