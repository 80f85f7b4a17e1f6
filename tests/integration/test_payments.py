import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.close_case import close_case
from dunlin.domain.actions.pause_case import pause_case
from dunlin.domain.actions.record_payment import record_payment
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.carrier import Accepted, StatusReport, Throttled
from dunlin.domain.choices import CaseClosedReason, CaseState, CaseStepState, Permission
from dunlin.domain.errors import Forbidden, ProblemCode, Refusal
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.payment import NewPayment
from dunlin.domain.tables import CaseStep, CollectionCase, Payment, Reminder
from dunlin.runtime.wiring import Services
from tests.build import NOW, SMS, a_cycle, a_new_case, a_viewer, an_organization, connect_sms, open_one
from tests.delivery import SID, answer, begin, mark, plan, statuses, the_reminder

Status = ReminderStatus
PAID = "The amount due has been paid."
DAY = timedelta(days=1)


@pytest.fixture
async def case(services: Services) -> CollectionCase:
    """A case of 84.50 EUR and two SMS steps; the first one's reminder is scheduled."""
    organization = await an_organization()
    await connect_sms(services, organization)
    case = await open_one(services, await a_cycle(organization, [SMS, SMS]))
    await plan(services, NOW)
    return case


async def pay(
    services: Services,
    case: CollectionCase,
    amount: str = "84.50",
    *,
    currency: str = "EUR",
    key: str | None = None,
    now: datetime = NOW,
    reference: str | None = "BANK-1",
) -> CollectionCase:
    return await record_payment(
        services.store,
        a_viewer(await case.organization),
        case_id=case.id,
        payment=NewPayment(Decimal(amount), currency, None, reference),
        idempotency_key=key,
        now=now,
    )


async def completed(services: Services, case: CollectionCase) -> None:
    """Let the case come to its end."""
    for place, moment in enumerate((NOW, NOW + 7 * DAY)):
        await plan(services, moment)
        (handover,) = await begin(services)
        sid = f"SM{place:032x}"
        await answer(services, [handover], Accepted(sid))
        report = StatusReport("AC" + "5a" * 16, sid, Status.DELIVERED, None, None)
        await record_report(services.store, handover.correlation, report, moment)
    assert (await CollectionCase.get(id=case.id)).closed_reason is CaseClosedReason.COMPLETED


async def test_a_payment_of_all_that_is_due_closes_the_case_as_paid(services: Services, case: CollectionCase) -> None:
    paid = await pay(services, case)

    assert (paid.state, paid.closed_reason, paid.closed_at, paid.amount_due, paid.overpaid) == (
        CaseState.CLOSED,
        CaseClosedReason.PAID,
        NOW,
        Decimal(0),
        Decimal(0),
    )
    payment = await Payment.get()
    assert (payment.case_id, payment.amount, payment.currency, payment.paid_at, payment.reference) == (
        case.id,
        Decimal("84.50"),
        "EUR",
        NOW,
        "BANK-1",
    )


async def test_nothing_more_is_sent_for_a_paid_case_and_it_says_why(services: Services, case: CollectionCase) -> None:
    await pay(services, case)

    reminder = await the_reminder()
    assert (reminder.status, reminder.status_reason) == (Status.CANCELED, PAID)
    assert [(step.state, step.skipped_reason) for step in await CaseStep.all()] == [(CaseStepState.SKIPPED, PAID)] * 2
    assert await begin(services) == []
    assert await plan(services, NOW + 30 * DAY) == 0


async def test_a_partly_paid_case_stays_open_with_the_lower_amount(services: Services, case: CollectionCase) -> None:
    paid = await pay(services, case, "50")

    assert (paid.state, paid.amount_due, paid.closed_at) == (CaseState.ACTIVE, Decimal("34.50"), None)
    assert (await the_reminder()).status is Status.SCHEDULED


async def test_the_last_of_several_payments_closes_the_case(services: Services, case: CollectionCase) -> None:
    states = [(await pay(services, case, amount)).state for amount in ("50", "34.49", "0.01")]

    assert states == [CaseState.ACTIVE, CaseState.ACTIVE, CaseState.CLOSED]
    assert [payment.amount for payment in await Payment.all().order_by("id")] == [
        Decimal(50),
        Decimal("34.49"),
        Decimal("0.01"),
    ]


async def test_what_is_paid_too_much_is_kept_and_asks_for_a_person(services: Services, case: CollectionCase) -> None:
    paid = await pay(services, case, "100")

    assert (paid.closed_reason, paid.amount_due, paid.overpaid) == (CaseClosedReason.PAID, Decimal(0), Decimal("15.50"))
    assert paid.attention_reason == (
        "15.5 EUR more was paid than was due: pay it back, or set it against another case."
    )


