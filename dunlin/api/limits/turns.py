"""How many operations of one account run at a time in a process, so that nobody has all of its connections.

The others wait, in their order. A page that asks for twenty things at once is not refused for it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

AT_ONCE = 8  # of the ten connections to the database that a process has
MOST_WAITING = 200
LONGEST_WAIT_S = 10.0


@dataclass(slots=True)
class _Line:
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    present: int = 0


class NotItsTurn(Exception):
    """It did not become the turn of an operation for as long as one may wait."""


class Turns:
    """All tokens and users of an account wait in one line: its connections are no more for having many tokens."""

    def __init__(self) -> None:
        self._lines: dict[int, _Line] = {}

    def present(self, account_id: int) -> int:
        """Return how many operations of the account run or wait."""
        line = self._lines.get(account_id)
        return 0 if line is None else line.present

    def is_full(self, account_id: int) -> bool:
        """Return whether so many operations of the account wait that no more are taken."""
        return self.present(account_id) >= AT_ONCE + MOST_WAITING

    @asynccontextmanager
    async def turn(self, account_id: int) -> AsyncIterator[None]:
        """Wait until it is the account's turn, and have it as long as a `with` lasts; or raise `NotItsTurn`."""
        line = self._lines.setdefault(account_id, _Line())
        line.present += 1
        try:
            await _acquire(line.places)
            try:
                yield
            finally:
                line.places.release()
        finally:
            line.present -= 1
            if not line.present:
                del self._lines[account_id]

    @property
    def is_empty(self) -> bool:
        return not self._lines


async def _acquire(places: asyncio.Semaphore) -> None:
    if not places.locked():
        await places.acquire()  # at once
        return
    try:
        async with asyncio.timeout(LONGEST_WAIT_S):
            await places.acquire()
    except TimeoutError as error:
        raise NotItsTurn from error
