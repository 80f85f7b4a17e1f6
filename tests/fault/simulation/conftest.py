"""The ground of the simulation: the session's own PostgreSQL, made to live in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from dunlin.runtime.wiring import Services
from tests.fault.simulation.clock import install, uninstall
from tests.fault.simulation.ground import Ground, make_ground, virtual_time


def pytest_addoption(parser: pytest.Parser) -> None:
    with suppress(ValueError):  # the whole ring knows the same one
        parser.addoption("--full", action="store_true", help="search for as long as a release deserves")


_SCORE = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def score(request: pytest.FixtureRequest) -> list[str]:
    """Lines to print at the end of the whole run."""
    return request.config.stash.setdefault(_SCORE, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(_SCORE, []):
        terminalreporter.section("simulation of the sending path")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def is_full(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--full", default=False))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ground(opened: Services) -> AsyncIterator[Ground]:
    await install()
    ground = make_ground(opened, asyncio.get_running_loop())
    with virtual_time(ground):
        yield ground
    await ground.turns.forget()
    await ground.transport.close()
    await uninstall()
