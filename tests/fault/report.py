"""The table of all runs, printed when the tests are over."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

PROPERTY = "fault-run"  # under which a run is handed from a test to the table

_HEAD = ("gate", "load", "faults", "lost", "twice", "phantom", "unresolved", "asked", "longest", "seed")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a gate, as far as a reader wants to know."""

    gate: str
    load: int
    faults: str
    lost: int
    twice: int
    phantom: int
    unresolved: int
    asked: int
    longest_s: float
    seed: int

    def to_property(self) -> tuple[str, dict[str, object]]:
        return PROPERTY, asdict(self)

    @classmethod
    def from_property(cls, value: dict[str, object]) -> Self:
        return cls(**value)  # type: ignore[arg-type]

    @property
    def cells(self) -> tuple[str, ...]:
        figures = (self.lost, self.twice, self.phantom, self.unresolved, self.asked)
        return (self.gate, str(self.load), self.faults, *map(str, figures), f"{self.longest_s:.1f} s", str(self.seed))


def table(runs: Sequence[Run]) -> list[str]:
    """Return the lines of the table."""
    lines = [_HEAD, *(run.cells for run in runs)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
