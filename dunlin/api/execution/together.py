"""Showing many rows of one kind together, a column at a time: each step is one call for all of them.

What is not as it usually is raises an error; then each row is shown by itself, and what is wrong is found in its place.
Nothing but values is looked at here, so that they can be looked at twice.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, TypeAlias

from graphql import GraphQLNonNull, GraphQLOutputType

from dunlin.api.execution.leaf import choices_of
from dunlin.api.execution.run import Unusual

# Takes rows, and returns a value for each.
Column: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]

_PLAIN: dict[str, type] = {"String": str, "ID": str, "Boolean": bool}


def all_of(columns: dict[str, Column]) -> Column:
    """Return what shows objects, by the columns that each has under a name."""
    names = tuple(columns)

    def show(rows: Sequence[Any]) -> list[dict[str, Any]]:
        shown = [column(rows) for column in columns.values()]
        return [dict(zip(names, values, strict=True)) for values in zip(*shown, strict=True)]

    return show


def same(value: object) -> Column:
    return lambda rows: list(repeat(value, len(rows)))


def read(gets: Sequence[Callable[[Any], Any]], make: Callable[..., Any] | None) -> Column:
    """Return what reads the values of rows that `make` makes of what `gets` read; of one only, if there is none."""
    if make is None:
        (get,) = gets
        return lambda rows: list(map(get, rows))
    return lambda rows: list(map(make, *[map(get, rows) for get in gets]))


def leaves(kind: GraphQLOutputType, values: Column) -> Column:
    """Return what shows scalars or members of an enum."""
    inner: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    show, may_be_null = _shown(inner), inner is kind

    def column(rows: Sequence[Any]) -> Sequence[Any]:
        given = values(rows)
        if None not in given:
            return show(given)
        if not may_be_null:
            raise Unusual(None)
        return _around_null(given, show)

    return column


def objects(kind: GraphQLOutputType, values: Column, show: Column, of: type) -> Column:
    """Return what shows objects of one class that rows are made into."""
    may_be_null = not isinstance(kind, GraphQLNonNull)

    def show_all(given: Sequence[Any]) -> Sequence[Any]:
        if set(map(type, given)) - {of}:
            raise Unusual(given)
        return show(given)

    def column(rows: Sequence[Any]) -> Sequence[Any]:
        given = values(rows)
        return _around_null(given, show_all) if may_be_null else show_all(given)

    return column


def _shown(kind: Any) -> Column:
    if choices := choices_of(kind):
        return lambda given: list(map(choices.__getitem__, given))
    coerce = kind.coerce_output_value
    plain = str if coerce is str else _PLAIN.get(kind.name)
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


def _around_null(given: Sequence[Any], show: Column) -> Sequence[Any]:
    shown = iter(show([value for value in given if value is not None]))
    return [None if value is None else next(shown) for value in given]
