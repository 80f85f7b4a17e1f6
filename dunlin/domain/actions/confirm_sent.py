"""Say of a reminder whose sending could not be confirmed that it was sent: what only a person can know."""

from datetime import datetime

from dunlin.domain.actions.act_on_reminder import Act, act_on_reminder
from dunlin.domain.choices import AuditAction
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.reminder_acts import why_not_confirm
from dunlin.domain.store import Store
from dunlin.domain.tables import Reminder
from dunlin.domain.viewer import Viewer

_CONFIRM = Act(
    ReminderStatus.SENT, "A person confirmed that it was sent.", why_not_confirm, AuditAction.REMINDER_CONFIRMED_SENT
)


async def confirm_reminder_sent(store: Store, viewer: Viewer, *, reminder_id: int, now: datetime) -> Reminder:
    """Return the reminder, SENT. The call for a person about it is taken back.

    Refuses with NOT_FOUND or WRONG_STATE (anything but UNCONFIRMED); nothing is changed then.
    """
    return await act_on_reminder(store, viewer, _CONFIRM, reminder_id=reminder_id, now=now)
