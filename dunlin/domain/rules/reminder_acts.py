"""What a person may do with a reminder, by where it stands. The sentences say why not."""

from typing import assert_never

from dunlin.domain.reminder_status import ReminderStatus


def why_not_cancel(status: ReminderStatus) -> str | None:
    """Return why a reminder cannot be canceled; None if it can."""
    match status:
        case ReminderStatus.SCHEDULED:
            return None
        case ReminderStatus.SENDING:
            return "It is being handed to the carrier at this moment and cannot be called back."
        case ReminderStatus.UNCONFIRMED:
            return "The carrier may have it, and it cannot be called back."
        case ReminderStatus.SENT | ReminderStatus.DELIVERED:
            return "The carrier has it, and it cannot be called back."
        case ReminderStatus.UNDELIVERED | ReminderStatus.FAILED:
            return "It has failed: there is nothing left to cancel."
        case ReminderStatus.CANCELED:
            return "It is canceled already."
        case _ as never:
            assert_never(never)


def why_not_confirm(status: ReminderStatus) -> str | None:
    """Return why nobody can say of a reminder that it was sent; None if a person can."""
    match status:
        case ReminderStatus.UNCONFIRMED:
            return None
        case ReminderStatus.SCHEDULED | ReminderStatus.SENDING:
            return "It has not gone out yet."
        case ReminderStatus.SENT | ReminderStatus.DELIVERED | ReminderStatus.UNDELIVERED:
            return "The carrier has confirmed that it was sent."
        case ReminderStatus.FAILED | ReminderStatus.CANCELED:
            return "It is known that it was not sent."
        case _ as never:
            assert_never(never)


def why_not_resend(status: ReminderStatus) -> str | None:
    """Return why a reminder cannot be sent again; None if it can."""
    match status:
        case ReminderStatus.FAILED | ReminderStatus.UNDELIVERED | ReminderStatus.UNCONFIRMED:
            return None
        case ReminderStatus.SCHEDULED | ReminderStatus.SENDING:
            return "It has not gone out yet."
        case ReminderStatus.SENT:
            return "The carrier has it, and has not said yet whether it arrived."
        case ReminderStatus.DELIVERED:
            return "It has arrived."
        case ReminderStatus.CANCELED:
            return "It was canceled on purpose; its step is not planned a second time."
        case _ as never:
            assert_never(never)
