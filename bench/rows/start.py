"""How soon a process is ready, and what it takes of memory when it has nothing to do yet."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psutil

from bench.effort import Effort
from bench.measure import Line, Unit
from bench.processes import a_worker, an_api
from bench.world import World
from dunlin.runtime.wiring import Services

NAME = "start"

_ROUNDS = {Effort.SMALLEST: 1, Effort.QUICK: 2, Effort.FULL: 5}
_SETTLING_S = {Effort.SMALLEST: 0.0, Effort.QUICK: 0.5, Effort.FULL: 3.0}


async def measure(world: World, effort: Effort) -> list[Line]:
    lines = []
    async with world.database() as services:
        for name, start in (("dunlin api", _api), ("dunlin worker", a_worker)):
            taken = [await _start(services, start, _SETTLING_S[effort]) for _ in range(_ROUNDS[effort])]
            lines += [
                Line(NAME, "1 process", f"{name}: ready after", [ready for ready, _ in taken], Unit.SECONDS),
                Line(NAME, "1 process", f"{name}: memory at rest", [size for _, size in taken], Unit.MEGABYTES),
            ]
    return lines


@asynccontextmanager
async def _api(services: Services) -> AsyncIterator[int]:
    async with an_api(services) as api:
        yield api.pid


async def _start(
    services: Services, start: Callable[[Services], AbstractAsyncContextManager[int]], settling_s: float
) -> tuple[float, float]:
    """Return the seconds until it was ready, and the MB that it holds in memory after a while."""
    began = time.perf_counter()
    async with start(services) as pid:
        ready = time.perf_counter() - began
        await asyncio.sleep(settling_s)
        return ready, psutil.Process(pid).memory_info().rss / 1e6
