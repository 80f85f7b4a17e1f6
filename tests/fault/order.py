"""What a process of the ring is asked to be."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from dunlin.domain.times import SendingTimes

_WIDER = 3


class Role(StrEnum):
    WORKER = "worker"
    API = "api"
    CARRIER = "carrier"
    GROUND = "ground"  # makes the organizations of a run, and ends


class Stage(StrEnum):
    """Where on a reminder's way a worker can be halted."""

    CLAIMED = "claimed"
    MARKED = "marked"  # SENDING is committed, no byte has left
    POSTED = "posted"  # the request has left, the answer is not here
    ANSWERED = "answered"  # the answer is here, nothing is recorded
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Halt:
    """Send yourself `signal` when you pass `stage` for the `passage`-th time."""

    stage: Stage
    passage: int
    signal: int


def times(divisor: float, asks_faster: float) -> SendingTimes:
    """Return the times of sending, in their order as in production.

    The start window is divided by less: a tenth of a second is often over on a machine that is busy with everything
    here, and then the run tests little but giving back.
    """
    asking = SendingTimes().divided_by(divisor * asks_faster)
    return replace(
        SendingTimes().divided_by(divisor),
        start_window=SendingTimes().start_window / divisor * _WIDER,
        look_ups=asking.look_ups,
        absent_after=asking.absent_after,
        absent_again=asking.absent_again,
        ask_after=asking.ask_after,
        polls=asking.polls,
    )


@dataclass(frozen=True, slots=True)
class Order:
    """One process: its role, its settings as environment variables, and what is done to it.

    `divisor` divides all times of sending, `asks_faster` once more those of asking the carrier what it has. `broken`
    names the faults of the code that are switched in. `clock_ahead_s` is how wrong the clock of its host is.
    """

    role: Role
    log: Path
    environment: Mapping[str, str]
    divisor: float = 1
    asks_faster: float = 1
    broken: tuple[str, ...] = ()
    halt: Halt | None = None
    clock_ahead_s: float = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def times(self) -> SendingTimes:
        return times(self.divisor, self.asks_faster)

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        given = json.loads(text)
        halt = given.pop("halt")
        return cls(
            **given
            | {
                "role": Role(given["role"]),
                "log": Path(given["log"]),
                "broken": tuple(given["broken"]),
                "halt": Halt(Stage(halt["stage"]), halt["passage"], halt["signal"]) if halt else None,
            }
        )
