import asyncio

import pytest

from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.disconnect_integration import disconnect_integration, impacts_of
from dunlin.domain.actions.record_reports import find_attempts, record_report
from dunlin.domain.carrier import Accepted, StatusReport, Throttled, Unreached
from dunlin.domain.choices import (
    CaseState,
    CaseStepState,
    CommunicationMethod,
    IntegrationKind,
    IntegrationStatus,
    Permission,
)
from dunlin.domain.errors import Forbidden, ProblemCode, Refusal
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.impact import Impact
from dunlin.domain.tables import (
    CaseStep,
    CollectionCase,
    CollectionStep,
    Connection,
    Integration,
    Organization,
    Reminder,
)
from dunlin.runtime.wiring import Services
from tests.build import (
    NONE,
    NOW,
    SMS,
    a_cycle,
    a_new_case,
    a_viewer,
    an_account,
    an_organization,
    connect_sms,
    open_one,
)
from tests.delivery import SID, answer, begin, mark, plan, statuses

Status = ReminderStatus


async def disconnect(
    services: Services, organization: Organization, *, confirmed: bool = True, token: str | None = None
) -> tuple[Integration, Impact]:
    return await disconnect_integration(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=confirmed,
        impact_token=token,
        now=NOW,
    )


async def a_busy_organization(services: Services, organization: Organization, cases: int = 2) -> None:
    """SMS connected, a cycle SMS-SMS-NONE, and cases whose first reminder is scheduled."""
    await connect_sms(services, organization)
    cycle = await a_cycle(organization, [SMS, SMS, NONE])
    for place in range(cases):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
    await plan(services, NOW)


async def test_disconnecting_resets_steps_and_cases_and_cancels_what_is_scheduled(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization)

    integration, impact = await disconnect(services, organization)

    assert (integration.status, integration.disconnected_at) == (IntegrationStatus.DISCONNECTED, NOW)
    assert (impact.steps, impact.cases, impact.reminders) == (2, 2, 2)
    assert {step.communication_method for step in await CollectionStep.all()} == {CommunicationMethod.NONE}
    pending = await CaseStep.filter(state=CaseStepState.PENDING)
    assert {step.communication_method for step in pending} == {CommunicationMethod.NONE}
    assert {reminder.status for reminder in await Reminder.all()} == {Status.CANCELED}
    assert {reminder.status_reason for reminder in await Reminder.all()} == {"SMS was disconnected."}


async def test_the_step_of_a_canceled_reminder_says_why_nothing_was_sent(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization, cases=1)

    await disconnect(services, organization)

    first = await CaseStep.get(position=1)
    assert (first.state, first.skipped_reason) == (CaseStepState.SKIPPED, "SMS was disconnected.")


async def test_other_organizations_are_untouched(services: Services) -> None:
    owner = await an_account()
    mine, other = await an_organization(owner), await an_organization(owner)
    await a_busy_organization(services, mine)
    await a_busy_organization(services, other)

    await disconnect(services, mine)

    assert (
        await Integration.get(organization_id=other.id, kind=IntegrationKind.SMS)
    ).status is IntegrationStatus.CONNECTED
    assert await CollectionStep.filter(organization_id=other.id, communication_method=SMS).count() == 2
    assert await CaseStep.filter(organization_id=other.id, communication_method=SMS).count() == 4
    assert {r.status for r in await Reminder.filter(organization_id=other.id)} == {Status.SCHEDULED}


async def test_the_preview_counts_what_disconnecting_then_changes(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization)
    (preview,) = (await impacts_of([1])).values()

    _, impact = await disconnect(services, organization, token=preview.token)

    assert impact == preview


async def test_an_outdated_preview_is_refused_and_changes_nothing(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization)
    (preview,) = (await impacts_of([1])).values()
    await open_one(services, await a_cycle(organization), a_new_case("INV-NEW", customer="C-NEW"))

    with pytest.raises(Refusal) as refusal:
        await disconnect(services, organization, token=preview.token)

    assert [problem.code for problem in refusal.value.problems] == [ProblemCode.IMPACT_CHANGED]
    assert "3 steps, 3 open cases and 2 scheduled reminders" in str(refusal.value)
    assert (await Integration.get(kind=IntegrationKind.SMS)).status is IntegrationStatus.CONNECTED


async def test_disconnecting_needs_the_confirmation(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization)

    with pytest.raises(Refusal) as refusal:
        await disconnect(services, organization, confirmed=False)

    assert [problem.code for problem in refusal.value.problems] == [ProblemCode.CONFIRMATION_REQUIRED]
    assert {reminder.status for reminder in await Reminder.all()} == {Status.SCHEDULED}


async def test_disconnecting_needs_the_permission_to_configure(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization)

    with pytest.raises(Forbidden):
        await disconnect_integration(
            services.store,
            a_viewer(organization, frozenset({Permission.READ, Permission.COLLECT})),
            organization_id=organization.id,
            kind=IntegrationKind.SMS,
            confirmed=True,
            impact_token=None,
            now=NOW,
        )

    assert (await Integration.get(kind=IntegrationKind.SMS)).status is IntegrationStatus.CONNECTED


