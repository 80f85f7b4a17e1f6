"""How much is measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Effort(Enum):
    """SMALLEST only shows that every row works, QUICK is for working on one, FULL is what may be quoted."""

    SMALLEST = "smallest"
    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Sizes:
    """At which sizes a row is run, ascending, and how often in turn."""

    smallest: Sequence[int]
    quick: Sequence[int]
    full: Sequence[int]
    quick_rounds: int = 3
    full_rounds: int = 5

    def of(self, effort: Effort) -> Sequence[int]:
        return {Effort.SMALLEST: self.smallest, Effort.QUICK: self.quick, Effort.FULL: self.full}[effort]

    def rounds(self, effort: Effort) -> int:
        return {Effort.SMALLEST: 1, Effort.QUICK: self.quick_rounds, Effort.FULL: self.full_rounds}[effort]
