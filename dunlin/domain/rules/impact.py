"""What disconnecting does, in figures and in sentences for the person who confirms it."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Impact:
    """Figures of one organization: steps reset, open cases that lose a method, reminders not sent."""

    connection_id: int | None
    steps: int
    cases: int
    reminders: int

    @property
    def token(self) -> str:
        """A fingerprint: it changes when a figure changes, or when somebody reconnected meanwhile."""
        figures = f"{self.connection_id}/{self.steps}/{self.cases}/{self.reminders}"
        return hashlib.sha256(figures.encode()).hexdigest()[:32]

    @property
    def consequences(self) -> list[str]:
        """Plain sentences, one consequence each."""
        return [
            f"{_count(self.steps, 'step')} of collection cycles will have no communication method.",
            f"{_count(self.cases, 'open case')} will not send the SMS reminders still ahead.",
            f"{_count(self.reminders, 'scheduled reminder')} will not be sent.",
            "Nothing falls back to e-mail: SMS and e-mail need different texts.",
            "SMS can be connected again at any time, but nothing of this comes back: "
            "steps and cases have to be set up again by hand.",
        ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
