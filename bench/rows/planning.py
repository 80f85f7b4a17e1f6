"""Planning what is due, so many steps a round, among few and among many open cases that are not due.

Each number of open cases has a database of its own; each round has new due cases, of an organization of their own. The
limit and what one would write are measured among the fewest.
"""

import time
import tracemalloc
from datetime import UTC, date, datetime
from functools import partial

from bench.beside.planning_insert import insert_seconds
from bench.beside.planning_loop import loop_seconds
from bench.cases import an_organization, open_many
from bench.effort import Effort, Sizes
from bench.measure import AtMost, Beside, Line, Unit, alternate, growth
from bench.world import World
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services

NAME = "planning"

_OPEN = Sizes(smallest=[20, 40], quick=[1_000, 100_000], full=[10_000, 100_000, 1_000_000], full_rounds=3)
_DUE = {Effort.SMALLEST: 10, Effort.QUICK: 1_000, Effort.FULL: 10_000}
_MOST_ONE_BY_ONE = 500


async def measure(world: World, effort: Effort) -> list[Line]:
    sizes, due = _OPEN.of(effort), _DUE[effort]
    async with world.databases(len(sizes)) as names:
        databases = dict(zip(sizes, names, strict=True))
        for size, name in databases.items():
            await _fill(world, name, size)
        acts = {("dunlin", size): partial(_plan, world, name, due) for size, name in databases.items()}
        acts[("limit", due)] = partial(_insert, world, names[0], due)
        acts[("other", due)] = partial(_loop, world, names[0], min(due, _MOST_ONE_BY_ONE))
        figures = await alternate(_OPEN.rounds(effort), acts)
        peaks = [await _peak(world, names[0], count) for count in (due // 10, due)]
    few, many = sizes[0], sizes[-1]
    costs = {size: figures[("dunlin", size)] for size in sizes}
    ours = [1 / cost for cost in costs[few]]
    limit = Beside("INSERT ... SELECT", [1 / cost for cost in figures[("limit", due)]])
    other = Beside("loop over cases", [1 / cost for cost in figures[("other", due)]])
    among_few = Beside(f"among {few:,}", [cost * 1e6 for cost in costs[few]])
    among_many = [cost * 1e6 for cost in costs[many]]
    memory = Beside(f"for {due // 10:,}", [peaks[0]])
    return [
        Line(NAME, f"{due:,} due", f"steps, {few:,} cases open", ours, Unit.PER_SECOND, limit),
        Line(NAME, f"{due:,} due", f"steps, {few:,} cases open", ours, Unit.PER_SECOND, other),
        Line(NAME, f"{due:,} due", f"a step among {many:,}", among_many, Unit.MICROSECONDS, among_few, AtMost(1.3)),
        *growth(NAME, "due step", costs),
        Line(NAME, f"{due:,} due", "memory at its peak", [peaks[1]], Unit.MEGABYTES, memory),
    ]


async def _fill(world: World, name: str, ahead: int) -> None:
    """Put in open cases that are not due for long."""
    async with world.opened(name) as services:
        next_year = date(datetime.now(UTC).year + 1, 1, 1)
        await open_many(services, await an_organization(services), ahead, due_on=next_year)
        await rows("VACUUM ANALYZE")


async def _due(services: Services, count: int) -> int:
    """Put in cases that are due, and return their organization."""
    organization = await an_organization(services)
    await open_many(services, organization, count)
    for table in ("customer", "collection_case", "case_step", "reminder"):
        await rows(f"VACUUM ANALYZE {table}")
    return organization.id


async def _plan(world: World, name: str, count: int) -> float:
    """Return the seconds that a due step takes."""
    async with world.opened(name) as services:
        await _due(services, count)
        began = time.perf_counter()
        assert await _plan_all(services) == count
        return (time.perf_counter() - began) / count


async def _insert(world: World, name: str, count: int) -> float:
    async with world.opened(name) as services:
        return await insert_seconds(await _due(services, count), count) / count


async def _loop(world: World, name: str, count: int) -> float:
    async with world.opened(name) as services:
        return await loop_seconds(await _due(services, count), count) / count


async def _peak(world: World, name: str, count: int) -> float:
    """Return the most memory, in MB, that Python's objects took while so many steps were planned."""
    async with world.opened(name) as services:
        await _due(services, count)
        tracemalloc.start()
        await _plan_all(services)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak / 1e6


async def _plan_all(services: Services) -> int:
    planned = 0
    while taken := await plan_reminders(services.store, datetime.now(UTC)):
        planned += taken
    return planned
