"""Cancel one scheduled reminder by a person's decision."""

from datetime import datetime

from dunlin.domain.actions.change_status import StatusChange, change_status
from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.errors import ProblemCode, not_found, refuse
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.reminder_acts import why_not_cancel
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCase, Reminder
from dunlin.domain.viewer import Viewer

_REASON = "A person canceled this reminder."


async def cancel_reminder(store: Store, viewer: Viewer, *, reminder_id: int, now: datetime) -> Reminder:
    """Return the canceled reminder; its step says why nothing was sent, and the case goes on.

    Refuses with NOT_FOUND or WRONG_STATE (anything but SCHEDULED); nothing is changed then.
    """
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(Reminder.filter(id=reminder_id)).first()
    if found is None:
        raise not_found("reminder", "reminderId")

    async def cancel(transaction: Transaction) -> Reminder:
        await hold_integrations(transaction, found.organization_id)
        await CollectionCase.select_for_update(no_key=True).get(id=found.case_id)
        reminder = await Reminder.select_for_update(no_key=True).get(id=found.id)
        if why_not := why_not_cancel(reminder.status):
            raise refuse(ProblemCode.WRONG_STATE, f"The reminder is {reminder.status}. {why_not}", "reminderId")
        change = StatusChange(
            reminder.organization_id,
            reminder.case_id,
            reminder.case_step_id,
            reminder.id,
            ReminderStatus.CANCELED,
            _REASON,
        )
        await change_status(transaction, [change], now)
        transaction.audit(
            viewer,
            AuditAction.REMINDER_CANCELED,
            ("Reminder", reminder.id),
            organization_id=reminder.organization_id,
            before={"status": reminder.status},
            after={"status": ReminderStatus.CANCELED},
        )
        return await Reminder.get(id=reminder.id)

    return await store.transact(cancel)
