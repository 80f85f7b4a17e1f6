"""The search for a schedule that breaks a promise."""

import time
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyFailure, FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test

from tests.fault.simulation.ground import Ground
from tests.fault.simulation.machine import SendingPath
from tests.fault.simulation.promises import BrokenPromise

STEPS = 40


@dataclass(slots=True)
class Effort:
    """What a search has cost so far."""

    examples: int = 0
    seconds: float = 0.0
    broken: BrokenPromise | None = None  # the first

    def __str__(self) -> str:
        return f"{self.examples} examples, {self.seconds:.1f} s"


def search(ground: Ground, effort: Effort, *, examples: int, shrink: bool = True) -> None:
    """Try so many schedules, always the same ones; raise what breaks first, in its shortest form if asked for."""

    class Path(SendingPath):
        def __init__(self) -> None:
            super().__init__(ground)
            effort.examples += 1

        def broke(self, error: BaseException) -> None:
            if isinstance(error, BrokenPromise) and effort.broken is None:
                effort.broken = error

    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        phases=phases,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    begun = time.monotonic()
    try:
        run_state_machine_as_test(Path, settings=chosen)
    except (FlakyFailure, FlakyStrategyDefinition):
        # A promise is broken, although not every time that the same is tried: something came in another order.
        if effort.broken is None:
            raise
        raise effort.broken from None
    finally:
        effort.seconds += time.monotonic() - begun
