"""A person's word on one reminder that changes its status and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dunlin.domain.actions.change_status import StatusChange, change_status
from dunlin.domain.actions.spending import settle
from dunlin.domain.choices import AuditAction, CommunicationMethod, Permission
from dunlin.domain.errors import ProblemCode, not_found, refuse
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCase, Reminder
from dunlin.domain.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Act:
    """What a person may say. `why_not` gives the reason why it cannot be said of a reminder of some status."""

    status: ReminderStatus
    reason: str
    why_not: Callable[[ReminderStatus], str | None]
    audited_as: AuditAction


async def act_on_reminder(store: Store, viewer: Viewer, act: Act, *, reminder_id: int, now: datetime) -> Reminder:
    """Return the reminder with its new status. Refuses with NOT_FOUND or WRONG_STATE; nothing is changed then."""
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(Reminder.filter(id=reminder_id)).first()
    if found is None:
        raise not_found("reminder", "reminderId")

    async def work(transaction: Transaction) -> Reminder:
        await hold_integrations(transaction, found.organization_id)
        await CollectionCase.select_for_update(no_key=True).get(id=found.case_id)
        reminder = await Reminder.select_for_update(no_key=True).get(id=found.id)
        if why_not := act.why_not(reminder.status):
            raise refuse(ProblemCode.WRONG_STATE, f"The reminder is {reminder.status}. {why_not}", "reminderId")
        change = StatusChange(
            reminder.organization_id,
            reminder.case_id,
            reminder.case_step_id,
            reminder.id,
            act.status,
            act.reason,
            is_last_word=reminder.method is CommunicationMethod.EMAIL,
        )
        await change_status(transaction, [change], now)
        transaction.audit(
            viewer,
            act.audited_as,
            ("Reminder", reminder.id),
            organization_id=reminder.organization_id,
            before={"status": reminder.status},
            after={"status": act.status},
        )
        await settle(transaction, [reminder.id], now)
        return await Reminder.get(id=reminder.id)

    return await store.transact(work)
