"""Types that show a row of a table, so that lists of them can be shown straight from the rows that are read.

Only the columns that are selected are read then, and rows that these refer to come with them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tortoise.models import Model

from dunlin.api.ids import encode_id, encode_ids


@dataclass(frozen=True, slots=True)
class Made:
    """What a field is made of: one column as it is, or some columns by `make`.

    `make_all` takes the values of one column of many rows, and comes to the same in less time. `parts` are those fields
    of what is made which show the columns as they are.
    """

    columns: tuple[str, ...]
    make: Callable[..., Any] | None = None
    make_all: Callable[[Sequence[Any]], Sequence[Any]] | None = None
    parts: tuple[str, ...] = ()

    def of(self, row: Any) -> Any:
        values = [getattr(row, column) for column in self.columns]
        return values[0] if self.make is None else self.make(*values)


@dataclass(frozen=True, slots=True)
class Relation:
    """A field that shows the row that a column refers to. There always is one, of the same organization."""

    column: str
    shape: Callable[[], "Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a type shows a row, by the names that its fields have in Python.

    `masked` are those that are made otherwise for who may not see them. What is in none of these needs the row itself.
    """

    table: type[Model]
    made: Mapping[str, Made]
    masked: Mapping[str, Made] = field(default_factory=dict)
    relations: Mapping[str, Relation] = field(default_factory=dict)

    def made_for(self, *, may_see: bool) -> Mapping[str, Made]:
        return self.made if may_see else {**self.made, **self.masked}

    def values_of(self, row: Model, *, may_see: bool = True) -> dict[str, Any]:
        """Return the values of the fields of one object."""
        return {name: made.of(row) for name, made in self.made_for(may_see=may_see).items()}


def columns(*names: str) -> dict[str, Made]:
    """Return fields that show the columns of their names."""
    return {name: Made((name,)) for name in names}


def id_of(type_name: str) -> Made:
    """Return a global id as a field."""
    return Made(("id",), partial(encode_id, type_name), partial(encode_ids, type_name))


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is read with a list, in SQL about its rows, `found`: columns with their names in a record, and joins.

    `has_edges` says whether entries are shown with their cursors.
    """

    columns: tuple[tuple[str, str], ...]
    joins: tuple[str, ...]
    has_edges: bool
