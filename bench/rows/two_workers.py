"""The row `dispatch` with two worker processes beside one.

On two cores they share these with PostgreSQL, Valkey and the carrier, which leaves little for the second to win: the
line says how busy the cores are with one. From three cores on, the carrier has the last one for itself.
"""

from functools import partial

import psutil

from bench.carrier import a_carrier
from bench.effort import Effort, Sizes
from bench.measure import AtLeast, Beside, Line, Unit, alternate, growth, inverse
from bench.rows.dispatch import worker_rate
from bench.world import World

NAME = "two-workers"

_SIZES = Sizes(smallest=[10], quick=[1_000], full=[100, 1_000, 10_000], quick_rounds=2, full_rounds=3)


async def measure(world: World, effort: Effort) -> list[Line]:
    sizes = _SIZES.of(effort)
    largest = sizes[-1]
    busy: list[float] = []

    async def one(carrier: str) -> float:
        psutil.cpu_percent()
        rate = await worker_rate(world, carrier, largest)
        busy.append(max(psutil.cpu_percent(), 0.1))
        return rate

    async with a_carrier() as carrier:
        acts = {size: partial(worker_rate, world, carrier, size, 2) for size in sizes}
        figures = await alternate(_SIZES.rounds(effort), {0: partial(one, carrier), **acts})
    beside = Beside("one worker", figures[0])
    return [
        Line(NAME, f"{largest:,}", "two workers", figures[largest], Unit.PER_SECOND, beside, AtLeast(1.5)),
        Line(NAME, f"{largest:,}", "all cores busy meanwhile, with one", busy, Unit.PERCENT),
        *growth(NAME, "reminder", {size: inverse(figures[size]) for size in sizes}),
    ]
