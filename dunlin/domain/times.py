"""How long each part of sending may take, and how long it waits."""

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Self


@dataclass(frozen=True, slots=True)
class SendingTimes:
    """The times that the sending path is built on. What holds is their order; tests divide them all alike.

    `connect` and `answer` bound a call to a carrier, the second all of it. A worker that has not begun its call
    within `start_window` of marking gives the reminder back: a disconnect may have been reported done since. `lease`
    is several times the longest handing over.
    """

    connect: timedelta = timedelta(seconds=5)
    answer: timedelta = timedelta(seconds=10)
    start_window: timedelta = timedelta(seconds=2)
    lease: timedelta = timedelta(seconds=60)
    sweep: timedelta = timedelta(seconds=5)
    look_again: timedelta = timedelta(seconds=30)  # at what waits for a person, or for nobody knows what
    keys_kept: timedelta = timedelta(hours=72)  # after a disconnect, for reports about what is still on its way

    @property
    def longest_handover(self) -> timedelta:
        """No handing over can still be under way after this."""
        return self.start_window + self.answer + self.answer / 10

    def divided_by(self, divisor: float) -> Self:
        return replace(self, **{field.name: getattr(self, field.name) / divisor for field in fields(self)})
