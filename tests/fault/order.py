"""What a process of the ring is asked to be."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self


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


@dataclass(frozen=True, slots=True)
class Order:
    """One process: its role, its settings as environment variables, and what is done to it.

    `divisor` divides all times of sending. `broken` names the faults of the code that are switched in, see `broken`.
    `clock_ahead_s` is how wrong the clock of its host is.
    """

    role: Role
    log: Path
    environment: Mapping[str, str]
    divisor: float = 1
    broken: tuple[str, ...] = ()
    halt: Halt | None = None
    clock_ahead_s: float = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)

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
