"""What follows from a failure beyond its reminder: numbers marked, texts sent once more, accounts held."""

from datetime import timedelta
from decimal import Decimal

import pytest

from dunlin.domain.actions.change_customer_address import change_customer_phone
from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.deliver import Handover
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.actions.resend_reminder import resend_reminder
from dunlin.domain.carrier import Accepted, Answer, Fault, Refused, StatusReport, Unknown
from dunlin.domain.choices import (
    CaseClosedReason,
    CaseState,
    CaseStepState,
    IntegrationKind,
    IntegrationStatus,
    PhoneProblemKind,
)
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import rows
from dunlin.domain.tables import CaseStep, CollectionCase, Customer, Integration, Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    PHONE,
    SMS,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_viewer,
    connect_sms,
    open_one,
)
from tests.delivery import answer, begin, plan, statuses

Status = ReminderStatus
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LANDLINE = "This is a landline number."
MUST_BE_CORRECTED = "The phone number must be corrected: this is a landline number."
OFF = "The phone was off or out of reach."


def refused(fault: Fault, reason: str = "Why?", lasts: timedelta | None = None) -> Refused:
    return Refused(30000, fault, reason, lasts)


def reported(fault: Fault | None, status: Status = Status.UNDELIVERED, lasts: timedelta | None = None) -> StatusReport:
    reason = OFF if fault is Fault.UNREACHABLE else "Why?"
    return StatusReport("AC1", "SM" + "0" * 32, status, 30000 if fault else None, reason, fault, lasts)


async def hand_over(services: Services, answered: Answer | None = None) -> Handover:
    """Hand over the reminder that is due next. Without an answer the carrier accepts it."""
    await rows("UPDATE reminder SET scheduled_for = clock_timestamp() WHERE status = 'SCHEDULED'")
    [handover, *_] = await begin(services)
    await answer(services, [handover], answered or Accepted(f"SM{handover.reminder_id:032x}"))
    return handover


async def send_and_report(services: Services, fault: Fault | None, status: Status, lasts: timedelta | None) -> Handover:
    handover = await hand_over(services)
    sid = f"SM{handover.reminder_id:032x}"
    told = StatusReport("AC1", sid, status, 30000 if fault else None, OFF if fault else None, fault, lasts)
    await record_report(services.store, handover.correlation, told, NOW)
    return handover


async def find_out_of_reach(services: Services) -> Handover:
    """Send what is due, to a phone that is off."""
    return await send_and_report(services, Fault.UNREACHABLE, Status.UNDELIVERED, 3 * HOUR)


@pytest.fixture
async def organization(services: Services) -> Organization:
    """With a case of three SMS steps, the first of which is planned."""
    organization, _ = await a_collecting_organization(services)
    await open_one(services, await a_cycle(organization, [SMS, SMS, SMS]))
    await plan(services, NOW)
    return organization


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault.INVALID_NUMBER, PhoneProblemKind.INVALID),
        (Fault.LANDLINE, PhoneProblemKind.LANDLINE),
    ],
)
@pytest.mark.parametrize("way", ["refused at once", "reported later"])
async def test_a_number_that_the_carrier_says_is_bad_is_marked_and_texted_no_more(
    services: Services, organization: Organization, fault: Fault, problem: PhoneProblemKind, way: str
) -> None:
    if way == "refused at once":
        await hand_over(services, refused(fault, LANDLINE))
    else:
        handover = await hand_over(services)
        sid = f"SM{handover.reminder_id:032x}"
        told = StatusReport("AC1", sid, Status.FAILED, 30006, LANDLINE, fault)
        await record_report(services.store, handover.correlation, told, NOW)
    await plan(services, NOW + 7 * DAY)

    customer = await Customer.get()
    assert (customer.phone_problem, customer.phone_problem_reason) == (problem, LANDLINE)
    assert customer.phone_problem_at is not None
    assert (await CollectionCase.get()).attention_reason == MUST_BE_CORRECTED
    steps = await CaseStep.all().order_by("position")
    assert [step.state for step in steps] == [CaseStepState.DONE, CaseStepState.SKIPPED, CaseStepState.PENDING]
    assert steps[1].skipped_reason == MUST_BE_CORRECTED
    assert (await Reminder.get()).status is Status.FAILED


