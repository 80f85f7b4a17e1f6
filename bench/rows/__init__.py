"""All rows, one file each, in the order of the table."""

from collections.abc import Sequence
from typing import Protocol

from bench.effort import Effort
from bench.measure import Line
from bench.rows import (
    callbacks,
    deep_page,
    disconnect,
    dispatch,
    hostile,
    latency,
    live,
    neighbours,
    page,
    planning,
    start,
    two_workers,
)
from bench.world import World


class Row(Protocol):
    """A file of this folder. What it measures stands at its top."""

    NAME: str

    async def measure(self, world: World, effort: Effort) -> list[Line]: ...


ROWS: Sequence[Row] = (
    dispatch,
    two_workers,
    callbacks,
    planning,
    disconnect,
    neighbours,
    page,
    deep_page,
    live,
    latency,
    start,
    hostile,
)
