"""How well the sandbox behaves: its speed, its faults, and what it does to its callbacks."""

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class Fault(StrEnum):
    """What may go wrong with a create; the value and `_rate` name its share."""

    THROTTLE = "throttle"
    HTML_502 = "html_502"
    ERROR_500_AFTER_ACCEPTING = "error_500_after_accepting"
    HTML_201_AFTER_ACCEPTING = "html_201_after_accepting"
    RESET_AFTER_ACCEPTING = "reset_after_accepting"
    HANG = "hang"

    @property
    def keeps_message(self) -> bool:
        """Whether the message exists all the same, which the client cannot know."""
        return self not in (Fault.THROTTLE, Fault.HTML_502)


class Behaviour(BaseModel):
    """Everything that can be set, all of it while running. Rates are shares from 0 to 1.

    Each delay counts from the step before: `sent_delay_s` from queued, `delivered_delay_s` from sent.
    `failure_rate` is the share of messages that end undelivered with 30003. `list_lag_s` hides new messages
    from lists, not from a fetch by SID. `retry_after_s` is named in 429 answers if it is not None.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    seed: int = 0
    answer_delay_s: Seconds = 0.0
    sent_delay_s: Seconds = 0.3
    delivered_delay_s: Seconds = 0.9
    list_lag_s: Seconds = 0.0
    failure_rate: Share = 0.0
    repeat_callbacks: Annotated[int, Field(ge=1, le=10)] = 1
    shuffle_callbacks: bool = False
    callback_before_answer: bool = False
    lose_callbacks_rate: Share = 0.0
    throttle_rate: Share = 0.0
    retry_after_s: Annotated[int, Field(ge=0, le=3600)] | None = None
    html_502_rate: Share = 0.0
    error_500_after_accepting_rate: Share = 0.0
    html_201_after_accepting_rate: Share = 0.0
    reset_after_accepting_rate: Share = 0.0
    hang_rate: Share = 0.0

    @model_validator(mode="after")
    def _faults_fit(self) -> Self:
        # Shares such as 0.1 + 0.2 + 0.7 add up to a hair above 1.
        if sum(rate for _, rate in self._fault_rates()) > 1 + 1e-9:
            raise ValueError("the rates of the faults add up to more than 1")
        return self

    def _fault_rates(self) -> list[tuple[Fault, float]]:
        return [(fault, getattr(self, f"{fault}_rate")) for fault in Fault]

    def draw_fault(self, chance: Random) -> Fault | None:
        """Return what goes wrong with the next create, if anything."""
        point = chance.random()
        for fault, rate in self._fault_rates():
            if point < rate:
                return fault
            point -= rate
        return None


USUAL = Behaviour()


class BehaviourRefused(Exception):
    """Some wanted behaviour does not exist or is out of range. `faults` has a sentence per key."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return "; ".join(f"{key}: {sentence}" for key, sentence in self.faults.items())


def changed(behaviour: Behaviour, wanted: Mapping[str, object]) -> Behaviour:
    """Return `behaviour` with the wanted values; what is not named stays. Raise `BehaviourRefused`."""
    try:
        return Behaviour.model_validate({**behaviour.model_dump(), **wanted})
    except ValidationError as e:
        raise BehaviourRefused({_key(fault["loc"]): _sentence(fault) for fault in e.errors()}) from e


def _key(location: tuple[int | str, ...]) -> str:
    return str(location[0]) if location else "rates"


def _sentence(fault: Mapping[str, object]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"unknown; there are {', '.join(Behaviour.model_fields)}"
    return str(fault["msg"])
