"""`make bench`: every figure is a ratio of medians of alternated runs in one invocation."""

import asyncio
import os
import platform
from statistics import median

from bench.dispatch import bare_rate, dunlin_rate
from bench.latency import door_latencies
from bench.world import running_carrier, running_services

ROUNDS = 5
REMINDERS = 2_000
SINGLE = 60


async def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    dunlin, bare = [], []
    async with running_carrier() as carrier, running_services(carrier) as services:
        for _ in range(ROUNDS):
            bare.append(await bare_rate(carrier, REMINDERS))
            dunlin.append(await dunlin_rate(services, REMINDERS))
    ratio = median(dunlin) / median(bare)
    print(
        f"dispatch: {median(dunlin):,.0f}/s through one worker, {median(bare):,.0f}/s bare posts, ratio {ratio:.2f}"
        f" ({REMINDERS:,} reminders, {ROUNDS} rounds each, the carrier answers after 20 ms)"
    )
    latencies = sorted(await door_latencies(SINGLE))
    print(
        f"latency: commit of a due case to the carrier's door, idle system: median {median(latencies) * 1000:.0f} ms,"
        f" 95th percentile {latencies[int(SINGLE * 0.95)] * 1000:.0f} ms ({SINGLE} cases, one by one)"
    )


if __name__ == "__main__":
    asyncio.run(main())
