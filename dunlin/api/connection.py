"""Connections of lists that hang on rows, read by the loaders: so many statements for a hundred parents as for one."""

from collections.abc import Callable
from typing import TypeVar

from tortoise.models import Model

from dunlin.api.context import Info
from dunlin.api.listing import Choice
from dunlin.api.pages import Connection, Edge, Order, PageInfo, Window, edges_of

M = TypeVar("M", bound=Model)
N = TypeVar("N")


async def read_edges(
    info: Info, choice: Choice[M], parent: int, window: Window, shape: Callable[[M], N], order: Order | None = None
) -> tuple[list[Edge[N]], PageInfo]:
    """Return a page of the list that hangs on the row `parent`. `order` writes cursors otherwise than the list's."""
    written = order or choice.listing.order
    page = await info.context.loaders.pages.load((choice, window.span(written), parent))
    return edges_of(page, written, shape)


async def read_connection(
    info: Info, choice: Choice[M], parent: int, window: Window, shape: Callable[[M], N], order: Order | None = None
) -> Connection[N]:
    edges, page_info = await read_edges(info, choice, parent, window, shape, order)
    return Connection(edges=edges, nodes=[edge.node for edge in edges], page_info=page_info)


async def count(info: Info, choice: Choice[M], parent: int) -> int:
    """Return how many entries there are on all pages."""
    return await info.context.loaders.counts.load((choice, parent))
