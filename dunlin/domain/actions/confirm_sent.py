"""Say of a reminder whose sending could not be confirmed that it was sent: what only a person can know."""

from datetime import datetime

from dunlin.domain.actions.change_status import StatusChange, change_status
from dunlin.domain.actions.spending import settle
from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.errors import ProblemCode, not_found, refuse
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.reminder_acts import why_not_confirm
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCase, Reminder
from dunlin.domain.viewer import Viewer

_REASON = "A person confirmed that it was sent."


async def confirm_reminder_sent(store: Store, viewer: Viewer, *, reminder_id: int, now: datetime) -> Reminder:
    """Return the reminder, SENT. The call for a person about it is taken back.

    Refuses with NOT_FOUND or WRONG_STATE (anything but UNCONFIRMED); nothing is changed then.
    """
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(Reminder.filter(id=reminder_id)).first()
    if found is None:
        raise not_found("reminder", "reminderId")

    async def confirm(transaction: Transaction) -> Reminder:
        await hold_integrations(transaction, found.organization_id)
        await CollectionCase.select_for_update(no_key=True).get(id=found.case_id)
        reminder = await Reminder.select_for_update(no_key=True).get(id=found.id)
        if why_not := why_not_confirm(reminder.status):
            raise refuse(ProblemCode.WRONG_STATE, f"The reminder is {reminder.status}. {why_not}", "reminderId")
        change = StatusChange(
            reminder.organization_id,
            reminder.case_id,
            reminder.case_step_id,
            reminder.id,
            ReminderStatus.SENT,
            _REASON,
        )
        await change_status(transaction, [change], now)
        transaction.audit(
            viewer,
            AuditAction.REMINDER_CONFIRMED_SENT,
            ("Reminder", reminder.id),
            organization_id=reminder.organization_id,
            before={"status": reminder.status},
            after={"status": ReminderStatus.SENT},
        )
        await settle(transaction, [reminder.id], now)
        return await Reminder.get(id=reminder.id)

    return await store.transact(confirm)
