"""A bank's file of as many returns as a large creditor gets: whatever its length, memory stays bounded."""

import asyncio
from contextlib import suppress
from pathlib import Path

import psutil

from dunlin.domain.tables import BankImport, CollectionCase, CollectionCycle
from dunlin.runtime.wiring import Services
from tests.integration.test_bank_import import WHERE, a_large_file, many_mandates
from tests.integration.test_bank_import import cycle as cycle  # the fixture
from tests.integration.test_command_line import start

MOST_BYTES = 200_000_000


async def test_memory_does_not_grow_with_a_banks_file(
    services: Services,
    cycle: CollectionCycle,
    tmp_path: Path,
    is_full: bool,
) -> None:
    many = 100_000 if is_full else 5_000
    await many_mandates(cycle, many)

    peak = await peak_of(services, a_large_file(tmp_path, many), patience_s=900 if is_full else 90)

    assert (await BankImport.get()).opened == many
    assert await CollectionCase.all().count() == many
    assert peak < MOST_BYTES


async def peak_of(services: Services, path: Path, *, patience_s: int) -> int:
    """Import a file in a process of its own; return the most memory, in bytes, that it was seen to hold."""
    process = await start(services, "import", *WHERE, str(path))
    seen, waiting = psutil.Process(process.pid), asyncio.create_task(process.communicate())
    peak = 0
    async with asyncio.timeout(patience_s):
        while not waiting.done():
            with suppress(psutil.Error):  # it has just ended
                peak = max(peak, seen.memory_info().rss)
            await asyncio.wait([waiting], timeout=0.02)
    assert process.returncode == 0
    print(f"{peak:,} bytes at most")  # noqa: T201  # shown where a test fails
    return peak
