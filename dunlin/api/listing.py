"""Lists that hang on rows: one statement reads the pages of all parents that are asked for the same page."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from tortoise.models import Model

from dunlin.api.pages import Order, Page, Span, page_of
from dunlin.domain.store import rows

M = TypeVar("M", bound=Model)
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Condition:
    """What the rows of a list must meet, in SQL about `t`, a row, and `parent`; `{}` stands for `value`."""

    sql: str
    value: str | int | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """A column that must have one of some values. An index on parent, column and order is needed."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing(Generic[M]):
    """A list that rows of one table have of another's. `belongs` says in SQL which rows `t` are those of `parent`."""

    table: type[M]
    belongs: str
    order: Order


@dataclass(frozen=True, slots=True)
class Choice(Generic[M]):
    """What of a list is asked for: entries that meet all conditions, and one of the values."""

    listing: Listing[M]
    conditions: tuple[Condition, ...] = ()
    one_of: OneOf | None = None


Parent: TypeAlias = int
PageKey: TypeAlias = tuple[Choice[Any], Span, Parent]
CountKey: TypeAlias = tuple[Choice[Any], Parent]


async def load_pages(keys: list[PageKey]) -> list[Page[Any]]:
    """Return a page per key, by one statement for all parents of the same choice and span."""
    found: dict[PageKey, Page[Any]] = {}
    for (choice, span), parents in _by_question([((choice, span), parent) for choice, span, parent in keys]).items():
        for parent, entries in (await _read(choice, span, parents)).items():
            found[choice, span, parent] = page_of(entries, span)
    return [found[key] for key in keys]


async def load_counts(keys: list[CountKey]) -> list[int]:
    """Return how many entries there are, by one statement for all parents of the same choice."""
    found: dict[CountKey, int] = {}
    for choice, parents in _by_question(keys).items():
        sql = _Sql()
        counted = f"SELECT count(*) FROM {_name(choice.listing.table)} t WHERE {' AND '.join(_conditions(choice, sql))}"
        given = sql.give(sorted(parents), "bigint[]")
        for row in await rows(f"SELECT parent.id, ({counted}) AS n FROM unnest({given}) AS parent(id)", *sql.values):
            found[choice, row["id"]] = row["n"]
    return [found[key] for key in keys]


def _by_question(keys: Sequence[tuple[K, Parent]]) -> dict[K, set[Parent]]:
    parents: defaultdict[K, set[Parent]] = defaultdict(set)
    for question, parent in keys:
        parents[question].add(parent)
    return parents


class _Sql:
    """The parameters of a statement that is being written."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def give(self, value: object, kind: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


async def _read(choice: Choice[M], span: Span, parents: Collection[Parent]) -> dict[Parent, list[M]]:
    """Return one entry more than the span takes of each parent, in the order of the list."""
    table, order = choice.listing.table, choice.listing.order
    entries: dict[Parent, list[M]] = {parent: [] for parent in parents}
    for row in await _select(choice, span, parents):
        # What Tortoise makes of rows that it has selected itself; it cannot be given such a statement.
        entries[row["parent_id"]].append(table._init_from_db(**row))  # noqa: SLF001
    for of_parent in entries.values():
        of_parent.sort(key=lambda row: int(getattr(row, order.column)), reverse=order.newest_first != span.is_backward)
    return entries


async def _select(choice: Choice[Any], span: Span, parents: Collection[Parent]) -> list[dict[str, Any]]:
    sql, order = _Sql(), choice.listing.order
    conditions = _conditions(choice, sql, is_split=True)
    behind, before = ("<", ">") if order.newest_first else (">", "<")
    if span.after is not None:
        conditions.append(f"t.{order.column} {behind} {sql.give(span.after, 'bigint')}")
    if span.before is not None:
        conditions.append(f"t.{order.column} {before} {sql.give(span.before, 'bigint')}")
    direction = "DESC" if order.newest_first != span.is_backward else "ASC"
    # Written out, not given as a parameter: the planner must know that it is a small number.
    end = f"ORDER BY t.{order.column} {direction} LIMIT {int(span.size) + 1}"
    page = f"SELECT t.* FROM {_name(choice.listing.table)} t WHERE {' AND '.join(conditions)} {end}"
    if choice.one_of is not None:
        # A page of each value, and of these the page: no index has rows of several values in the order of the list.
        values = sql.give(sorted(set(choice.one_of.values)), "text[]")
        page = f"SELECT t.* FROM unnest({values}) AS chosen(value) CROSS JOIN LATERAL ({page}) t {end}"
    given = sql.give(sorted(parents), "bigint[]")
    return await rows(
        f"SELECT parent.id AS parent_id, found.* FROM unnest({given}) AS parent(id) CROSS JOIN LATERAL ({page}) found",
        *sql.values,
    )


def _conditions(choice: Choice[Any], sql: _Sql, *, is_split: bool = False) -> list[str]:
    conditions = [choice.listing.belongs]
    for condition in choice.conditions:
        kind = "bigint" if isinstance(condition.value, int) else "text"
        given = "" if condition.value is None else sql.give(condition.value, kind)
        conditions.append(condition.sql.format(given))
    if choice.one_of is not None and is_split:
        conditions.append(f"t.{choice.one_of.column} = chosen.value")
    elif choice.one_of is not None:
        conditions.append(f"t.{choice.one_of.column} = ANY({sql.give(list(choice.one_of.values), 'text[]')})")
    return conditions


def _name(table: type[Model]) -> str:
    name: str = table._meta.db_table  # noqa: SLF001  Tortoise tells it nowhere else but in a slow description
    return name
