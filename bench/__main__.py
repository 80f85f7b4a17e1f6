"""`make bench`: every row, or those that are named, in one invocation. See docs/bench.md."""

import argparse
import sys
import time
import traceback
from collections.abc import Sequence

import uvloop

from bench.effort import Effort
from bench.machine import describe_machine
from bench.measure import Line
from bench.results import headed_table, write_results
from bench.rows import ROWS
from bench.world import embedded_world


async def _bench(names: Sequence[str], effort: Effort) -> int:
    """Measure, print and keep; return how many rows could not be measured."""
    chosen = [row for row in ROWS if not names or row.NAME in names]
    name = effort.value if len(chosen) == len(ROWS) else "selected"
    lines: list[Line] = []
    failed: list[str] = []
    async with embedded_world() as world:
        async with world.database() as services:
            machine = await describe_machine(services)
        for row in chosen:
            began = time.perf_counter()
            try:
                lines += await row.measure(world, effort)
            except Exception:
                traceback.print_exc()
                failed.append(row.NAME)
            write_results(lines, machine, name)  # as far as it is known, for who stops here
            print(f"{row.NAME}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    print(headed_table(lines, machine, name), end="")
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "rows", nargs="*", metavar="row", help=f"of {', '.join(row.NAME for row in ROWS)}; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="smaller and fewer rounds: under 3 minutes")
    given = parser.parse_args()
    if unknown := set(given.rows) - {row.NAME for row in ROWS}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    sys.exit(min(1, uvloop.run(_bench(given.rows, Effort.QUICK if given.quick else Effort.FULL))))


if __name__ == "__main__":
    main()
