"""Showing many rows of one kind together, a column at a time: each step is one call for all of them.

What is not as it usually is raises an error; then each row is shown by itself, and what is wrong is found in its place.
Nothing but values is looked at here, so that they can be looked at twice.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import repeat
from types import NoneType
from typing import Any, TypeAlias

from graphql import GraphQLNonNull, GraphQLOutputType

from dunlin.api.execution.leaf import choices_of, plain_of
from dunlin.api.execution.rows import Made
from dunlin.api.execution.run import Unusual

# Takes rows, and returns a value for each.
Column: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]

# orjson, which writes every answer, writes these as their scalars do, in a tenth of the time: times of rows are in UTC.
_WRITTEN_ALIKE: dict[Any, type] = {datetime.isoformat: datetime, date.isoformat: date}


def all_of(columns: dict[str, Column]) -> Column:
    """Return what shows objects, by the columns that each has under a name."""

    def show(rows: Sequence[Any]) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = [{} for _ in rows]
        for name, column in columns.items():  # a third of the time of making each whole
            for one, value in zip(shown, column(rows), strict=True):
                one[name] = value
        return shown

    return show


def same(value: object) -> Column:
    return lambda rows: list(repeat(value, len(rows)))


def read(get: Callable[[Any], Any]) -> Column:
    return lambda rows: list(map(get, rows))


def made(made: Made, gets: Sequence[Callable[[Any], Any]]) -> Column:
    """Return the values of a field that is made of what `gets` read of each row."""
    make, make_all = made.make, made.make_all
    if make is None:
        return read(gets[0])
    if make_all is not None:
        column = read(gets[0])
        return lambda rows: make_all(column(rows))
    return lambda rows: list(map(make, *[map(get, rows) for get in gets]))


def leaves(kind: GraphQLOutputType, values: Column) -> Column:
    """Return what shows scalars or members of an enum."""
    inner: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    show = _shown(inner)
    return _or_null(values, show) if inner is kind else lambda rows: show(values(rows))


def choices(kind: GraphQLOutputType, get: Callable[[Any], Any]) -> Column:
    """Return what shows members of an enum by their values, as the database has them."""
    inner: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    shown = {member.value: name for member, name in choices_of(inner).items()}
    if inner is kind:
        shown[None] = None
    return lambda rows: list(map(shown.__getitem__, map(get, rows)))


def objects(kind: GraphQLOutputType, values: Column, show: Column, of: type) -> Column:
    """Return what shows objects of one class that rows are made into."""

    def show_all(given: Sequence[Any]) -> Sequence[Any]:
        if set(map(type, given)) - {of}:
            raise Unusual(given)
        return show(given)

    return (lambda rows: show_all(values(rows))) if isinstance(kind, GraphQLNonNull) else _or_null(values, show_all)


def _shown(kind: Any) -> Column:
    """Return what shows values of which none is null, and refuses null."""
    if named := choices_of(kind):
        return lambda given: list(map(named.__getitem__, given))
    coerce = kind.coerce_output_value
    plain = _WRITTEN_ALIKE.get(coerce) or plain_of(kind)
    if plain is None:
        return lambda given: _without_null(map(coerce, given))

    def as_it_is(given: Sequence[Any]) -> Sequence[Any]:
        if set(map(type, given)) - {plain}:
            raise Unusual(given)
        return given

    return as_it_is


def _without_null(shown: Iterable[Any]) -> Sequence[Any]:
    given = list(shown)
    if None in given:
        raise Unusual(None)
    return given


def _or_null(values: Column, show: Column) -> Column:
    def column(rows: Sequence[Any]) -> Sequence[Any]:
        given = values(rows)
        if NoneType not in set(map(type, given)):  # seldom is any; to compare decimals with None takes long
            return show(given)
        shown = iter(show([value for value in given if value is not None]))
        return [None if value is None else next(shown) for value in given]

    return column
