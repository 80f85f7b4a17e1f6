"""The row `dispatch` with two worker processes beside one.

On two cores they share these with PostgreSQL, Valkey and the carrier, which leaves little for the second to win: the
line says how busy the cores are with one. From three cores on, the carrier has the last one for itself.
"""

from functools import partial

import psutil

from bench.carrier import a_carrier
from bench.effort import Effort, Sizes
from bench.measure import AtLeast, Beside, Line, Unit, alternate
from bench.rows.dispatch import worker_rate
from bench.world import World

NAME = "two-workers"

_SIZES = Sizes(smallest=[10], quick=[1_000], full=[5_000])


async def measure(world: World, effort: Effort) -> list[Line]:
    (count,) = _SIZES.of(effort)
    busy: list[float] = []

    async def one(carrier: str) -> float:
        psutil.cpu_percent()
        rate = await worker_rate(world, carrier, count)
        busy.append(max(psutil.cpu_percent(), 0.1))
        return rate

    async with a_carrier() as carrier:
        acts = {"one": partial(one, carrier), "two": partial(worker_rate, world, carrier, count, 2)}
        figures = await alternate(_SIZES.rounds(effort), acts)
    beside = Beside("one worker", figures["one"])
    return [
        Line(NAME, f"{count:,}", "two workers", figures["two"], Unit.PER_SECOND, beside, AtLeast(1.5)),
        Line(NAME, f"{count:,}", "all cores busy meanwhile, with one", busy, Unit.PERCENT),
    ]
