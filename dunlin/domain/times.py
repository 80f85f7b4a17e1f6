"""How long each part of sending may take, and how long it waits."""

import time
from dataclasses import dataclass, fields
from datetime import timedelta
from itertools import pairwise
from typing import Self

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # counts suspension, where the system can


def boot_time() -> float:
    """Return seconds by a clock that only goes forward, and also while the machine sleeps."""
    return time.clock_gettime(_BOOT_CLOCK)


def _minutes(*numbers: float) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=number) for number in numbers)


@dataclass(frozen=True, slots=True)
class SendingTimes:
    """The times that the sending path is built on. What holds is their order; tests divide them all alike.

    `connect` and `answer` bound a call to a carrier, the second all of it. A worker that has not begun its call
    within `start_window` of marking gives the reminder back: a disconnect may have been reported done since. `lease`
    is several times the longest handing over; `claim` is how long one is held that is not marked yet.

    The carrier is asked about a text that is UNCONFIRMED at the ages `look_ups`, about one that is SENT at the ages
    `polls`. What its list shows to have come more than `taken_within` after the handing over is rather another text.
    That its list does not hold the text is proof once it has been so twice, `absent_again` apart and both
    `absent_after` the handing over. Without any proof a person is asked `ask_after` that.
    """

    connect: timedelta = timedelta(seconds=5)
    answer: timedelta = timedelta(seconds=10)
    start_window: timedelta = timedelta(seconds=2)
    claim: timedelta = timedelta(seconds=10)
    lease: timedelta = timedelta(seconds=60)
    sweep: timedelta = timedelta(seconds=5)
    look_again: timedelta = timedelta(seconds=30)  # at what waits for a person, or for nobody knows what
    look_ups: tuple[timedelta, ...] = _minutes(0.5, 2, 5, 7.5, 10, 15, 30, 60, 6 * 60, 24 * 60, 72 * 60)
    taken_within: timedelta = timedelta(seconds=60)
    absent_after: timedelta = timedelta(minutes=5)
    absent_again: timedelta = timedelta(minutes=2)
    ask_after: timedelta = timedelta(minutes=30)
    polls: tuple[timedelta, ...] = _minutes(15, 60, 6 * 60, 24 * 60, 72 * 60)
    keys_kept: timedelta = timedelta(hours=73)  # after a disconnect: until the last time that the carrier is asked

    @property
    def longest_handover(self) -> timedelta:
        """No handing over can still be under way after this."""
        return self.start_window + self.answer + self.answer / 10

    def divided_by(self, divisor: float) -> Self:
        divided = {field.name: _divided(getattr(self, field.name), divisor) for field in fields(self)}
        return type(self)(**divided)  # type: ignore[arg-type]


def _divided(time: timedelta | tuple[timedelta, ...], divisor: float) -> timedelta | tuple[timedelta, ...]:
    return tuple(one / divisor for one in time) if isinstance(time, tuple) else time / divisor


def waits(ages: tuple[timedelta, ...]) -> list[timedelta]:
    """Return the time from each age to the next, the first from the beginning."""
    return [later - earlier for earlier, later in pairwise((timedelta(0), *ages))]
