"""Finding many things by one call: what is asked for while a call runs shares the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MOST_TOGETHER = 200


class Gathered(Generic[K, V]):
    """Finds by `find` what there is of many keys, in the order in which they were asked for, each once.

    A call runs at a time; one that fails, fails for all who share it.
    """

    def __init__(self, find: Callable[[list[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._find = find
        self._asked: list[tuple[K, asyncio.Future[V | None]]] = []
        self._finding: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """Return what there is of `key`, as of a moment after the call."""
        found: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._asked.append((key, found))
        if self._finding is None:
            self._finding = asyncio.create_task(self._find_all())
        return await found

    async def _find_all(self) -> None:
        while self._asked:
            group, self._asked = self._asked[:_MOST_TOGETHER], self._asked[_MOST_TOGETHER:]
            waiting = [(key, found) for key, found in group if not found.done()]  # others have gone away
            if waiting:
                await self._find_group(waiting)
        self._finding = None

    async def _find_group(self, group: list[tuple[K, asyncio.Future[V | None]]]) -> None:
        try:
            values = await self._find(list(dict.fromkeys(key for key, _ in group)))
        except Exception as error:
            for _, found in group:
                if not found.done():
                    found.set_exception(error)
            return
        for key, found in group:
            if not found.done():
                found.set_result(values.get(key))
