"""How many operations of one caller run at a time in a process, so that nobody has all of its connections.

The others wait, in their order. A page that asks for twenty things at once is not refused for it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

AT_ONCE = 8  # of the ten connections to the database that a process has
MOST_WAITING = 200


@dataclass(slots=True)
class _Line:
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    present: int = 0


class Turns:
    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def is_full(self, caller: str) -> bool:
        """Return whether so many operations of the caller wait that no more are taken."""
        line = self._lines.get(caller)
        return line is not None and line.present >= AT_ONCE + MOST_WAITING

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait until it is the caller's turn, and have it as long as a `with` lasts."""
        line = self._lines.setdefault(caller, _Line())
        line.present += 1
        try:
            async with line.places:
                yield
        finally:
            line.present -= 1
            if not line.present:
                del self._lines[caller]

    @property
    def is_empty(self) -> bool:
        return not self._lines
