"""What disconnecting does, in figures and in sentences for the person who confirms it."""

import hashlib
from dataclasses import dataclass

from dunlin.domain.choices import IntegrationKind
from dunlin.domain.rules.recipient import words_of


@dataclass(frozen=True, slots=True)
class Impact:
    """Figures of one organization: steps reset, open cases that lose a method, reminders not sent.

    `under_way` are handed over at this moment and cannot be called back; it changes all the time, so that the token
    leaves it out.
    """

    connection_id: int | None
    steps: int
    cases: int
    reminders: int
    under_way: int = 0
    kind: IntegrationKind = IntegrationKind.SMS

    @property
    def token(self) -> str:
        """A fingerprint: it changes when a figure changes, or when somebody reconnected meanwhile."""
        figures = f"{self.connection_id}/{self.steps}/{self.cases}/{self.reminders}"
        return hashlib.sha256(figures.encode()).hexdigest()[:32]

    @property
    def consequences(self) -> list[str]:
        """Plain sentences, one consequence each."""
        words = words_of(self.kind)
        return [
            f"{_count(self.steps, 'step')} of collection cycles will have no communication method.",
            f"{_count(self.cases, 'open case')} will not send the {words.name_within} reminders still ahead.",
            f"{_count(self.reminders, 'scheduled reminder')} will not be sent.",
            *self._already_gone,
            f"Nothing falls back to {words.other}: SMS and e-mail need different texts.",
            f"{words.name} can be connected again at any time, but nothing of this comes back: "
            "steps and cases have to be set up again by hand.",
        ]

    @property
    def _already_gone(self) -> list[str]:
        if not self.under_way:
            return []
        goes = "is" if self.under_way == 1 else "are"
        return [f"{_count(self.under_way, 'reminder')} {goes} with the carrier at this moment and may still arrive."]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
