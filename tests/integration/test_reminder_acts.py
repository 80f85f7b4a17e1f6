"""What a person does with a reminder: cancel it, or send it again."""

import asyncio
from datetime import timedelta

import pytest

from dunlin.domain.actions.cancel_reminder import cancel_reminder
from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.close_case import close_case
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.record import record_answers
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.actions.resend_reminder import resend_reminder
from dunlin.domain.actions.sweep import sweep_sending
from dunlin.domain.carrier import Accepted, Fault, Refused, StatusReport, Throttled, Unknown
from dunlin.domain.choices import CaseClosedReason, CaseState, CaseStepState, IntegrationKind
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import rows
from dunlin.domain.tables import CaseStep, CollectionCase, Customer, Organization, Reminder, StepTexts
from dunlin.runtime.wiring import Services
from tests.build import NOW, SMS, a_cycle, a_new_case, a_viewer, an_organization, connect_sms, open_one, pay
from tests.delivery import SID, answer, begin, mark, plan, statuses

Status = ReminderStatus
REFUSED = Refused(21211, Fault.RECIPIENT, "Bad number.")
DAY = timedelta(days=1)


@pytest.fixture
async def organization(services: Services) -> Organization:
    organization = await an_organization()
    await connect_sms(services, organization)
    return organization


@pytest.fixture
async def scheduled(services: Services, organization: Organization) -> Reminder:
    """The only reminder of a case with a single step."""
    await open_one(services, await a_cycle(organization))
    await plan(services, NOW)
    return await Reminder.get()


@pytest.fixture
async def failed(services: Services, scheduled: Reminder) -> Reminder:
    """The same, refused by the carrier: its case has come to its end."""
    await answer(services, await begin(services), REFUSED)
    return await Reminder.get()


async def cancel(services: Services, reminder: Reminder) -> Reminder:
    viewer = a_viewer(await reminder.organization)
    return await cancel_reminder(services.store, viewer, reminder_id=reminder.id, now=NOW)


async def resend(services: Services, reminder: Reminder, *, key: str | None = None) -> Reminder:
    viewer = a_viewer(await reminder.organization)
    return await resend_reminder(services.store, viewer, reminder_id=reminder.id, idempotency_key=key, now=NOW)


async def refusal_of(services: Services, reminder: Reminder) -> tuple[ProblemCode, str]:
    """Send again, be refused, and see that nothing came of it."""
    before = await Reminder.all().count()
    with pytest.raises(Refusal) as refusal:
        await resend(services, reminder)
    assert await Reminder.all().count() == before
    (problem,) = refusal.value.problems
    return problem.code, problem.message


async def test_a_canceled_reminder_is_not_sent_and_its_step_says_why(services: Services, scheduled: Reminder) -> None:
    canceled = await cancel(services, scheduled)

    assert (canceled.status, canceled.status_reason) == (Status.CANCELED, "A person canceled this reminder.")
    step = await CaseStep.get()
    assert (step.state, step.skipped_reason) == (CaseStepState.SKIPPED, "A person canceled this reminder.")
    assert await begin(services) == []
    assert await statuses() == ["SCHEDULED", "CANCELED"]


async def test_a_case_whose_last_reminder_is_canceled_is_completed(services: Services, scheduled: Reminder) -> None:
    await cancel(services, scheduled)

    assert (await CollectionCase.get()).closed_reason is CaseClosedReason.COMPLETED


async def test_the_next_step_counts_its_days_as_ever(services: Services, organization: Organization) -> None:
    await open_one(services, await a_cycle(organization, [SMS, SMS]))
    await plan(services, NOW)

    await cancel(services, await Reminder.get())
    await plan(services, NOW)
    await plan(services, NOW + 7 * DAY)

    assert [reminder.status for reminder in await Reminder.all().order_by("id")] == [Status.CANCELED, Status.SCHEDULED]


async def test_a_claimed_reminder_can_still_be_canceled(services: Services, scheduled: Reminder) -> None:
    claims = await claim_reminders(services.store, limit=10)

    await cancel(services, scheduled)

    assert await mark(services, claims, NOW) == []


