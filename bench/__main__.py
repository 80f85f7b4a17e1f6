"""`make bench`: every figure is a ratio of medians of alternated runs in one invocation."""

import asyncio
import os
import platform
from statistics import median

from bench.disconnect import bare_seconds, dunlin_seconds
from bench.dispatch import bare_rate, dunlin_rate
from bench.hostile import hostile_ratios
from bench.latency import door_latencies
from bench.neighbours import neighbour_latencies
from bench.planning import bare_planning_seconds, planning_peak, planning_seconds
from bench.world import running_carrier, running_services

ROUNDS = 5
REMINDERS = 2_000
SINGLE = 60
OPEN_CASES = 100_000
DUE = 5_000


async def _disconnect() -> None:
    dunlin, bare = [], []
    async with running_services("http://127.0.0.1:9") as services:
        for _ in range(3):
            bare.append(await bare_seconds(services, OPEN_CASES))
            dunlin.append(await dunlin_seconds(services, OPEN_CASES))
    print(
        f"disconnect: {median(dunlin):.2f} s with {OPEN_CASES:,} open SMS cases, {median(bare):.2f} s for the bare"
        f" UPDATEs, ratio {median(dunlin) / median(bare):.2f} (3 rounds each)"
    )


async def _planning() -> None:
    few, many, bare = [], [], []
    async with running_services("http://127.0.0.1:9") as services:
        for _ in range(3):
            bare.append(await bare_planning_seconds(services, due=DUE))
            few.append(await planning_seconds(services, due=DUE, ahead=0))
            many.append(await planning_seconds(services, due=DUE, ahead=OPEN_CASES))
        small, large = [await planning_peak(services, due=due) for due in (DUE // 10, DUE)]
    print(
        f"planning: {DUE / median(few):,.0f} due steps/s, {DUE / median(bare):,.0f}/s for the bare INSERT ... SELECT,"
        f" ratio {median(bare) / median(few):.2f}; with {OPEN_CASES:,} more cases open the cost of a due step is"
        f" {median(many) / median(few):.2f} times that (3 rounds each); memory for {DUE:,} due steps"
        f" {large / 1e6:.1f} MB, for {DUE // 10:,} {small / 1e6:.1f} MB"
    )


async def _neighbours() -> None:
    async with running_services("http://127.0.0.1:9") as services:
        measured = zip(("queries", "claims"), await neighbour_latencies(services, OPEN_CASES, 3), strict=True)
    for name, latencies in measured:
        idle, during = median(latencies.idle), median(latencies.during)
        print(
            f"another organization's {name} during that disconnect: {during * 1000:.1f} ms, {idle * 1000:.1f} ms on an"
            f" idle system, ratio {during / idle:.2f}; longest {max(latencies.during) * 1000:.0f} ms and"
            f" {max(latencies.idle) * 1000:.0f} ms ({len(latencies.during)} and {len(latencies.idle)} of them)"
        )


async def _hostile() -> None:
    async with running_services("http://127.0.0.1:9") as services:
        ratios = await hostile_ratios(services, ROUNDS)
    print(f"hostile documents of at most 10 kB, beside the plain page query ({ROUNDS} rounds each; the worst of them):")
    for one in ratios[:10]:
        print(f"  {one.name}: ratio {one.ratio:.1f}, {one.took_ms:.0f} ms beside {one.page_ms:.0f} ms, {one.code}")


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
    await _planning()
    await _disconnect()
    await _neighbours()
    await _hostile()
    latencies = sorted(await door_latencies(SINGLE))
    print(
        f"latency: commit of a due case to the carrier's door, idle system: median {median(latencies) * 1000:.0f} ms,"
        f" 95th percentile {latencies[int(SINGLE * 0.95)] * 1000:.0f} ms ({SINGLE} cases, one by one)"
    )


if __name__ == "__main__":
    asyncio.run(main())
