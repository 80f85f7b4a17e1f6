"""Workers under a supervisor: who dies is started again."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from tests.fault.halting import HALTED
from tests.fault.nursery import Child, Nursery
from tests.fault.order import Order, Stage


class Crew:
    """So many workers. `order` says what the next one to start is like."""

    def __init__(self, nursery: Nursery, order: "Callable[[Crew], Order]") -> None:
        self._nursery = nursery
        self._order = order
        self.working: dict[int, tuple[Child, Order]] = {}
        self.ended: Counter[int] = Counter()  # by exit code
        self.halted: Counter[Stage] = Counter()  # by the stage at which one halted

    async def keep_one(self) -> None:
        while True:
            order = self._order(self)
            child = await self._started(order)
            self.working[child.pid] = child, order
            code = await child.wait()
            del self.working[child.pid]
            self.ended[code] += 1
            if order.halt is not None and HALTED in order.log.read_bytes():
                self.halted[order.halt.stage] += 1

    async def _started(self, order: Order) -> Child:
        starting = asyncio.create_task(self._nursery.start(order))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:  # it is born all the same, and nobody would know of it
            child = await starting
            child.kill()
            await child.wait()
            raise

    @property
    def halting(self) -> Counter[Stage]:
        """Return how many that work are to halt at which stage."""
        return Counter(order.halt.stage for _, order in self.working.values() if order.halt is not None)

    @property
    def children(self) -> list[Child]:
        return [child for child, _ in self.working.values()]

    def any_one(self, chance: Random) -> Child | None:
        """Return a random one of those that work, if any does."""
        children = sorted(self.children, key=lambda child: child.pid)
        return chance.choice(children) if children else None


@asynccontextmanager
async def a_crew(nursery: Nursery, size: int, order: Callable[[Crew], Order]) -> AsyncIterator[Crew]:
    crew = Crew(nursery, order)
    keepers = [asyncio.create_task(crew.keep_one()) for _ in range(size)]
    try:
        yield crew
        for keeper in keepers:
            assert not keeper.done(), keeper.exception()
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for child in crew.children:
            child.kill()
        await asyncio.gather(*(child.wait() for child in crew.children))