async def test_a_payment_in_another_currency_is_refused(services: Services, case: CollectionCase) -> None:
    with pytest.raises(Refusal) as refusal:
        await pay(services, case, currency="USD")

    (problem,) = refusal.value.problems
    assert (problem.code, problem.path) == (ProblemCode.INVALID, ("amount", "currency"))
    assert await Payment.all().count() == 0


async def test_a_paid_case_takes_no_further_payment(services: Services, case: CollectionCase) -> None:
    await pay(services, case)

    with pytest.raises(Refusal) as refusal:
        await pay(services, case, "1")

    assert [problem.code for problem in refusal.value.problems] == [ProblemCode.CASE_CLOSED]
    assert await Payment.all().count() == 1


async def test_a_late_payment_makes_a_completed_case_a_paid_one(services: Services, case: CollectionCase) -> None:
    await completed(services, case)
    ended = (await CollectionCase.get()).closed_at

    part = await pay(services, case, "50", now=NOW + 30 * DAY)
    assert (part.closed_reason, part.amount_due) == (CaseClosedReason.COMPLETED, Decimal("34.50"))

    paid = await pay(services, case, "34.50", now=NOW + 31 * DAY)
    assert (paid.state, paid.closed_reason, paid.closed_at) == (CaseState.CLOSED, CaseClosedReason.PAID, ended)


async def test_a_late_payment_counts_for_a_case_that_a_person_closed(services: Services, case: CollectionCase) -> None:
    viewer = a_viewer(await case.organization)
    await close_case(services.store, viewer, case_id=case.id, reason="Written off", now=NOW)

    paid = await pay(services, case)

    assert (paid.closed_reason, paid.closed_note, paid.amount_due) == (CaseClosedReason.PAID, "Written off", Decimal(0))


async def test_a_paused_case_can_be_paid_and_stays_paused_when_it_is_partly_paid(
    services: Services, case: CollectionCase
) -> None:
    viewer = a_viewer(await case.organization)
    await pause_case(services.store, viewer, case_id=case.id, reason=None, until=None, now=NOW)

    assert (await pay(services, case, "50")).state is CaseState.PAUSED
    assert (await pay(services, case, "34.50")).state is CaseState.CLOSED


async def test_payments_at_once_are_all_counted(services: Services, case: CollectionCase) -> None:
    await asyncio.gather(*(pay(services, case, "10.05") for _ in range(8)))

    assert (await CollectionCase.get()).amount_due == Decimal("4.10")
    assert await Payment.all().count() == 8


async def test_a_payment_is_reported_only_when_nothing_is_under_way(services: Services, case: CollectionCase) -> None:
    handovers = await begin(services)

    paying = asyncio.create_task(pay(services, case))
    done, _ = await asyncio.wait({paying}, timeout=0.3)
    assert not done

    await answer(services, handovers, Accepted(SID))
    async with asyncio.timeout(2):
        await paying
    assert (await the_reminder()).status is Status.SENT


async def test_a_reminder_under_way_that_was_not_taken_is_canceled_by_the_payment(
    services: Services, case: CollectionCase
) -> None:
    handovers = await begin(services)
    paying = asyncio.create_task(pay(services, case))
    await asyncio.wait({paying}, timeout=0.2)

    await answer(services, handovers, Throttled(None))
    await paying

    assert await statuses() == ["SCHEDULED", "SENDING", "SCHEDULED", "CANCELED"]
    assert (await the_reminder()).status_reason == PAID


async def test_a_claimed_reminder_is_not_sent_after_the_payment(services: Services, case: CollectionCase) -> None:
    claims = await claim_reminders(services.store, limit=10)

    await pay(services, case)

    assert await mark(services, claims, NOW) == []


async def test_payments_racing_planning_and_sending_leave_nothing_to_send(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    cases = [await open_one(services, cycle, a_new_case(f"INV-{n}", customer=f"C-{n}")) for n in range(20)]

    async def deliver() -> None:
        await plan(services, NOW)
        await answer(services, await begin(services), lambda place: Accepted(f"SM{place:032x}"))

    await asyncio.gather(deliver(), *(pay(services, case) for case in cases))
    await plan(services, NOW)

    assert await begin(services) == []
    assert {case.closed_reason for case in await CollectionCase.all()} == {CaseClosedReason.PAID}
    assert {reminder.status for reminder in await Reminder.all()} <= {Status.SENT, Status.CANCELED}


async def test_recording_a_payment_needs_the_permission_to_collect(services: Services, case: CollectionCase) -> None:
    viewer = a_viewer(await case.organization, frozenset({Permission.READ, Permission.CONFIGURE}))

    with pytest.raises(Forbidden):
        await record_payment(
            services.store,
            viewer,
            case_id=case.id,
            payment=NewPayment(Decimal(1), "EUR", None, None),
            idempotency_key=None,
            now=NOW,
        )
