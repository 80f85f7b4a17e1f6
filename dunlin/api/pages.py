"""Relay connections by keyset: a page starts behind a row, not behind a count, so it holds still under inserts."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from asyncpg import Record
from tortoise.models import Model
from tortoise.queryset import QuerySet

from dunlin.api.errors import bad_input

MAX_PAGE = 100
DEFAULT_PAGE = 50

M = TypeVar("M", bound=Model)
N = TypeVar("N")

First = Annotated[
    int | None,
    strawberry.argument(
        description=f"At most so many from the front, 1 to {MAX_PAGE}; {DEFAULT_PAGE} where last is left out, too."
    ),
]
After = Annotated[
    str | None, strawberry.argument(description="Only what follows this cursor, e.g. endCursor of the page before.")
]
Last = Annotated[
    int | None, strawberry.argument(description=f"At most so many from the end, 1 to {MAX_PAGE}; not beside first.")
]
Before = Annotated[
    str | None, strawberry.argument(description="Only what precedes this cursor, e.g. startCursor of the page behind.")
]

_CURSOR = re.compile(r"(?P<list>[a-z-]+(:[0-9]{1,19})?):(?P<key>[0-9]{1,19})")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follows this page.")
    has_previous_page: bool = strawberry.field(description="Whether more precedes this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first entry; null if there is none.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last entry; null if there is none.")


@strawberry.type(description="One entry of a list, with its place.")
class Edge(Generic[N]):
    cursor: str = strawberry.field(
        description="The place of this entry, opaque, to be given back as `after` or `before` of the same list."
    )
    node: N = strawberry.field(description="The entry.")


@strawberry.type(
    description="One page of a list. It holds still while entries are added: a page begins behind an entry, not "
    "behind a number of them."
)
class Connection(Generic[N]):
    edges: list[Edge[N]] = strawberry.field(description="The entries with their cursors.")
    nodes: list[N] = strawberry.field(description="The entries without their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list: by one unique column. Its name, and the row that the list hangs on, are part of cursors."""

    name: str
    column: str = "id"
    newest_first: bool = False
    parent: int | None = None

    def of(self, parent: int) -> "Order":
        """Return the order of the one list that hangs on the row `parent`."""
        return replace(self, parent=parent)

    def cursor(self, key: int) -> str:
        return base64.urlsafe_b64encode(f"{self._list}:{key}".encode()).decode()

    def key(self, cursor: str) -> int:
        """Return the key that a cursor of this list stands for, or raise BAD_USER_INPUT."""
        try:
            plain = base64.urlsafe_b64decode(cursor.encode()).decode()
        except (binascii.Error, ValueError):
            plain = ""
        match = _CURSOR.fullmatch(plain)
        # Written anew and compared, because reading base64 passes over what does not belong to it.
        if match is None or match["list"] != self._list or int(match["key"]) >= 2**63:
            raise bad_input("This is no cursor of this list. Cursors are given back unchanged.")
        if self.cursor(int(match["key"])) != cursor:
            raise bad_input("This cursor has been changed. Cursors are given back unchanged.")
        return int(match["key"])

    @property
    def _list(self) -> str:
        return self.name if self.parent is None else f"{self.name}:{self.parent}"


@dataclass(frozen=True, slots=True)
class Span:
    """A window with its cursors read: rows behind `after` and before `before` in the order of the list."""

    after: int | None
    before: int | None
    size: int
    is_backward: bool


@dataclass(frozen=True, slots=True)
class Window:
    """The four paging arguments."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None

    @property
    def size(self) -> int:
        if self.first is not None and self.last is not None:
            raise bad_input("Give first or last, not both.")
        for name, value in (("first", self.first), ("last", self.last)):
            if value is not None and not 1 <= value <= MAX_PAGE:
                raise bad_input(f"{name} is 1 to {MAX_PAGE}, not {value}.")
        return self.first or self.last or DEFAULT_PAGE

    def span(self, order: Order) -> Span:
        """Return the span in a list of this order; raise BAD_USER_INPUT for a size or a cursor that is none."""
        return Span(
            after=None if self.after is None else order.key(self.after),
            before=None if self.before is None else order.key(self.before),
            size=self.size,
            is_backward=self.last is not None,
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    rows: Sequence[M]
    has_next: bool
    has_previous: bool


async def read_page(query: QuerySet[M], order: Order, window: Window) -> Page[M]:
    """Return one page of `query`: one row more is read, to know whether there is more."""
    span = window.span(order)
    follows, precedes = ("lt", "gt") if order.newest_first else ("gt", "lt")
    if span.after is not None:
        query = query.filter(**{f"{order.column}__{follows}": span.after})
    if span.before is not None:
        query = query.filter(**{f"{order.column}__{precedes}": span.before})
    descending = order.newest_first != span.is_backward
    rows = await query.order_by(("-" if descending else "") + order.column).limit(span.size + 1)
    return page_of(rows, span)


def page_of(rows: Sequence[M], span: Span) -> Page[M]:
    """Return the page of rows that were read from where the span begins, one more than it takes."""
    more, rows = len(rows) > span.size, rows[: span.size]
    if span.is_backward:
        return Page(rows[::-1], has_next=span.before is not None, has_previous=more)
    return Page(rows, has_next=more, has_previous=span.after is not None)


def entries_of(
    page: Page[M], order: Order, shape: Callable[[M], N], *, has_edges: bool = True
) -> tuple[list[Edge[N]], list[N], PageInfo]:
    """Return the entries of a page with their cursors, if these are wanted, and without, and where it lies."""

    def cursor(row: Any) -> str:
        return order.cursor(row[order.column] if row.__class__ is Record else getattr(row, order.column))

    rows = page.rows
    nodes = [shape(row) for row in rows]
    edges = [Edge(cursor=cursor(row), node=node) for row, node in zip(rows, nodes, strict=True)] if has_edges else []
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=cursor(rows[0]) if rows else None,
        end_cursor=cursor(rows[-1]) if rows else None,
    )
    return edges, nodes, info


def connection_of(page: Page[M], order: Order, shape: Callable[[M], N]) -> Connection[N]:
    edges, nodes, info = entries_of(page, order, shape)
    return Connection(edges=edges, nodes=nodes, page_info=info)
