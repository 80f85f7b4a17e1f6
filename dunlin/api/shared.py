"""One answer for everybody who asks while it is being found."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """What `read` returns or raises; it runs once at a time, however many ask."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._asked: asyncio.Task[T] | None = None

    async def get(self) -> T:
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asked)  # who goes away takes the answer from nobody else

    async def _ask(self) -> T:
        return await self._read()
