"""The servers that all runs of the ring share, the two loads, and the table at the end."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from random import SystemRandom

import pytest
import pytest_asyncio

from tests.fault.checker import Verdict
from tests.fault.nursery import a_nursery
from tests.fault.report import PROPERTY, Run, table
from tests.fault.ring import Ring, Shared, make_template
from tests.fault.servers import a_postgres

Tell = Callable[[str, str, Ring, Verdict], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full-load", action="store_true", help="Run the fault gates at their full loads.")
    parser.addoption("--fault-seed", type=int, help="Run the fault gates with the seed of an earlier run.")


@pytest.fixture(scope="session")
def is_full(pytestconfig: pytest.Config) -> bool:
    """Whether the gates run at full load; otherwise at a small one that shows the same."""
    return bool(pytestconfig.getoption("--full-load", default=False))


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    given = pytestconfig.getoption("--fault-seed", default=None)
    chosen = given if isinstance(given, int) else SystemRandom().randrange(10**6)
    print(f"seed {chosen}")  # noqa: T201  # shown where a test fails
    return chosen


@pytest_asyncio.fixture(scope="session")
async def shared() -> AsyncIterator[Shared]:
    # Not pytest's folder, for the same reasons as in tests/conftest.py.
    with tempfile.TemporaryDirectory(prefix="dunlin-fault-", ignore_cleanup_errors=True) as name:
        async with AsyncExitStack() as stack:
            nursery = await stack.enter_async_context(a_nursery())  # it imports while PostgreSQL starts
            postgres = await stack.enter_async_context(a_postgres(Path(name) / "postgres"))
            shared = Shared(nursery, postgres, Path(name), count(1))
            await make_template(shared)
            yield shared


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Give a run to the table: gate, faults, the ring and its verdict."""

    def put_down(gate: str, faults: str, ring: Ring, verdict: Verdict) -> None:
        run = Run(
            gate=gate,
            load=len(ring.acknowledged),
            faults=faults,
            lost=len(verdict.lost),
            twice=len(verdict.twice),
            phantom=len(verdict.phantom),
            unresolved=len(verdict.unresolved),
            asked=len(verdict.asked),
            longest_s=round(verdict.longest_s, 3),
            seed=ring.seed,
        )
        record_property(*run.to_property())

    return put_down


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # By their properties, which come here from the processes of pytest-xdist, too.
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    runs = [
        Run.from_property(value)
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if runs:
        terminalreporter.section("runs of the fault gates")
        for line in table(sorted(runs, key=lambda run: run.gate)):
            terminalreporter.line(line)