async def test_what_is_being_handed_over_cannot_be_canceled(services: Services, scheduled: Reminder) -> None:
    await begin(services)

    with pytest.raises(Refusal) as refusal:
        await cancel(services, scheduled)

    assert [problem.code for problem in refusal.value.problems] == [ProblemCode.WRONG_STATE]
    assert "cannot be called back" in str(refusal.value)
    assert (await Reminder.get()).status is Status.SENDING


async def test_a_reminder_is_canceled_or_sent_but_not_both(services: Services, organization: Organization) -> None:
    cycle = await a_cycle(organization)
    for place in range(10):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
    await plan(services, NOW)
    reminders = await Reminder.all()

    async def deliver() -> int:
        handovers = await begin(services)
        await answer(services, handovers, lambda place: Accepted(f"SM{place:032x}"))
        return len(handovers)

    sent, *canceled = await asyncio.gather(
        deliver(), *(cancel(services, reminder) for reminder in reminders), return_exceptions=True
    )

    assert isinstance(sent, int)
    assert sent + sum(isinstance(one, Reminder) for one in canceled) == 10
    assert {reminder.status for reminder in await Reminder.all()} <= {Status.SENT, Status.CANCELED}


async def test_a_failed_reminder_is_sent_again_as_a_new_one(services: Services, failed: Reminder) -> None:
    new = await resend(services, failed)

    assert (new.id != failed.id, new.resend_number, new.status) == (True, 1, Status.SCHEDULED)
    assert (await Reminder.get(id=failed.id)).status is Status.FAILED
    assert [handover.reminder_id for handover in await begin(services)] == [new.id]
    assert await statuses(new) == ["SCHEDULED", "SENDING"]


async def test_it_is_written_anew_and_goes_to_the_present_number(services: Services, failed: Reminder) -> None:
    await StepTexts.all().update(sms={"en": "Please pay {{ amount }}, {{ customer.name }}."})
    await Customer.all().update(phone="+447700900002", name="Ada Reyes-Lund")
    await CollectionCase.all().update(amount_due="50")

    new = await resend(services, failed)

    assert (new.to, new.text) == ("+447700900002", "Please pay €50.00, Ada Reyes-Lund.")


async def test_a_case_that_had_ended_is_open_again_until_the_new_reminder_is_settled(
    services: Services, failed: Reminder
) -> None:
    assert (await CollectionCase.get()).closed_reason is CaseClosedReason.COMPLETED

    await resend(services, failed)
    case = await CollectionCase.get()
    assert case.state is CaseState.ACTIVE
    assert [case.closed_reason, case.closed_at, case.attention_reason] == [None, None, None]

    handovers = await begin(services)
    await answer(services, handovers, Accepted(SID))
    report = StatusReport("AC" + "5a" * 16, SID, Status.DELIVERED, None, None)
    await record_report(services.store, handovers[0].correlation, report, NOW)
    assert (await CollectionCase.get()).closed_reason is CaseClosedReason.COMPLETED


@pytest.mark.parametrize("status", [Status.UNDELIVERED, Status.UNCONFIRMED])
async def test_it_can_be_sent_again_after(services: Services, scheduled: Reminder, status: ReminderStatus) -> None:
    handovers = await begin(services)
    if status is Status.UNCONFIRMED:
        await answer(services, handovers, Unknown("No answer came."))
    else:
        await answer(services, handovers, Accepted(SID))
        report = StatusReport("AC" + "5a" * 16, SID, status, 30003, "Out of reach.")
        await record_report(services.store, handovers[0].correlation, report, NOW)

    assert (await resend(services, scheduled)).status is Status.SCHEDULED
    assert (await CollectionCase.get()).attention_reason is None


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.SENDING, Status.SENT, Status.DELIVERED, Status.CANCELED])
async def test_it_cannot_be_sent_again_while(services: Services, scheduled: Reminder, status: ReminderStatus) -> None:
    await Reminder.all().update(status=status)

    code, message = await refusal_of(services, scheduled)

    assert code is ProblemCode.WRONG_STATE
    assert message.startswith(f"The reminder is {status}. ")


