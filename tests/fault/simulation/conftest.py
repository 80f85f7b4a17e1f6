"""The ground of the simulation: the session's own PostgreSQL, made to live in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
import pytest_asyncio

from dunlin.runtime.wiring import Services
from tests.fault.simulation.clock import install, uninstall
from tests.fault.simulation.ground import Ground, make_ground, virtual_time

_PROPERTY = "simulation"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Give a line to the score, which is printed at the end."""
    return partial(record_property, _PROPERTY)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # By their properties, which come here from the processes of pytest-xdist, too.
    told = [value for report in terminalreporter.stats.get("passed", []) for value in report.user_properties]
    if lines := [line for name, line in told if name == _PROPERTY]:
        terminalreporter.section("simulation of the sending path")
        for line in lines:
            terminalreporter.write_line(str(line))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ground(opened: Services) -> AsyncIterator[Ground]:
    await install()
    ground = make_ground(opened, asyncio.get_running_loop())
    with virtual_time(ground):
        yield ground
    await ground.turns.forget()
    await ground.transport.close()
    await uninstall()
