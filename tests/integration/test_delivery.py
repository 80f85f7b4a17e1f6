import asyncio
from contextvars import Context
from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.deliver import mark_sending
from dunlin.domain.actions.record import record_answers
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.actions.sweep import sweep_sending
from dunlin.domain.carrier import Accepted, Answer, Fault, Refused, StatusReport, Throttled, Unknown, Unreached
from dunlin.domain.choices import (
    CaseClosedReason,
    CaseState,
    CaseStepState,
    IntegrationKind,
    IntegrationStatus,
    Weekday,
)
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.store import rows
from dunlin.domain.tables import CaseStep, CollectionCase, Customer, Integration, Reminder, SendAttempt
from dunlin.runtime.wiring import Services
from tests.build import NOW, SMS, a_cycle, a_new_case, an_organization, connect_sms, open_one
from tests.delivery import SID, answer, begin, mark, plan, send, statuses, the_reminder

Status = ReminderStatus


@pytest.fixture
async def planned(services: Services) -> Services:
    """One case of a connected organization, with its reminder scheduled."""
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization))
    await plan(services, NOW)
    return services


def report(status: ReminderStatus | None, *, sid: str = SID, code: int | None = None) -> StatusReport:
    return StatusReport("AC" + "5a" * 16, sid, status, code, None)


async def test_a_reminder_is_marked_sending_before_it_is_handed_over(planned: Services) -> None:
    handovers = await begin(planned)

    assert [handover.to for handover in handovers] == ["+447700900001"]
    assert (await the_reminder()).status is Status.SENDING
    assert (await SendAttempt.get()).outcome == "Open"


async def test_a_claimed_reminder_cannot_be_claimed_again(planned: Services) -> None:
    assert len(await claim_reminders(planned.store, limit=10)) == 1
    assert await claim_reminders(planned.store, limit=10) == []


async def test_an_expired_claim_can_be_claimed_again_and_its_former_holder_sends_nothing(planned: Services) -> None:
    late = await claim_reminders(planned.store, limit=10)
    await rows("UPDATE reminder SET lease_until = clock_timestamp() - interval '1 second'")

    new = await claim_reminders(planned.store, limit=10)

    assert await mark(planned, late, NOW) == []
    assert len(await mark(planned, new, NOW)) == 1


async def test_what_is_not_due_yet_is_not_claimed(planned: Services) -> None:
    await rows("UPDATE reminder SET scheduled_for = clock_timestamp() + interval '1 minute'")

    assert await claim_reminders(planned.store, limit=10) == []


async def test_a_large_backlog_of_one_organization_does_not_starve_another(services: Services) -> None:
    for cases in (60, 1):
        organization = await an_organization()
        await connect_sms(services, organization)
        cycle = await a_cycle(organization)
        for place in range(cases):
            await open_one(services, cycle, a_new_case(f"INV-{place}"))
    await plan(services, NOW)

    # Each claim begins with either organization; that the small one never comes first has a chance of 2^-30.
    claims = [claim for _ in range(30) for claim in await claim_reminders(services.store, limit=2)]

    claimed = await Reminder.filter(id__in=[claim.reminder_id for claim in claims])
    assert {reminder.organization_id for reminder in claimed} == {1, 2}


@pytest.mark.parametrize(
    ("answered", "status", "way"),
    [
        pytest.param(Accepted(SID), Status.SENT, ["SENT"], id="accepted"),
        pytest.param(Refused(21211, Fault.RECIPIENT, "Bad number."), Status.FAILED, ["FAILED"], id="refused"),
        pytest.param(Throttled(None), Status.SCHEDULED, ["SCHEDULED"], id="throttled"),
        pytest.param(Unreached("No connection."), Status.SCHEDULED, ["SCHEDULED"], id="never connected"),
        pytest.param(Unknown("No answer."), Status.UNCONFIRMED, ["UNCONFIRMED"], id="unknown"),
    ],
)
async def test_each_answer_of_the_carrier_has_its_consequence(
    planned: Services, answered: Answer, status: ReminderStatus, way: list[str]
) -> None:
    await answer(planned, await begin(planned), answered)

    assert (await the_reminder()).status is status
    assert await statuses() == ["SCHEDULED", "SENDING", *way]
    assert (await SendAttempt.get()).outcome == type(answered).__name__


async def test_a_throttled_reminder_waits_as_told_and_burns_no_try(planned: Services) -> None:
    await answer(planned, await begin(planned), Throttled(timedelta(minutes=1)))

    reminder = await the_reminder()
    assert reminder.tries == 0
    assert await claim_reminders(planned.store, limit=10) == []
    waiting = await rows("SELECT scheduled_for - clock_timestamp() AS wait FROM reminder")
    assert timedelta(seconds=50) < waiting[0]["wait"] <= timedelta(minutes=1)


async def test_a_reminder_that_never_connected_burns_a_try(planned: Services) -> None:
    await answer(planned, await begin(planned), Unreached("No connection."))

    assert (await the_reminder()).tries == 1


