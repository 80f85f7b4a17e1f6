import tracemalloc
from datetime import timedelta

import pytest

from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.choices import CaseClosedReason, CaseState, CaseStepState, IntegrationKind
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables import CaseStep, CollectionCase, Customer, DeliveryEvent, Reminder
from dunlin.runtime.wiring import Services
from tests.build import (
    LONG_AGO,
    NONE,
    NOW,
    SMS,
    a_cycle,
    a_new_case,
    a_viewer,
    an_organization,
    connect_sms,
    open_one,
)
from tests.delivery import plan

DAY = timedelta(days=1)


async def test_a_due_step_becomes_one_scheduled_reminder_with_its_text(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization))

    assert await plan(services, NOW) == 1

    reminder = await Reminder.get()
    assert reminder.status is ReminderStatus.SCHEDULED
    assert (reminder.to, reminder.text) == ("+447700900001", "Dear Ada Reyes, €84.50 is due.")
    assert (reminder.language, reminder.encoding.value, reminder.segments) == ("en", "GSM_7", 1)
    assert (await CaseStep.get()).state is CaseStepState.DONE
    assert [event.status for event in await DeliveryEvent.all()] == [ReminderStatus.SCHEDULED]


async def test_planning_again_plans_nothing_twice(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization))
    await plan(services, NOW)

    assert await plan(services, NOW) == 0
    assert await Reminder.all().count() == 1


async def test_a_case_opened_late_gets_its_reminders_one_by_one(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    case = await open_one(services, await a_cycle(organization, [SMS, SMS, SMS], days=[3, 7, 14]))

    await plan(services, NOW)
    await plan(services, NOW)

    assert await Reminder.all().count() == 1
    steps = await CaseStep.all().order_by("position")
    assert [step.due_at.date() - steps[0].due_at.date() for step in steps] == [0 * DAY, 7 * DAY, 21 * DAY]
    assert (await CollectionCase.get(id=case.id)).next_action_at == steps[1].due_at


async def test_steps_after_one_that_comes_late_move_by_as_many_days(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization, [SMS, SMS]))
    _, second = await CaseStep.all().order_by("position")

    await plan(services, NOW + 5 * DAY)

    moved = await CaseStep.get(id=second.id)
    assert moved.due_at == second.due_at + 5 * DAY


async def test_days_are_counted_on_the_calendar_of_the_organization_over_a_clock_change(services: Services) -> None:
    # In Brussels the clock goes from 2:00 to 3:00 on 29 March 2026.
    organization = await an_organization()
    await connect_sms(services, organization)
    before = NOW.replace(month=3, day=27)
    await open_one(services, await a_cycle(organization, [SMS, SMS]), now=before)

    await plan(services, before + DAY)

    _, second = await CaseStep.all().order_by("position")
    assert second.due_at.isoformat() == "2026-04-03T22:00:00+00:00"  # midnight in Brussels, in summer time


@pytest.mark.parametrize(
    ("case", "reason", "attention"),
    [
        pytest.param(a_new_case(phone=None), "The customer has no phone number.", True, id="no number"),
        pytest.param(
            a_new_case(return_reason_code="MD07"),
            "The debtor has died (MD07): no reminder is sent, and a person must look.",
            True,
            id="the debtor has died",
        ),
    ],
)
async def test_a_step_that_sends_nothing_says_why(
    services: Services, case: object, reason: str, attention: bool
) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization), case)  # type: ignore[arg-type]

    await plan(services, NOW)

    step = await CaseStep.get()
    assert (step.state, step.skipped_reason) == (CaseStepState.SKIPPED, reason)
    assert (await CollectionCase.get()).attention_reason == (reason if attention else None)
    assert await Reminder.all().count() == 0


async def test_a_customer_who_opted_out_gets_no_sms(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization))
    await Customer.all().update(sms_opted_out_at=NOW)

    await plan(services, NOW)

    assert (await CaseStep.get()).skipped_reason == "The customer has opted out of SMS."


async def test_a_step_without_a_method_is_skipped_and_the_next_one_counts_its_days(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization, [NONE, SMS]))

    await plan(services, NOW)
    await plan(services, NOW + 7 * DAY)

    assert [step.state for step in await CaseStep.all().order_by("position")] == [
        CaseStepState.SKIPPED,
        CaseStepState.DONE,
    ]


async def test_a_case_whose_last_step_sent_nothing_is_completed(services: Services) -> None:
    organization = await an_organization()
    await open_one(services, await a_cycle(organization, [NONE]))

    await plan(services, NOW)

    case = await CollectionCase.get()
    assert (case.state, case.closed_reason) == (CaseState.CLOSED, CaseClosedReason.COMPLETED)
    assert case.next_action_at is None


async def test_nothing_is_planned_for_a_paused_case(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization))
    await CollectionCase.all().update(state=CaseState.PAUSED)

    assert await plan(services, NOW) == 0


async def test_a_step_reset_by_a_disconnect_says_so_when_it_is_due(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization), a_new_case(due_on=LONG_AGO.replace(year=2027)))
    await disconnect_integration(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )

    await plan(services, NOW + 500 * DAY)

    assert (await CaseStep.get()).skipped_reason == "SMS was disconnected."


async def test_planning_takes_many_cases_in_one_transaction_and_in_bounded_batches(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    for place in range(12):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))

    assert [await plan_reminders(services.store, NOW, limit=5) for _ in range(4)] == [5, 5, 2, 0]
    sequences = [event.sequence for event in await DeliveryEvent.all().order_by("sequence")]
    assert sequences == list(range(1, 13))


async def test_planning_takes_no_more_memory_for_five_times_as_many_cases(services: Services) -> None:
    """It goes on by batches, so a hundred thousand cases take as much as some hundred do."""
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    peaks = []
    for count in (500, 2_500):
        for start in range(0, count, 500):
            cases = [a_new_case(f"{count}-{start + place}", customer=f"{start + place}") for place in range(500)]
            await open_cases(
                services.store,
                a_viewer(organization),
                organization_id=organization.id,
                cycle_id=cycle.id,
                cases=cases,
                now=NOW,
            )
        tracemalloc.start()
        while await plan_reminders(services.store, NOW, limit=100):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert await Reminder.all().count() == 3_000
    assert peaks[1] < 2 * peaks[0], peaks
