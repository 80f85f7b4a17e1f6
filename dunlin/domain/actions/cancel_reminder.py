"""Cancel one scheduled reminder by a person's decision."""

from datetime import datetime

from dunlin.domain.actions.act_on_reminder import Act, act_on_reminder
from dunlin.domain.choices import AuditAction
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.reminder_acts import why_not_cancel
from dunlin.domain.store import Store
from dunlin.domain.tables import Reminder
from dunlin.domain.viewer import Viewer

_CANCEL = Act(
    ReminderStatus.CANCELED, "A person canceled this reminder.", why_not_cancel, AuditAction.REMINDER_CANCELED
)


async def cancel_reminder(store: Store, viewer: Viewer, *, reminder_id: int, now: datetime) -> Reminder:
    """Return the canceled reminder; its step says why nothing was sent, and the case goes on.

    Refuses with NOT_FOUND or WRONG_STATE (anything but SCHEDULED); nothing is changed then.
    """
    return await act_on_reminder(store, viewer, _CANCEL, reminder_id=reminder_id, now=now)
