"""The simulation is worth what it notices: each protection of the sending path is taken away, and must be missed."""

from collections.abc import Callable

import pytest

from tests.fault.simulation.ground import Ground
from tests.fault.simulation.mutants import MUTANTS, QUICK, Mutant
from tests.fault.simulation.promises import BrokenPromise
from tests.fault.simulation.search import Effort, search

_MOST = 1_000  # examples


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_without_it_a_promise_is_broken(
    mutant: Mutant, ground: Ground, is_full: bool, tell: Callable[[str], None]
) -> None:
    if not is_full and mutant not in QUICK:
        pytest.skip("only with --full-load")
    effort = Effort()
    with pytest.MonkeyPatch.context() as patch:
        mutant.begin(patch)
        with pytest.raises(BrokenPromise) as broken:
            search(ground, effort, examples=_MOST, shrink=False)
    tell(f"{effort}: {mutant.name} -> {str(broken.value).splitlines()[0]}")
