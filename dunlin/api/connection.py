"""Connections of lists that hang on rows, read by the loaders: so many statements for a hundred parents as for one."""

from collections.abc import Callable
from typing import TypeVar

from tortoise.models import Model

from dunlin.api.context import Info
from dunlin.api.listing import Choice
from dunlin.api.pages import Connection, Edge, PageInfo, Window, edges_of

M = TypeVar("M", bound=Model)
N = TypeVar("N")


async def read_edges(
    info: Info, choice: Choice[M], parent: int, window: Window, shape: Callable[[M], N]
) -> tuple[list[Edge[N]], PageInfo]:
    """Return a page of the list that hangs on the row `parent`."""
    order = choice.listing.order.of(parent)
    page = await info.context.loaders.pages.load((choice, window.span(order), parent))
    return edges_of(page, order, shape)


async def read_connection(
    info: Info, choice: Choice[M], parent: int, window: Window, shape: Callable[[M], N]
) -> Connection[N]:
    edges, page_info = await read_edges(info, choice, parent, window, shape)
    return Connection(edges=edges, nodes=[edge.node for edge in edges], page_info=page_info)


async def count(info: Info, choice: Choice[M], parent: int) -> int:
    """Return how many entries there are on all pages."""
    return await info.context.loaders.counts.load((choice, parent))
