"""Lists that hang on rows: one statement reads the pages of all parents that are asked for the same page."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeAlias, TypeVar

from tortoise.models import Model

from dunlin.api.execution.rows import Ahead
from dunlin.api.pages import Order, Page, Span, page_of
from dunlin.domain.records import name_of, record_of, select

M = TypeVar("M", bound=Model)
K = TypeVar("K")

Given: TypeAlias = str | int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """The index by which a list is read: its columns before the one of the order, and SQL that tells their values.

    `values` is a SELECT about `parent`, of one row or, for a list of several such walks, of some; `{}` stands for
    `given`. No two of its rows are alike.
    """

    columns: tuple[str, ...]
    values: str = "SELECT parent.id"
    given: Given | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What the rows of a list must meet besides, in SQL about `t`, a row. Those that do not are read all the same."""

    sql: str
    given: Given | None = None


@dataclass(frozen=True, slots=True)
class Listing(Generic[M]):
    """A list that rows of one table have of another's."""

    table: type[M]
    walk: Walk
    order: Order


@dataclass(frozen=True, slots=True)
class Choice(Generic[M]):
    """What of a list is asked for: what lies on `walk`, which is the list's own if none is given."""

    listing: Listing[M]
    conditions: tuple[Condition, ...] = ()
    walk: Walk | None = None

    @property
    def way(self) -> Walk:
        return self.walk or self.listing.walk


Parent: TypeAlias = int
PageKey: TypeAlias = tuple[Choice[Any], Span, Ahead | None, Parent]
CountKey: TypeAlias = tuple[Choice[Any], Parent]


async def load_pages(keys: list[PageKey]) -> list[Page[Any]]:
    """Return a page per key, by one statement for all parents of the same choice and span: of records, if `Ahead`."""
    found: dict[PageKey, Page[Any]] = {}
    for question, parents in _by_question([(key[:3], key[3]) for key in keys]).items():
        for parent, entries in (await _read(*question, parents)).items():
            found[*question, parent] = page_of(entries, question[1])
    return [found[key] for key in keys]


async def load_counts(keys: list[CountKey]) -> list[int]:
    """Return how many entries there are, by one statement for all parents of the same choice."""
    found: dict[CountKey, int] = {}
    for choice, parents in _by_question(keys).items():
        for row in await _count(choice, parents):
            found[choice, row["parent_id"]] = row["n"]
    return [found[key] for key in keys]


def _by_question(keys: Sequence[tuple[K, Parent]]) -> dict[K, set[Parent]]:
    parents: defaultdict[K, set[Parent]] = defaultdict(set)
    for question, parent in keys:
        parents[question].add(parent)
    return parents


async def _read(
    choice: Choice[Any], span: Span, ahead: Ahead | None, parents: Collection[Parent]
) -> dict[Parent, list[Any]]:
    """Return one entry more than the span takes of each parent, in the order of the list."""
    table, order = choice.listing.table, choice.listing.order
    entries: dict[Parent, list[Any]] = {parent: [] for parent in parents}
    for row in await _select(choice, span, ahead, parents):
        entries[row["parent_id"]].append(record_of(table, row.items()) if ahead is None else row)
    key = attrgetter(order.column) if ahead is None else itemgetter(order.column)
    for of_parent in entries.values():
        of_parent.sort(key=key, reverse=order.newest_first != span.is_backward)
    return entries


async def _select(choice: Choice[Any], span: Span, ahead: Ahead | None, parents: Collection[Parent]) -> Sequence[Any]:
    """Return the rows, with their `parent_id`: of each walk a page in the order of its index, and of these the page.

    The values of the columns are given as bounds, not as equal: else the planner may take an index of the order alone,
    and read past the rows of everybody else.
    """
    sql, order, columns = _Sql(), choice.listing.order, choice.way.columns
    place = f"t.{order.column}"
    low, high = (span.before, span.after) if order.newest_first else (span.after, span.before)
    direction = "DESC" if order.newest_first != span.is_backward else "ASC"
    # Written out, not given as a parameter: the planner must know that it is a small number.
    limit = f"LIMIT {int(span.size) + 1}"
    walk = ", ".join(f"{column} {direction}" for column in (*columns, place))
    conditions = [_bound(">", columns, place, low, sql), _bound("<", columns, place, high, sql), *_others(choice, sql)]
    page = f"SELECT t.* FROM {name_of(choice.listing.table)} t WHERE {' AND '.join(conditions)} ORDER BY {walk} {limit}"
    pages = (
        f"SELECT t.* FROM {_chosen(choice.way, sql)} CROSS JOIN LATERAL ({page}) t ORDER BY {place} {direction} {limit}"
    )
    of_parents = f"unnest({sql.give(sorted(parents), 'bigint[]')}) AS parent(id) CROSS JOIN LATERAL ({pages}) found"
    shown, joins = _shown(ahead, order.column)
    return await select(f"SELECT parent.id AS parent_id, {shown} FROM {of_parents} {joins}", *sql.given)


def _shown(ahead: Ahead | None, key: str) -> tuple[str, str]:
    """Return what is read of each row that is found, and what with it."""
    if ahead is None:
        return "found.*", ""
    columns = {key: f'found."{key}"', **dict(ahead.columns)}
    return ", ".join(f'{value} AS "{name}"' for name, value in columns.items()), " ".join(ahead.joins)


async def _count(choice: Choice[Any], parents: Collection[Parent]) -> Sequence[Any]:
    sql, columns = _Sql(), choice.way.columns
    conditions = [f"{column} = {value}" for column, value in zip(columns, _values(columns), strict=True)]
    conditions += _others(choice, sql)
    joined = f"{_chosen(choice.way, sql)} JOIN {name_of(choice.listing.table)} t ON {' AND '.join(conditions)}"
    parent = sql.give(sorted(parents), "bigint[]")
    return await select(
        f"SELECT parent.id AS parent_id, (SELECT count(*) FROM {joined}) AS n FROM unnest({parent}) AS parent(id)",
        *sql.given,
    )


class _Sql:
    """The parameters of a statement that is being written."""

    def __init__(self) -> None:
        self.given: list[object] = []

    def give(self, value: object, kind: str) -> str:
        self.given.append(value)
        return f"${len(self.given)}::{kind}"


def _bound(side: str, columns: tuple[str, ...], place: str, key: int | None, sql: _Sql) -> str:
    """Return what lies on one side of a key of the walk; of all of the walk where there is no key."""
    values = ", ".join(_values(columns))
    if key is None:
        return f"({', '.join(columns)}) {side}= ({values})"
    return f"({', '.join((*columns, place))}) {side} ({values}, {sql.give(key, 'bigint')})"


def _values(columns: tuple[str, ...]) -> list[str]:
    return [f"chosen.value_{number}" for number, _ in enumerate(columns)]


def _chosen(walk: Walk, sql: _Sql) -> str:
    """Return the values of a walk's columns, as a table `chosen`."""
    names = ", ".join(f"value_{number}" for number, _ in enumerate(walk.columns))
    given = "" if walk.given is None else sql.give(*_typed(walk.given))
    return f"({walk.values.format(given)}) AS chosen({names})"


def _others(choice: Choice[Any], sql: _Sql) -> list[str]:
    return [
        condition.sql.format("" if condition.given is None else sql.give(*_typed(condition.given)))
        for condition in choice.conditions
    ]


def _typed(given: Given) -> tuple[object, str]:
    match given:
        case tuple():
            return sorted(set(given)), "text[]"
        case int():
            return given, "bigint"
        case str():
            return given, "text"