async def test_a_bad_number_stops_what_is_scheduled_for_all_its_customers_in_that_organization_only(
    services: Services, organization: Organization
) -> None:
    other, other_cycle = await a_collecting_organization(services, name="Other")
    await open_one(services, other_cycle)
    await open_one(services, await a_cycle(organization), a_new_case("INV-2", customer="C-2"))
    await open_one(services, await a_cycle(organization), a_new_case("INV-3", customer="C-3", phone="+447700900003"))
    await plan(services, NOW)
    first = await Reminder.filter(organization_id=organization.id).order_by("id").first()
    assert first is not None
    await Reminder.exclude(id=first.id).update(scheduled_for=NOW + 365 * DAY)

    handovers = await begin(services)
    await answer(services, handovers, refused(Fault.LANDLINE, LANDLINE))

    ours = await Customer.filter(organization_id=organization.id).order_by("id")
    assert [customer.phone_problem for customer in ours] == [PhoneProblemKind.LANDLINE] * 2 + [None]
    assert (await Customer.get(organization_id=other.id)).phone_problem is None
    second = await CollectionCase.get(external_reference="INV-2")
    canceled = await Reminder.get(case_id=second.id)
    assert (canceled.status, canceled.status_reason) == (Status.CANCELED, MUST_BE_CORRECTED)
    assert second.attention_reason == MUST_BE_CORRECTED
    assert await Reminder.filter(status=Status.SCHEDULED).count() == 2


async def test_what_was_planned_while_a_number_was_marked_is_canceled_before_it_goes_out(
    services: Services, organization: Organization
) -> None:
    await Customer.all().update(
        phone_problem=PhoneProblemKind.LANDLINE, phone_problem_reason=LANDLINE, phone_problem_at=NOW
    )

    assert await begin(services) == []

    reminder = await Reminder.get()
    assert (reminder.status, reminder.status_reason) == (Status.CANCELED, MUST_BE_CORRECTED)


async def test_another_number_in_a_new_case_makes_a_marked_customer_reachable_again(
    services: Services, organization: Organization
) -> None:
    await hand_over(services, refused(Fault.LANDLINE, LANDLINE))
    cycle = await a_cycle(organization)

    await open_one(services, cycle, a_new_case("INV-2"))
    assert (await Customer.get()).phone_problem is PhoneProblemKind.LANDLINE

    await open_one(services, cycle, a_new_case("INV-3", phone="+447700900003"))
    customer = await Customer.get()
    assert (customer.phone, customer.phone_problem_at) == ("+447700900003", None)
    assert customer.phone_problem is None
    assert {case.attention_reason for case in await CollectionCase.all()} == {None}


@pytest.mark.parametrize(
    "number", ["+447700900003", PHONE], ids=["another number", "the same one, as a person insists"]
)
async def test_a_corrected_number_is_texted_again(services: Services, organization: Organization, number: str) -> None:
    await hand_over(services, refused(Fault.LANDLINE, LANDLINE))
    customer = await Customer.get()

    changed = await change_customer_phone(
        services.store, a_viewer(organization), customer_id=customer.id, number=number, now=NOW
    )
    await plan(services, NOW + 7 * DAY)

    assert (changed.phone, changed.phone_problem_reason) == (number, None)
    assert changed.phone_problem is None
    assert (await CollectionCase.get()).attention_reason is None
    assert (await Reminder.get(status=Status.SCHEDULED)).to == number


async def test_what_is_scheduled_goes_to_the_corrected_number(services: Services, organization: Organization) -> None:
    customer = await Customer.get()

    await change_customer_phone(
        services.store, a_viewer(organization), customer_id=customer.id, number="+447700900003", now=NOW
    )

    assert (await begin(services))[0].to == "+447700900003"
    assert (await Reminder.get()).to == "+447700900003"


async def test_what_is_scheduled_for_a_corrected_number_costs_what_its_country_costs(
    services: Services, organization: Organization
) -> None:
    await rows(
        "INSERT INTO sms_price (organization_id, country, connection_id, price, currency, fetched_at)"
        " SELECT organization_id, 'EE', connection_id, 0.07, 'USD', $1 FROM integration WHERE kind = 'SMS'",
        NOW,
    )
    assert (await Reminder.get()).estimated_cost is None  # the price of GB is not known

    await change_customer_phone(
        services.store, a_viewer(organization), customer_id=(await Customer.get()).id, number="+37255500001", now=NOW
    )
    await begin(services)

    assert (await Reminder.get()).estimated_cost == Decimal("0.07")