async def test_an_unknown_outcome_is_never_sent_again_by_itself(planned: Services) -> None:
    await answer(planned, await begin(planned), Unknown("No answer."))

    assert await claim_reminders(planned.store, limit=10) == []


async def test_refused_credentials_hold_the_whole_integration_and_fail_nothing(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    for place in range(3):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
    await plan(services, NOW)
    first = await claim_reminders(services.store, limit=1)
    handovers = await mark(services, first, NOW)

    await answer(services, handovers, Refused(20003, Fault.CREDENTIALS, "The account is suspended."))

    integration = await Integration.get(kind=IntegrationKind.SMS)
    assert integration.status is IntegrationStatus.NEEDS_ATTENTION
    assert integration.attention_reason == "The account is suspended."
    assert {reminder.status for reminder in await Reminder.all()} == {Status.SCHEDULED}
    assert await claim_reminders(services.store, limit=10) == []

    await connect_sms(services, organization)
    assert len(await claim_reminders(services.store, limit=10)) == 3


async def test_a_failed_reminder_asks_for_a_person(planned: Services) -> None:
    await answer(planned, await begin(planned), Refused(21211, Fault.RECIPIENT, "Bad number."))

    assert (await CollectionCase.get()).attention_reason == "A reminder may not have arrived: Bad number."


async def test_a_paid_case_is_not_reminded_even_if_already_scheduled(planned: Services) -> None:
    await CollectionCase.all().update(state=CaseState.CLOSED, closed_reason=CaseClosedReason.PAID)

    assert await begin(planned) == []

    reminder, step = await the_reminder(), await CaseStep.get()
    assert (reminder.status, reminder.status_reason) == (Status.CANCELED, "The amount due has been paid.")
    assert (step.state, step.skipped_reason) == (CaseStepState.SKIPPED, "The amount due has been paid.")


async def test_who_opts_out_after_planning_gets_nothing(planned: Services) -> None:
    await Customer.all().update(sms_opted_out_at=NOW)

    assert await begin(planned) == []
    assert await statuses() == ["SCHEDULED", "CANCELED"]


async def test_a_paused_case_keeps_its_scheduled_reminder_but_nothing_goes_out(planned: Services) -> None:
    await CollectionCase.all().update(state=CaseState.PAUSED)

    assert await begin(planned) == []
    assert (await the_reminder()).status is Status.SCHEDULED


async def test_outside_the_window_a_reminder_waits_for_the_next_opening(services: Services) -> None:
    window = SendWindow("08:00", "20:00", frozenset(Weekday) - {Weekday.WEDNESDAY})
    organization = await an_organization(window=window)
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization))
    await plan(services, NOW)
    await Reminder.all().update(scheduled_for=NOW)  # as if planned before the window was changed

    assert await begin(services, NOW) == []

    reminder = await the_reminder()
    assert reminder.status is Status.SCHEDULED
    assert reminder.scheduled_for.isoformat() == "2026-03-05T08:00:00+00:00"  # Thursday, 8:00 by the customer's clock


async def test_a_callback_that_overtakes_the_answer_is_not_set_back_by_it(planned: Services) -> None:
    handovers = await begin(planned)
    await record_report(planned.store, handovers[0].correlation, report(Status.DELIVERED), NOW)

    await answer(planned, handovers, Accepted(SID))

    assert (await the_reminder()).status is Status.DELIVERED
    assert await statuses() == ["SCHEDULED", "SENDING", "DELIVERED"]


async def test_a_callback_settles_what_was_unknown(planned: Services) -> None:
    handovers = await begin(planned)
    await answer(planned, handovers, Unknown("No answer."))

    await record_report(planned.store, handovers[0].correlation, report(Status.SENT), NOW)

    reminder = await the_reminder()
    assert (reminder.status, reminder.provider_message_id) == (Status.SENT, SID)


async def test_a_report_about_a_second_message_of_one_attempt_changes_nothing(
    planned: Services, caplog: pytest.LogCaptureFixture
) -> None:
    handovers = await begin(planned)
    await answer(planned, handovers, Accepted(SID))

    await record_report(planned.store, handovers[0].correlation, report(Status.FAILED, sid="SM" + "1" * 32), NOW)

    reminder = await the_reminder()
    assert (reminder.status, reminder.provider_message_id) == (Status.SENT, SID)
    assert "second message" in caplog.text


async def test_a_status_that_changes_nothing_still_binds_the_message(planned: Services) -> None:
    handovers = await begin(planned)

    await record_report(planned.store, handovers[0].correlation, report(None), NOW)

    reminder = await the_reminder()
    assert (reminder.status, reminder.provider_message_id) == (Status.SENDING, SID)


async def test_a_reminder_left_sending_by_a_dead_worker_becomes_unconfirmed(planned: Services) -> None:
    await begin(planned)
    assert await sweep_sending(planned.store, NOW) == 0
    await rows("UPDATE reminder SET lease_until = clock_timestamp() - interval '1 second'")

    assert await sweep_sending(planned.store, NOW) == 1

    reminder = await the_reminder()
    assert reminder.status is Status.UNCONFIRMED
    assert "not known" in (reminder.status_reason or "")


