"""What one would write for planning: a loop over the due cases, an ORM save per change, a transaction per case."""

import time
from datetime import UTC, datetime

from tortoise.transactions import in_transaction

from dunlin.domain.choices import CaseState, CaseStepState, SmsEncoding
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables import (
    CaseStep,
    CollectionCase,
    DeliveryEvent,
    DeliverySequence,
    Integration,
    Reminder,
    StepTexts,
)


async def loop_seconds(organization_id: int, count: int) -> float:
    """Return how long it takes to plan the organization's due steps."""
    began, planned = time.perf_counter(), 0
    integration = await Integration.get(organization_id=organization_id, kind="SMS")
    due = CollectionCase.filter(
        organization_id=organization_id, state=CaseState.ACTIVE, next_action_at__lte=datetime.now(UTC)
    )
    async for case in due.prefetch_related("customer"):
        async with in_transaction():
            await _plan(case, integration)
        planned += 1
    assert planned == count
    return time.perf_counter() - began


async def _plan(case: CollectionCase, integration: Integration) -> None:
    now = datetime.now(UTC)
    step = await CaseStep.filter(case_id=case.id, state=CaseStepState.PENDING).order_by("position").first()
    assert step is not None
    texts = await StepTexts.get(id=step.texts_id)
    language = case.customer.language or "en"
    reminder = await Reminder.create(
        organization_id=case.organization_id,
        case_id=case.id,
        case_step_id=step.id,
        integration_id=integration.id,
        method=step.communication_method,
        to=case.customer.phone,
        text=texts.sms[language],
        language=language,
        encoding=SmsEncoding.GSM_7,
        segments=1,
        scheduled_for=now,
    )
    step.state = CaseStepState.DONE
    await step.save(update_fields=["state"])
    case.next_action_at = None
    await case.save(update_fields=["next_action_at"])
    await _append_event(reminder, now)


async def _append_event(reminder: Reminder, now: datetime) -> None:
    sequence = await DeliverySequence.select_for_update().get(organization_id=reminder.organization_id)
    sequence.last_sequence += 1
    await sequence.save(update_fields=["last_sequence"])
    await DeliveryEvent.create(
        organization_id=reminder.organization_id,
        sequence=sequence.last_sequence,
        reminder_id=reminder.id,
        case_id=reminder.case_id,
        status=ReminderStatus.SCHEDULED,
        occurred_at=now,
    )