async def test_a_corrected_number_that_turns_out_bad_stops_what_was_planned_for_the_former_one(
    services: Services, organization: Organization
) -> None:
    await open_one(services, await a_cycle(organization), a_new_case("INV-2"))
    await plan(services, NOW)
    await Reminder.filter(case_id=2).update(scheduled_for=NOW + 365 * DAY)
    await change_customer_phone(
        services.store, a_viewer(organization), customer_id=(await Customer.get()).id, number="+447700900003", now=NOW
    )

    await answer(services, await begin(services), refused(Fault.LANDLINE, LANDLINE))

    assert (await Reminder.get(case_id=2)).status_reason == MUST_BE_CORRECTED


async def test_a_late_refusal_of_the_former_number_does_not_mark_the_corrected_one(
    services: Services, organization: Organization
) -> None:
    handovers = await begin(services)
    customer = await Customer.get()
    await change_customer_phone(
        services.store, a_viewer(organization), customer_id=customer.id, number="+447700900003", now=NOW
    )

    await answer(services, handovers, refused(Fault.LANDLINE, LANDLINE))

    assert (await Customer.get()).phone_problem is None
    assert (await CollectionCase.get()).attention_reason == f"A reminder may not have arrived: {LANDLINE}"


async def test_a_phone_that_is_off_is_texted_once_more_some_hours_later(
    services: Services, organization: Organization
) -> None:
    await find_out_of_reach(services)

    first, second = await Reminder.all().order_by("id")
    assert (first.status, first.status_reason) == (Status.UNDELIVERED, f"{OFF} It is sent once more.")
    assert (second.status, second.scheduled_for, second.is_retry) == (Status.SCHEDULED, NOW + 3 * HOUR, True)
    assert (second.to, second.text, second.case_step_id) == (first.to, first.text, first.case_step_id)
    assert (second.segments, second.estimated_cost) == (first.segments, first.estimated_cost)
    assert (await CollectionCase.get()).attention_reason is None
    assert await statuses() == ["SCHEDULED", "SENDING", "SENT", "UNDELIVERED", "SCHEDULED"]


async def test_it_is_not_texted_a_third_time_for_one_step(services: Services, organization: Organization) -> None:
    await find_out_of_reach(services)
    await find_out_of_reach(services)

    last = await Reminder.all().order_by("-id").first()
    assert last is not None
    assert last.status_reason == f"{OFF} It is not sent again: it has been sent twice."
    assert await Reminder.all().count() == 2
    attention = (await CollectionCase.get()).attention_reason
    assert attention == f"A reminder may not have arrived: {last.status_reason}"


async def test_a_number_that_is_out_of_reach_three_times_in_a_row_is_marked(
    services: Services, organization: Organization
) -> None:
    await find_out_of_reach(services)
    await find_out_of_reach(services)
    await plan(services, NOW + 7 * DAY)
    await find_out_of_reach(services)
    await plan(services, NOW + 14 * DAY)

    customer = await Customer.get()
    assert customer.phone_problem is PhoneProblemKind.UNREACHABLE
    reason = "The phone number must be corrected: the last three texts to it did not arrive."
    steps = await CaseStep.all().order_by("position")
    assert (steps[2].state, steps[2].skipped_reason) == (CaseStepState.SKIPPED, reason)
    assert await Reminder.all().count() == 3


async def test_a_text_that_arrives_between_failures_starts_the_count_anew(
    services: Services, organization: Organization
) -> None:
    await find_out_of_reach(services)
    await send_and_report(services, None, Status.DELIVERED, None)
    await plan(services, NOW + 7 * DAY)
    await find_out_of_reach(services)

    assert (await Customer.get()).phone_problem is None