async def test_it_is_sent_again_once_and_then_only_the_newest_of_its_step(services: Services, failed: Reminder) -> None:
    new = await resend(services, failed)
    assert await refusal_of(services, failed) == (
        ProblemCode.WRONG_STATE,
        "It has been sent again already: look at the newest reminder of its step.",
    )

    await answer(services, await begin(services), REFUSED)

    assert (await resend(services, new)).resend_number == 2


async def test_two_people_at_once_send_it_again_once(services: Services, failed: Reminder) -> None:
    outcomes = await asyncio.gather(*(resend(services, failed) for _ in range(4)), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refusal"] * 3 + ["Reminder"]
    assert await Reminder.all().count() == 2


async def test_one_request_at_once_and_again_sends_it_again_once(services: Services, failed: Reminder) -> None:
    answers = await asyncio.gather(*(resend(services, failed, key="A") for _ in range(4)))
    answers.append(await resend(services, failed, key="A"))

    assert len({reminder.id for reminder in answers}) == 1
    assert await Reminder.all().count() == 2


async def test_the_case_of_what_is_sent_again_must_be_open(services: Services, failed: Reminder) -> None:
    case = await CollectionCase.get()
    await CollectionCase.all().update(state=CaseState.ACTIVE, closed_reason=None)
    await close_case(services.store, a_viewer(await case.organization), case_id=case.id, reason="Paid cash", now=NOW)

    assert await refusal_of(services, failed) == (ProblemCode.CASE_CLOSED, "A person closed the case: Paid cash")


async def test_nothing_is_sent_again_for_a_paid_case(services: Services, failed: Reminder) -> None:
    await pay(services, await CollectionCase.get(), "84.50")

    assert await refusal_of(services, failed) == (ProblemCode.CASE_CLOSED, "The amount due has been paid.")


async def test_nothing_is_sent_again_in_a_pause(services: Services, failed: Reminder) -> None:
    await CollectionCase.all().update(state=CaseState.PAUSED, closed_reason=None)

    assert await refusal_of(services, failed) == (ProblemCode.WRONG_STATE, "The case is PAUSED. Resume it first.")


async def test_sending_again_needs_a_connected_integration(
    services: Services, organization: Organization, failed: Reminder
) -> None:
    await disconnect_integration(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )
    assert (await refusal_of(services, failed))[0] is ProblemCode.NOT_CONNECTED

    await connect_sms(services, organization)
    assert (await resend(services, failed)).status is Status.SCHEDULED


async def test_who_has_opted_out_is_not_sent_it_again(services: Services, failed: Reminder) -> None:
    await Customer.all().update(sms_opted_out_at=NOW)

    assert await refusal_of(services, failed) == (
        ProblemCode.WRONG_STATE,
        "It could not be sent: The customer has opted out of SMS.",
    )


async def test_it_is_not_sent_again_to_nowhere(services: Services, failed: Reminder) -> None:
    await Customer.all().update(phone=None)

    assert await refusal_of(services, failed) == (
        ProblemCode.WRONG_STATE,
        "It could not be sent: The customer has no phone number.",
    )


async def test_canceling_what_was_sent_again_leaves_its_step_done(services: Services, failed: Reminder) -> None:
    await cancel(services, await resend(services, failed))

    assert (await CaseStep.get()).state is CaseStepState.DONE
    assert (await CollectionCase.get()).closed_reason is CaseClosedReason.COMPLETED


async def test_an_unconfirmed_reminder_that_a_person_has_sent_again_never_goes_by_itself(
    services: Services, scheduled: Reminder
) -> None:
    handovers = await begin(services)
    await rows("UPDATE reminder SET lease_until = clock_timestamp() - interval '1 second'")
    await sweep_sending(services.store, NOW)
    await resend(services, scheduled)

    await record_answers(services.store, [(handovers[0], Throttled(None))], NOW)  # it was not taken after all
    await rows("UPDATE reminder SET scheduled_for = clock_timestamp(), lease_until = NULL")
    going = await begin(services)

    first, second = await Reminder.all().order_by("id")
    assert [handover.reminder_id for handover in going] == [second.id]
    assert (first.status, first.status_reason) == (Status.CANCELED, "A person has sent it again.")
