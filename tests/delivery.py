"""The worker's way, step by step, for tests that look between the steps."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dunlin.domain.actions.claim_reminders import Claim, claim_reminders
from dunlin.domain.actions.deliver import Handover, mark_sending
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.actions.record import record_answers
from dunlin.domain.carrier import Accepted, Answer
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Change, Transaction
from dunlin.domain.tables import DeliveryEvent, Reminder
from dunlin.runtime.wiring import Services

SID = "SM" + "0" * 32


async def plan(services: Services, now: datetime | None = None) -> int:
    return await plan_reminders(services.store, now or datetime.now(UTC))


async def begin(services: Services, now: datetime | None = None) -> list[Handover]:
    """Claim and mark what is due: from here on, each is SENDING."""
    return await mark(services, await claim_reminders(services.store, limit=50), now)


async def mark(services: Services, claims: Sequence[Claim], now: datetime | None = None) -> list[Handover]:
    """Mark what is claimed: from here on, each is SENDING."""
    return list((await mark_sending(services.store, claims, now or datetime.now(UTC))).handovers)


async def answer(services: Services, handovers: list[Handover], answer: Answer | Callable[[int], Answer]) -> None:
    """Record the same answer for every handover, or one made from its place."""
    answers = [(handover, answer(place) if callable(answer) else answer) for place, handover in enumerate(handovers)]
    await record_answers(services.store, answers, datetime.now(UTC))


async def send(services: Services) -> list[Handover]:
    """Plan and hand over everything that is due; the carrier accepts it."""
    await plan(services)
    handovers = await begin(services)
    await answer(services, handovers, lambda place: Accepted(f"SM{place:032x}"))
    return handovers


async def the_reminder() -> Reminder:
    return await Reminder.get()


async def statuses(reminder: Reminder | None = None) -> list[str]:
    """The way of the only reminder, or of the one given, as subscribers saw it."""
    events = DeliveryEvent.all() if reminder is None else DeliveryEvent.filter(reminder_id=reminder.id)
    return [event.status.value for event in await events.order_by("sequence")]


async def append_events(services: Services, reminder: Reminder, count: int = 1, reason: str | None = None) -> None:
    """Append so many events to the log of the reminder's organization, as late receipts do."""
    change = Change(
        reminder.organization_id, reminder.case_id, reminder.id, ReminderStatus.SENT, datetime.now(UTC), reason
    )

    async def record(transaction: Transaction) -> None:
        transaction.record([change] * count)

    await services.store.transact(record)
