"""Measuring in turns, and what becomes of the figures: lines, each a ratio of two medians where there are two."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from statistics import median
from typing import TypeVar

K = TypeVar("K")
Act = Callable[[], Awaitable[float]]


async def alternate(rounds: int, acts: Mapping[K, Act]) -> dict[K, list[float]]:
    """Return what every act measured, one figure a round. Every other round goes backwards.

    So whatever else the machine does, or whatever grows meanwhile, meets all of them alike.
    """
    figures: dict[K, list[float]] = {key: [] for key in acts}
    order = list(acts)
    for _ in range(rounds):
        for key in order:
            figures[key].append(await acts[key]())
        order.reverse()
    return figures


class Unit(Enum):
    PER_SECOND = "/s"
    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "µs"
    MEGABYTES = "MB"
    KILOBYTES = "kB"
    PERCENT = "%"

    def written(self, figure: float) -> str:
        digits = 0 if figure >= 100 else 1 if figure >= 10 else 2
        return f"{figure:,.{digits}f} {self.value}".replace(" /", "/")


@dataclass(frozen=True, slots=True)
class AtLeast:
    bound: float

    def holds(self, value: float) -> bool:
        return value >= self.bound

    def __str__(self) -> str:
        return f"≥ {self.bound:g}"


@dataclass(frozen=True, slots=True)
class AtMost:
    bound: float

    def holds(self, value: float) -> bool:
        return value <= self.bound

    def __str__(self) -> str:
        return f"≤ {self.bound:g}"


Reach = AtLeast | AtMost


@dataclass(frozen=True, slots=True)
class Beside:
    """What a figure is compared with: in words, with figures of the same unit."""

    what: str
    figures: Sequence[float]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `reach` is about the ratio, or about the figure itself where nothing is beside it."""

    row: str
    size: str
    what: str
    figures: Sequence[float]
    unit: Unit
    beside: Beside | None = None
    reach: Reach | None = None

    @property
    def figure(self) -> float:
        return median(self.figures)

    @property
    def ratio(self) -> float | None:
        return self.figure / median(self.beside.figures) if self.beside is not None else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """Return the lowest and the highest ratio of a single round."""
        if self.beside is None or len(self.figures) != len(self.beside.figures):
            return None
        ratios = [one / other for one, other in zip(self.figures, self.beside.figures, strict=True)]
        return min(ratios), max(ratios)

    @property
    def is_reached(self) -> bool | None:
        if self.reach is None:
            return None
        return self.reach.holds(self.figure if self.ratio is None else self.ratio)


def growth(row: str, each: str, costs: Mapping[int, Sequence[float]], reach: Reach | None = None) -> list[Line]:
    """Return a line per size but the first: what `each` costs, in seconds, beside what it costs at the size before.

    A cost that grows with nothing but the work has a ratio of 1.
    """
    sizes = sorted(costs)
    micro = {size: [cost * 1e6 for cost in costs[size]] for size in sizes}
    return [
        Line(
            row,
            f"{size:,}",
            f"growth: cost of a {each}",
            micro[size],
            Unit.MICROSECONDS,
            Beside(f"at {before:,}", micro[before]),
            reach,
        )
        for before, size in pairwise(sizes)
    ]


def inverse(rates: Sequence[float]) -> list[float]:
    """Return what one costs, in seconds, of rates per second."""
    return [1 / rate for rate in rates]
