"""Connections of lists that hang on rows, read by the loaders: so many statements for a hundred parents as for one."""

from collections.abc import Callable
from typing import TypeVar

from tortoise.models import Model

from dunlin.api.context import Info
from dunlin.api.execution.rows import Ahead
from dunlin.api.execution.run import Nodes
from dunlin.api.listing import Choice
from dunlin.api.pages import Connection, Edge, PageInfo, Window, entries_of

M = TypeVar("M", bound=Model)
N = TypeVar("N")


async def read_entries(
    info: Info, choice: Choice[M], parent: int, window: Window, shape: Callable[[M], N]
) -> tuple[list[Edge[N]], list[N], PageInfo]:
    """Return a page of the list that hangs on the row `parent`: with its cursors, without them, and where it lies.

    Where a query was compiled so, the entries are records, and the cursors are left out that are not selected.
    """
    order, ahead = choice.listing.order.of(parent), ahead_of(info)
    page = await info.context.loaders.pages.load((choice, window.span(order), ahead, parent))
    if ahead is None:
        return entries_of(page, order, shape)
    return entries_of(page, order, lambda record: record, has_edges=ahead.has_edges)


def ahead_of(info: Info) -> Ahead | None:
    """Return what a list is to be read with: what is selected of its entries, if that can be shown from records."""
    nodes = info._raw_info.field_nodes  # noqa: SLF001  Strawberry shows it in another form, which is slow to make
    return nodes.ahead if isinstance(nodes, Nodes) else None


async def read_connection(
    info: Info, choice: Choice[M], parent: int, window: Window, shape: Callable[[M], N]
) -> Connection[N]:
    edges, nodes, page_info = await read_entries(info, choice, parent, window, shape)
    return Connection(edges=edges, nodes=nodes, page_info=page_info)


async def count(info: Info, choice: Choice[M], parent: int) -> int:
    """Return how many entries there are on all pages."""
    return await info.context.loaders.counts.load((choice, parent))
