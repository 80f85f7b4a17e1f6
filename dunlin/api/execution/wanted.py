"""What of rows is read ahead, with the list that they are in."""

from collections.abc import Sequence
from operator import itemgetter

from tortoise.models import Model

from dunlin.api.execution.rows import Ahead, Made, Relation
from dunlin.api.execution.showing import Read
from dunlin.domain.records import conversion_of, is_choice, name_of


class Wanted:
    """The columns and joins that a selection takes, in SQL about rows `found`, under names that begin with `prefix`."""

    def __init__(
        self, prefix: str = "", columns: dict[str, str] | None = None, joins: dict[str, str] | None = None
    ) -> None:
        self._prefix = prefix
        self._row = f'"{prefix}"' if prefix else "found"
        self._columns: dict[str, str] = {} if columns is None else columns
        self._joins: dict[str, str] = {} if joins is None else joins

    def ahead(self, *, has_edges: bool) -> Ahead:
        return Ahead(tuple(self._columns.items()), tuple(self._joins.values()), has_edges)

    def along(self, name: str, relation: Relation) -> "Wanted":
        """Return what adds to the same as this, but about the row that one is related to."""
        inner = Wanted(f"{self._prefix}{name}.", self._columns, self._joins)
        row, table = inner._row, name_of(relation.shape().table)
        self._joins[row] = f'JOIN "{table}" AS {row} ON {row}.id = {self._row}."{relation.column}"'
        return inner

    def columns_of(self, made: Made, table: type[Model]) -> Sequence[Read]:
        """Return how the columns that a field is made of are read from a record."""
        return [self._column(column, table) for column in made.columns]

    def choice_of(self, made: Made, table: type[Model]) -> Read | None:
        """Return how the value of the one choice is read that a field shows; None if it shows something else."""
        if made.make is not None or not is_choice(table, made.columns[0]):
            return None
        return itemgetter(self._prefix + made.columns[0])

    def _column(self, column: str, table: type[Model]) -> Read:
        name, convert = self._prefix + column, conversion_of(table, column)
        self._columns[name] = f'{self._row}."{column}"'
        if convert is None:
            return itemgetter(name)
        return lambda record: None if (value := record[name]) is None else convert(value)
