"""Why a case has ended, in the words that its reminders and steps carry."""

from typing import assert_never

from dunlin.domain.choices import CaseClosedReason


def why_closed(reason: CaseClosedReason, note: str | None) -> str:
    """Return the sentence for what was not sent because the case had ended. `note` is what a person said."""
    match reason:
        case CaseClosedReason.PAID:
            return "The amount due has been paid."
        case CaseClosedReason.COMPLETED:
            return "The case is completed."
        case CaseClosedReason.MANUAL:
            return f"A person closed the case: {note}" if note else "A person closed the case."
        case _ as never:
            assert_never(never)
