"""Runs rows of the bench at their smallest size, on the servers that the environment names, and prints their lines.

In a process of its own, because it opens and closes what the tests' own process has open.
"""

import json
import sys

import uvloop

from bench.effort import Effort
from bench.machine import describe_machine
from bench.results import headed_table, plain
from bench.rows import ROWS
from bench.world import world_on
from dunlin.runtime.settings import read_settings


async def _run(names: list[str]) -> None:
    async with world_on(read_settings()) as world:
        async with world.database() as services:
            machine = await describe_machine(services)
        lines = [line for row in ROWS if row.NAME in names for line in await row.measure(world, Effort.SMALLEST)]
    print(json.dumps({"lines": [plain(line) for line in lines], "table": headed_table(lines, machine, "smallest")}))  # noqa: T201


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1:]))