async def test_a_text_that_arrives_after_all_is_not_sent_once_more(
    services: Services, organization: Organization
) -> None:
    handover = await find_out_of_reach(services)

    told = StatusReport("AC1", f"SM{handover.reminder_id:032x}", Status.DELIVERED, None, None)
    await record_report(services.store, handover.correlation, told, NOW)

    first, second = await Reminder.all().order_by("id")
    assert first.status is Status.DELIVERED
    assert (second.status, second.status_reason) == (
        Status.CANCELED,
        "An earlier reminder of this step has arrived after all.",
    )
    assert (await CaseStep.get(position=1)).state is CaseStepState.DONE


async def test_a_number_that_was_marked_as_out_of_reach_is_good_again_when_a_text_arrives_after_all(
    services: Services, organization: Organization
) -> None:
    await find_out_of_reach(services)
    await find_out_of_reach(services)
    await plan(services, NOW + 7 * DAY)
    handover = await find_out_of_reach(services)

    told = StatusReport("AC1", f"SM{handover.reminder_id:032x}", Status.DELIVERED, None, None)
    await record_report(services.store, handover.correlation, told, NOW)

    assert (await Customer.get()).phone_problem is None
    assert (await CollectionCase.get()).attention_reason is None


async def test_nothing_is_sent_once_more_when_the_next_step_comes_first(
    services: Services, organization: Organization
) -> None:
    await send_and_report(services, Fault.TEMPORARY, Status.FAILED, 8 * DAY)

    reminder = await Reminder.get()
    assert reminder.status_reason == f"{OFF} It is not sent again: the next step comes first."


async def test_nothing_is_sent_once_more_beside_what_a_person_has_sent_again(
    services: Services, organization: Organization
) -> None:
    handover = await hand_over(services, Unknown("No answer."))
    await resend_reminder(
        services.store, a_viewer(organization), reminder_id=handover.reminder_id, idempotency_key=None, now=NOW
    )

    told = StatusReport("AC1", f"SM{1:032x}", Status.UNDELIVERED, 30003, OFF, Fault.UNREACHABLE, 3 * HOUR)
    await record_report(services.store, handover.correlation, told, NOW)

    first, second = await Reminder.all().order_by("id")
    assert first.status_reason == f"{OFF} It is not sent again: it has been sent again already."
    assert second.is_retry is False


async def test_nothing_of_before_a_disconnect_is_sent_once_more_although_sms_is_connected_again(
    services: Services, organization: Organization
) -> None:
    handover = await hand_over(services)
    await disconnect_integration(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )
    await connect_sms(services, organization)

    told = StatusReport(
        "AC1", f"SM{handover.reminder_id:032x}", Status.UNDELIVERED, 30003, OFF, Fault.UNREACHABLE, HOUR
    )
    await record_report(services.store, handover.correlation, told, NOW)

    assert (await Reminder.get()).status_reason == f"{OFF} It is not sent again: SMS is not connected."


async def test_a_case_is_not_completed_while_its_last_text_goes_once_more(services: Services) -> None:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)

    await find_out_of_reach(services)
    assert (await CollectionCase.get()).state is CaseState.ACTIVE

    await send_and_report(services, None, Status.DELIVERED, None)
    assert (await CollectionCase.get()).closed_reason is CaseClosedReason.COMPLETED


@pytest.mark.parametrize("fault", [Fault.CONTENT, Fault.RECIPIENT, Fault.COUNTRY, Fault.DISPUTABLE, Fault.OTHER])
async def test_other_failures_ask_for_a_person_and_go_no_further(
    services: Services, organization: Organization, fault: Fault
) -> None:
    await send_and_report(services, fault, Status.FAILED, None)

    reminder = await Reminder.get()
    assert (reminder.status, reminder.status_reason, reminder.fault) == (Status.FAILED, OFF, fault)
    assert (await CollectionCase.get()).attention_reason == f"A reminder may not have arrived: {OFF}"
    assert (await Customer.get()).phone_problem is None
    assert (await Integration.get(kind=IntegrationKind.SMS)).status is IntegrationStatus.CONNECTED


