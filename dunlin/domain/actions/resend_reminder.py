"""Send a reminder again by a person's decision: a new one for the same step, written anew."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime

from dunlin.domain.actions.change_status import take_back_call
from dunlin.domain.actions.plan_reminders import due_of, schedule_reminders, select_step
from dunlin.domain.choices import AuditAction, CaseClosedReason, CaseState, Permission
from dunlin.domain.errors import ProblemCode, not_found, refuse
from dunlin.domain.idempotency import RowOf, once, request_of
from dunlin.domain.rules.caps import NO_LIMITS
from dunlin.domain.rules.closing import why_closed
from dunlin.domain.rules.plan import Remind, decide
from dunlin.domain.rules.recipient import words_of
from dunlin.domain.rules.reminder_acts import why_not_resend
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCase, Integration, Reminder
from dunlin.domain.viewer import Viewer


async def resend_reminder(
    store: Store, viewer: Viewer, *, reminder_id: int, idempotency_key: str | None, now: datetime
) -> Reminder:
    """Return the new reminder. A case that had come to its end is open again until it is settled.

    Refuses with NOT_FOUND, CASE_CLOSED (paid, or closed by a person), NOT_CONNECTED, IDEMPOTENCY_KEY_REUSED, or
    WRONG_STATE: for what has not failed, has been sent again already, belongs to a paused case, or could not be
    planned today either.
    """
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(Reminder.filter(id=reminder_id)).first()
    if found is None:
        raise not_found("reminder", "reminderId")
    request = request_of(viewer, found.organization_id, idempotency_key, "resendReminder", {"reminder": found.id})

    async def resend(transaction: Transaction) -> Reminder:
        def work() -> Awaitable[Reminder]:
            return _resend(transaction, viewer, found, now)

        return await once(transaction, request, now, work, RowOf(Reminder))

    return await store.transact(resend)


async def _resend(transaction: Transaction, viewer: Viewer, found: Reminder, now: datetime) -> Reminder:
    await hold_integrations(transaction, found.organization_id)
    case = await CollectionCase.select_for_update(no_key=True).get(id=found.case_id)
    reminder = await Reminder.select_for_update(no_key=True).get(id=found.id)
    _require_failed(reminder)
    await _require_newest(reminder)
    _require_open(case)
    await _require_connected(reminder)
    (row,) = await transaction.rows(_SELECT, case.id, reminder.case_step_id)
    due = due_of(row, now)
    # What a person has decided to send again does not wait for its turn among the customer's reminders.
    decision = decide(replace(due.step, limits=NO_LIMITS), now)
    if not isinstance(decision, Remind):
        raise refuse(ProblemCode.WRONG_STATE, f"It could not be sent: {decision.reason}", "reminderId")
    await transaction.rows(_REOPEN, case.id)
    await schedule_reminders(transaction, [(due, decision)], now, resend_number=reminder.resend_number + 1)
    await take_back_call(transaction, [case.id])
    new = await Reminder.get(case_step_id=reminder.case_step_id, resend_number=reminder.resend_number + 1)
    transaction.audit(
        viewer,
        AuditAction.REMINDER_RESENT,
        ("Reminder", new.id),
        organization_id=new.organization_id,
        after={"resent": reminder.id, "formerStatus": reminder.status, "resendNumber": new.resend_number},
    )
    return new


def _require_failed(reminder: Reminder) -> None:
    if why_not := why_not_resend(reminder.status):
        raise refuse(ProblemCode.WRONG_STATE, f"The reminder is {reminder.status}. {why_not}", "reminderId")


async def _require_newest(reminder: Reminder) -> None:
    newer = Reminder.filter(case_step_id=reminder.case_step_id, resend_number__gt=reminder.resend_number)
    if await newer.exists():
        message = "It has been sent again already: look at the newest reminder of its step."
        raise refuse(ProblemCode.WRONG_STATE, message, "reminderId")


def _require_open(case: CollectionCase) -> None:
    if case.closed_reason in (CaseClosedReason.PAID, CaseClosedReason.MANUAL):
        raise refuse(ProblemCode.CASE_CLOSED, why_closed(case.closed_reason, case.closed_note), "reminderId")
    if case.state is CaseState.PAUSED:
        raise refuse(ProblemCode.WRONG_STATE, "The case is PAUSED. Resume it first.", "reminderId")


async def _require_connected(reminder: Reminder) -> None:
    integration = await Integration.get(id=reminder.integration_id)
    if integration.connection_id is None:
        message = f"{words_of(integration.kind).name} is not connected for this organization. Connect it first."
        raise refuse(ProblemCode.NOT_CONNECTED, message, "reminderId")


_SELECT = select_step(
    cases="SELECT * FROM collection_case WHERE id = $1", steps="SELECT * FROM case_step WHERE id = $2"
)

# A case completes by itself when its last reminder has failed; sending that one again is the very reason to go on.
_REOPEN = """
UPDATE collection_case SET state = 'ACTIVE', closed_reason = NULL, closed_at = NULL
WHERE id = $1 AND state = 'CLOSED'
"""