async def test_a_paused_case_loses_its_sms_steps_too(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization, cases=1)
    await CollectionCase.all().update(state=CaseState.PAUSED)

    await disconnect(services, organization)

    assert await CaseStep.filter(state=CaseStepState.PENDING, communication_method=SMS).count() == 0
    assert (await Reminder.get()).status is Status.CANCELED


async def test_what_the_carrier_has_keeps_its_true_status_and_is_not_counted(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization, cases=1)
    handovers = await begin(services)
    await answer(services, handovers, Accepted(SID))

    _, impact = await disconnect(services, organization)

    assert impact.reminders == 0
    assert (await Reminder.get()).status is Status.SENT

    account = "AC" + "5a" * 16
    await record_report(
        services.store, handovers[0].correlation, StatusReport(account, SID, Status.DELIVERED, None, None), NOW
    )
    assert (await Reminder.get()).status is Status.DELIVERED


async def test_the_keys_outlive_a_disconnect_for_the_callbacks_that_are_still_to_come(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization, cases=1)
    handovers = await begin(services)
    await answer(services, handovers, Accepted(SID))

    await disconnect(services, organization)

    assert await find_attempts([handovers[0].correlation])
    assert (await Connection.get()).disconnected_at == NOW


async def test_a_claimed_reminder_is_not_sent_after_a_disconnect(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization, cases=1)
    claims = await claim_reminders(services.store, limit=10)

    await disconnect(services, organization)

    assert await mark(services, claims, NOW) == []
    assert (await Reminder.get()).status is Status.CANCELED


async def test_disconnecting_answers_only_when_nothing_is_under_way(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization, cases=1)
    handovers = await begin(services)

    disconnecting = asyncio.create_task(disconnect(services, organization))
    done, _ = await asyncio.wait({disconnecting}, timeout=0.3)
    assert not done

    await answer(services, handovers, Accepted(SID))
    async with asyncio.timeout(2):
        await disconnecting
    assert (await Reminder.get()).status is Status.SENT


async def test_a_reminder_the_carrier_did_not_take_is_canceled_not_tried_again_after_a_disconnect(
    services: Services,
) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization, cases=1)
    handovers = await begin(services)
    disconnecting = asyncio.create_task(disconnect(services, organization))
    await asyncio.wait({disconnecting}, timeout=0.2)

    await answer(services, handovers, Unreached("No connection."))
    await disconnecting

    assert await statuses() == ["SCHEDULED", "SENDING", "SCHEDULED", "CANCELED"]
    assert (await CaseStep.get(position=1)).skipped_reason == "SMS was disconnected."


async def test_reconnecting_restores_nothing(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization)
    await disconnect(services, organization)

    await connect_sms(services, organization)

    assert {step.communication_method for step in await CollectionStep.all()} == {CommunicationMethod.NONE}
    assert {reminder.status for reminder in await Reminder.all()} == {Status.CANCELED}
    assert await claim_reminders(services.store, limit=10) == []


async def test_disconnecting_twice_is_refused(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization)
    await disconnect(services, organization)

    with pytest.raises(Refusal) as refusal:
        await disconnect(services, organization)

    assert [problem.code for problem in refusal.value.problems] == [ProblemCode.NOT_CONNECTED]


async def test_planning_and_disconnecting_at_once_leave_nothing_scheduled(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    for place in range(30):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))

    await asyncio.gather(plan(services, NOW), disconnect(services, organization), plan(services, NOW))
    await plan(services, NOW)

    assert await Reminder.filter(status=Status.SCHEDULED).count() == 0
    assert await CaseStep.filter(state=CaseStepState.PENDING).count() == 0


async def test_a_reminder_in_flight_at_a_disconnect_is_not_sent_by_the_next_connection(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization, cases=1)
    handovers = await begin(services)
    disconnecting = asyncio.create_task(disconnect(services, organization))
    await asyncio.wait({disconnecting}, timeout=0.2)
    await connect_sms(services, organization)

    await answer(services, handovers, Throttled(None))
    await disconnecting

    assert await statuses() == ["SCHEDULED", "SENDING", "SCHEDULED", "CANCELED"]


async def test_who_disconnects_second_is_answered_only_when_nothing_is_under_way_either(services: Services) -> None:
    organization = await an_organization()
    await a_busy_organization(services, organization, cases=1)
    handovers = await begin(services)
    first = asyncio.create_task(disconnect(services, organization))
    await asyncio.wait({first}, timeout=0.2)

    second = asyncio.create_task(disconnect(services, organization))
    done, _ = await asyncio.wait({second}, timeout=0.3)
    assert not done

    await answer(services, handovers, Accepted(SID))
    with pytest.raises(Refusal):
        await second
    await first


async def test_cases_opened_during_a_disconnect_keep_no_sms_step(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)

    await asyncio.gather(
        *(open_one(services, cycle, a_new_case(f"INV-{n}", customer=f"C-{n}")) for n in range(8)),
        disconnect(services, organization),
        *(open_one(services, cycle, a_new_case(f"INV-{n}", customer=f"C-{n}")) for n in range(8, 16)),
    )

    assert await CaseStep.filter(communication_method=SMS).count() == 0
