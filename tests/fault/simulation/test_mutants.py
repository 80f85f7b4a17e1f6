"""The simulation is worth what it notices: each protection of the sending path is taken away, and must be missed."""

from collections.abc import Callable

import pytest

from tests.fault.simulation.ground import Ground
from tests.fault.simulation.mutants import MUTANTS, QUICK, Mutant
from tests.fault.simulation.promises import BrokenPromise
from tests.fault.simulation.search import Effort, search

_MOST = 1_000  # examples


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take all protections away at full load, and some otherwise."""
    mutants = MUTANTS if metafunc.config.getoption("--full-load", default=False) else QUICK
    metafunc.parametrize("mutant", mutants, ids=lambda mutant: mutant.name)


def test_without_it_a_promise_is_broken(mutant: Mutant, ground: Ground, tell: Callable[[str], None]) -> None:
    effort = Effort()
    with pytest.MonkeyPatch.context() as patch:
        mutant.begin(patch)
        with pytest.raises(BrokenPromise) as broken:
            search(ground, effort, examples=_MOST, shrink=False)
    tell(f"{effort}: {mutant.name} -> {str(broken.value).splitlines()[0]}")
