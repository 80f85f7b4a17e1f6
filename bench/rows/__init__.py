"""All rows, one file each, in the order of the table."""

from collections.abc import Sequence
from typing import Protocol

from bench.effort import Effort
from bench.measure import Line
from bench.rows import callbacks, dispatch, live, page
from bench.world import World


class Row(Protocol):
    """A file of this folder. What it measures stands at its top."""

    NAME: str

    async def measure(self, world: World, effort: Effort) -> list[Line]: ...


ROWS: Sequence[Row] = (dispatch, callbacks, page, live)