@pytest.mark.parametrize("fault", [Fault.OURS, Fault.UNLISTED])
async def test_what_is_for_us_to_mend_is_in_the_log(
    services: Services, organization: Organization, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    await hand_over(services, refused(fault))

    assert "carrier error 30000 of reminder 1" in caplog.text
    assert (await Reminder.get()).status is Status.FAILED


@pytest.mark.parametrize("fault", [Fault.CREDENTIALS, Fault.SENDER])
async def test_a_refused_account_or_sender_holds_everything_and_nothing_fails(
    services: Services, organization: Organization, fault: Fault
) -> None:
    await hand_over(services, refused(fault, "The sender cannot send texts."))

    integration = await Integration.get(kind=IntegrationKind.SMS)
    assert integration.status is IntegrationStatus.NEEDS_ATTENTION
    assert integration.attention_reason == "The sender cannot send texts."
    assert (await Reminder.get()).status is Status.SCHEDULED
    assert await claim_reminders(services.store, limit=10) == []

    await connect_sms(services, organization)
    assert len(await claim_reminders(services.store, limit=10)) == 1


@pytest.mark.parametrize("fault", [Fault.CREDENTIALS, Fault.SENDER])
async def test_an_account_or_sender_refused_in_a_report_holds_everything_and_that_text_has_failed(
    services: Services, organization: Organization, fault: Fault
) -> None:
    await send_and_report(services, fault, Status.FAILED, None)

    assert (await Integration.get(kind=IntegrationKind.SMS)).status is IntegrationStatus.NEEDS_ATTENTION
    assert (await Reminder.get()).status is Status.FAILED


async def test_a_report_about_a_former_connection_does_not_hold_the_present_one(
    services: Services, organization: Organization
) -> None:
    handover = await hand_over(services)
    await Integration.filter(kind=IntegrationKind.SMS).update(status=IntegrationStatus.NEEDS_ATTENTION)
    await connect_sms(services, organization)

    told = StatusReport("AC1", f"SM{handover.reminder_id:032x}", Status.FAILED, 30034, "Why?", Fault.SENDER)
    await record_report(services.store, handover.correlation, told, NOW)

    assert (await Integration.get(kind=IntegrationKind.SMS)).status is IntegrationStatus.CONNECTED


async def test_a_used_up_limit_holds_everything_until_it_is_renewed(
    services: Services, organization: Organization
) -> None:
    await hand_over(services, refused(Fault.LIMIT, "The account has reached its message limit.", 5 * HOUR))
    await rows("UPDATE reminder SET scheduled_for = clock_timestamp()")

    integration = await Integration.get(kind=IntegrationKind.SMS)
    assert integration.status is IntegrationStatus.CONNECTED
    assert integration.held_reason == "The account has reached its message limit."
    assert await claim_reminders(services.store, limit=10) == []

    await rows("UPDATE integration SET held_until = clock_timestamp()")
    assert len(await claim_reminders(services.store, limit=10)) == 1


async def test_what_failed_for_a_used_up_limit_goes_once_more_when_it_is_renewed(
    services: Services, organization: Organization
) -> None:
    await send_and_report(services, Fault.LIMIT, Status.FAILED, 5 * HOUR)

    assert (await Integration.get(kind=IntegrationKind.SMS)).held_until == NOW + 5 * HOUR
    assert (await Reminder.get(status=Status.SCHEDULED)).scheduled_for == NOW + 5 * HOUR


async def test_connecting_anew_ends_a_hold(services: Services, organization: Organization) -> None:
    await hand_over(services, refused(Fault.LIMIT, "Enough for today.", 5 * HOUR))
    await Integration.filter(kind=IntegrationKind.SMS).update(status=IntegrationStatus.NEEDS_ATTENTION)

    await connect_sms(services, organization)

    assert (await Integration.get(kind=IntegrationKind.SMS)).held_until is None


async def test_who_the_carrier_says_has_opted_out_is_texted_no_more_in_any_case_of_that_number(
    services: Services, organization: Organization
) -> None:
    await open_one(services, await a_cycle(organization), a_new_case("INV-2", customer="C-2"))
    await plan(services, NOW)
    await Reminder.filter(case_id=2).update(scheduled_for=NOW + 365 * DAY)

    await answer(services, await begin(services), refused(Fault.OPTED_OUT))

    assert {customer.sms_opted_out_at is None for customer in await Customer.all()} == {False}
    assert (await Reminder.get(case_id=2)).status is Status.CANCELED
    reasons = {case.attention_reason for case in await CollectionCase.all()}
    assert reasons == {"The customer has opted out of SMS."}