async def test_an_answer_that_comes_after_the_lease_still_counts(planned: Services) -> None:
    handovers = await begin(planned)
    await rows("UPDATE reminder SET lease_until = clock_timestamp() - interval '1 second'")
    await sweep_sending(planned.store, NOW)

    await answer(planned, handovers, Accepted(SID))

    assert (await the_reminder()).status is Status.SENT


async def test_a_late_refusal_of_an_old_attempt_does_not_touch_a_newer_one(planned: Services) -> None:
    first = await begin(planned)
    await answer(planned, first, Unreached("No connection."))
    await rows("UPDATE reminder SET scheduled_for = clock_timestamp()")
    await begin(planned)

    await answer(planned, first, Refused(21211, Fault.RECIPIENT, "Bad number."))

    assert (await the_reminder()).status is Status.SENDING


async def test_many_answers_share_one_commit(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization, [SMS, SMS])
    for place in range(10):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))

    await send(services)

    assert {reminder.status for reminder in await Reminder.all()} == {Status.SENT}
    commits = await rows("SELECT count(DISTINCT xmin::text) AS n FROM send_attempt")
    assert commits[0]["n"] == 1


async def test_a_case_is_completed_when_its_last_reminder_has_arrived(planned: Services) -> None:
    handovers = await begin(planned)
    await answer(planned, handovers, Accepted(SID))
    assert (await CollectionCase.get()).state is CaseState.ACTIVE

    await record_report(planned.store, handovers[0].correlation, report(Status.DELIVERED), NOW)

    case = await CollectionCase.get()
    assert (case.state, case.closed_reason) == (CaseState.CLOSED, CaseClosedReason.COMPLETED)


async def test_recording_nothing_changes_nothing(planned: Services) -> None:
    await record_answers(planned.store, [], NOW)

    assert (await the_reminder()).status is Status.SCHEDULED


async def test_who_the_carrier_says_has_opted_out_gets_no_sms_from_then_on(planned: Services) -> None:
    await answer(planned, await begin(planned), Refused(21610, Fault.OPTED_OUT, "The recipient refuses texts."))

    assert (await Customer.get()).sms_opted_out_at is not None


async def test_a_failed_reminder_asks_for_a_person_until_it_arrives_after_all(planned: Services) -> None:
    handovers = await begin(planned)
    await answer(planned, handovers, Accepted(SID))
    await record_report(planned.store, handovers[0].correlation, report(Status.FAILED), NOW)
    assert (await CollectionCase.get()).attention_reason is not None

    await record_report(planned.store, handovers[0].correlation, report(Status.DELIVERED), NOW)

    assert (await CollectionCase.get()).attention_reason is None


async def test_a_callback_and_its_answer_at_the_same_moment_are_both_recorded(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    for place in range(40):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
    await plan(services, NOW)
    handovers = [handover for _ in range(3) for handover in await begin(services)]
    sids = {handover.correlation: f"SM{place:032x}" for place, handover in enumerate(handovers)}

    await asyncio.gather(
        record_answers(services.store, [(h, Accepted(sids[h.correlation])) for h in handovers], NOW),
        *(record_report(services.store, h.correlation, report(Status.DELIVERED, sid=sids[h.correlation]), NOW)
          for h in handovers),
    )  # fmt: skip

    assert len(handovers) == 40
    assert {reminder.status for reminder in await Reminder.all()} == {Status.DELIVERED}


async def test_two_last_reports_at_once_complete_the_case(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization, [SMS, SMS])
    await open_one(services, cycle)
    await plan(services, NOW)
    await plan(services, NOW + timedelta(days=7))
    handovers = await begin(services)
    handovers += await begin(services)
    await answer(services, handovers, lambda place: Accepted(f"SM{place:032x}"))

    await asyncio.gather(
        *(record_report(services.store, h.correlation, report(Status.DELIVERED, sid=f"SM{place:032x}"), NOW)
          for place, h in enumerate(handovers)),
    )  # fmt: skip

    assert len(handovers) == 2
    assert (await CollectionCase.get()).closed_reason is CaseClosedReason.COMPLETED


@pytest.mark.parametrize("table", ["integration", "collection_case", "customer", "reminder"])
async def test_claims_of_what_somebody_else_holds_are_passed_over_and_can_be_marked_after_that(
    planned: Services, table: str
) -> None:
    claims = await claim_reminders(planned.store, limit=10)
    async with in_transaction() as connection:
        await connection.execute_query(f"SELECT 1 FROM {table} FOR UPDATE")
        marked = await asyncio.create_task(mark_sending(planned.store, claims, NOW), context=Context())

    assert (list(marked.handovers), list(marked.passed_over)) == ([], claims)
    assert len(await mark(planned, claims, NOW)) == 1
