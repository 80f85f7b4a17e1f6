from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from dunlin.demo.build import build_demo
from dunlin.demo.numbers import rings_nowhere
from dunlin.demo.seed import seed_demo
from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.choices import (
    CaseClosedReason,
    CaseOrigin,
    CaseState,
    CaseStepState,
    CommunicationMethod,
    IntegrationKind,
    IntegrationStatus,
)
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.segments import encode
from dunlin.domain.store import rows
from dunlin.domain.tables import (
    Account,
    CaseStep,
    CollectionCase,
    CollectionStep,
    Connection,
    Customer,
    DeliveryEvent,
    DeliverySequence,
    Integration,
    Organization,
    Payment,
    Reminder,
    SendAttempt,
)
from dunlin.runtime.wiring import Services

NOW = datetime(2026, 9, 17, 14, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)

WAYS = {
    (ReminderStatus.SCHEDULED, ReminderStatus.SENDING, ReminderStatus.SENT, ReminderStatus.DELIVERED),
    (ReminderStatus.SCHEDULED, ReminderStatus.SENDING, ReminderStatus.SENT, ReminderStatus.UNDELIVERED),
    (ReminderStatus.SCHEDULED, ReminderStatus.SENDING, ReminderStatus.FAILED),
    (ReminderStatus.SCHEDULED, ReminderStatus.SENDING, ReminderStatus.UNCONFIRMED),
    (ReminderStatus.SCHEDULED, ReminderStatus.CANCELED),
}
OUTCOMES = {
    ReminderStatus.DELIVERED: "Accepted",
    ReminderStatus.UNDELIVERED: "Accepted",
    ReminderStatus.FAILED: "Refused",
    ReminderStatus.UNCONFIRMED: "Unknown",
}


pytestmark = pytest.mark.usefixtures("demo")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(opened: Services) -> Services:
    """The demo as of `NOW`, put in once for all tests of this file, which change nothing."""
    await rows("TRUNCATE account CASCADE")
    assert await seed_demo(NOW)
    return opened


async def counts() -> list[int]:
    return [await table.all().count() for table in (Account, Customer, CollectionCase, Reminder, DeliveryEvent)]


async def test_seeding_a_second_time_changes_nothing() -> None:
    before = await counts()

    assert not await seed_demo(NOW + timedelta(days=1))
    assert await counts() == before


async def test_there_are_two_accounts_with_hundreds_of_customers_and_cases() -> None:
    for account in await Account.all():
        organizations = await Organization.filter(account_id=account.id).values_list("id", flat=True)

        assert await Customer.filter(organization_id__in=organizations).count() >= 100
        assert 100 <= await CollectionCase.filter(organization_id__in=organizations).count() <= 150


async def test_new_rows_get_ids_after_those_of_the_demo() -> None:
    last = await Account.all().order_by("-id").first()
    added = await Account.create(name="Another")
    await added.delete()

    assert last is not None
    assert added.id == last.id + 1


async def test_sms_is_disconnected_everywhere_and_chosen_nowhere() -> None:
    for kind in IntegrationKind:
        assert await Integration.filter(kind=kind).count() == await Organization.all().count()
    assert not await Integration.exclude(status=IntegrationStatus.DISCONNECTED).exists()
    assert not await Integration.filter(connection_id__isnull=False).exists()
    assert not await CollectionStep.exclude(communication_method=CommunicationMethod.NONE).exists()
    assert (
        not await CaseStep.filter(state=CaseStepState.PENDING)
        .exclude(communication_method=CommunicationMethod.NONE)
        .exists()
    )


async def test_one_organization_of_each_account_had_sms_once_and_its_keys_are_destroyed() -> None:
    connections = await Connection.all().prefetch_related("organization")

    assert len({connection.organization.account_id for connection in connections}) == len(connections) == 2
    for connection in connections:
        integration = await Integration.get(organization_id=connection.organization_id, kind=IntegrationKind.SMS)
        assert connection.sealed_credentials is None
        assert (integration.connected_at, integration.disconnected_at) == (
            connection.created_at,
            connection.disconnected_at,
        )


async def test_there_are_cases_in_every_state() -> None:
    for account in await Account.all():
        cases = await CollectionCase.filter(organization__account_id=account.id)
        states = Counter((case.state, case.closed_reason) for case in cases)

        assert set(states) == {
            (CaseState.ACTIVE, None),
            (CaseState.PAUSED, None),
            *((CaseState.CLOSED, reason) for reason in CaseClosedReason),
        }
        assert {case.origin for case in cases} == set(CaseOrigin)
        assert {case.return_reason_code for case in cases} >= {"AM04", "MD01", "MS02", "MD07", None}
        assert any(case.state is CaseState.ACTIVE and case.attention_reason for case in cases)


async def test_a_case_has_a_return_reason_only_if_a_debit_was_returned() -> None:
    for case in await CollectionCase.all():
        assert (case.return_reason_code is not None) is (case.origin is CaseOrigin.DIRECT_DEBIT_RETURN)


async def test_a_dead_customer_is_skipped_and_a_person_is_asked_to_look() -> None:
    for case in await CollectionCase.filter(return_reason_code="MD07"):
        steps = await CaseStep.filter(case_id=case.id).order_by("position")

        assert steps[0].state is CaseStepState.SKIPPED
        assert steps[0].skipped_reason == case.attention_reason
        assert case.attention_reason is not None
        assert "MD07" in case.attention_reason
        assert not await Reminder.filter(case_id=case.id).exists()


async def test_case_numbers_are_gapless_in_the_order_of_opening() -> None:
    for organization in await Organization.all():
        numbers = await CollectionCase.filter(organization_id=organization.id).order_by("opened_at", "id")

        assert [case.number for case in numbers] == [f"DC-{n}" for n in range(1, organization.last_case_number + 1)]


async def test_the_next_action_is_the_next_pending_step_of_an_active_case() -> None:
    for case in await CollectionCase.all():
        steps = await CaseStep.filter(case_id=case.id).order_by("position")
        pending = [step for step in steps if step.state is CaseStepState.PENDING]
        is_moving = case.state is CaseState.ACTIVE and pending

        assert case.next_action_at == (pending[0].due_at if is_moving else None)
        assert all(step.due_at > NOW + HOUR for step in pending)
        assert [step.position for step in steps] == list(range(1, len(steps) + 1))
        assert case.opened_at < steps[0].due_at
        assert case.opened_at < NOW


async def test_a_closed_case_has_nothing_pending_and_an_active_one_goes_on_or_awaits_an_answer() -> None:
    for case in await CollectionCase.exclude(state=CaseState.PAUSED):
        pending = await CaseStep.filter(case_id=case.id, state=CaseStepState.PENDING).exists()
        awaits = await Reminder.filter(case_id=case.id, status=ReminderStatus.UNCONFIRMED).exists()

        if case.state is CaseState.CLOSED:
            assert not pending
        else:
            assert pending or awaits


async def test_a_case_knows_when_it_ended_or_was_paused() -> None:
    for case in await CollectionCase.all():
        for moment, is_known in (
            (case.closed_at, case.state is CaseState.CLOSED),
            (case.paused_at, case.state is CaseState.PAUSED),
        ):
            assert (moment is not None) is is_known
            assert moment is None or case.opened_at < moment <= NOW
        assert (case.pause_reason is not None) is (case.state is CaseState.PAUSED)


async def test_a_case_is_paid_if_and_only_if_nothing_is_due() -> None:
    for case in await CollectionCase.all():
        payments = await Payment.filter(case_id=case.id)

        assert (case.closed_reason is CaseClosedReason.PAID) is (case.amount_due == 0) is bool(payments)
        assert all(payment.paid_at == case.closed_at for payment in payments)


async def test_a_step_without_a_reminder_says_why() -> None:
    reminded = {reminder.case_step_id: reminder.status for reminder in await Reminder.all()}

    for step in await CaseStep.all():
        match step.state:
            case CaseStepState.DONE:
                assert reminded[step.id] is not ReminderStatus.CANCELED
                assert step.communication_method is CommunicationMethod.SMS
            case CaseStepState.SKIPPED:
                assert step.skipped_reason
                assert reminded.get(step.id, ReminderStatus.CANCELED) is ReminderStatus.CANCELED
            case CaseStepState.PENDING:
                assert step.id not in reminded


async def test_reminders_of_each_former_sender_ended_in_every_way() -> None:
    for connection in await Connection.all():
        reminders = await Reminder.filter(organization_id=connection.organization_id)
        endings = {(reminder.status, reminder.error_code) for reminder in reminders}

        assert endings == {
            (ReminderStatus.DELIVERED, None),
            (ReminderStatus.UNDELIVERED, 30003),
            (ReminderStatus.UNDELIVERED, 30005),
            (ReminderStatus.FAILED, 21211),
            (ReminderStatus.FAILED, 21610),
            (ReminderStatus.CANCELED, None),
            (ReminderStatus.UNCONFIRMED, None),
        }
    canceled = await Reminder.filter(status=ReminderStatus.CANCELED)
    assert {reminder.status_reason for reminder in canceled} == {"SMS was disconnected."}


async def test_reminders_left_while_sms_was_connected_to_numbers_that_ring_nowhere() -> None:
    for reminder in await Reminder.all().prefetch_related("integration"):
        connected_at, disconnected_at = reminder.integration.connected_at, reminder.integration.disconnected_at
        encoded = encode(reminder.text)

        assert connected_at is not None
        assert disconnected_at is not None
        assert connected_at <= reminder.created_at < disconnected_at
        assert rings_nowhere(reminder.to)
        assert (reminder.encoding, reminder.segments) == (encoded.encoding, encoded.segments)
        assert not encoded.offending_characters
        assert encoded.segments <= 2


async def test_who_refused_texts_has_opted_out_and_gets_no_more() -> None:
    refused = await Reminder.filter(error_code=21610).prefetch_related("case__customer")

    assert len(refused) == 2
    for reminder in refused:
        opted_out_at = reminder.case.customer.sms_opted_out_at
        assert opted_out_at is not None
        assert not await Reminder.filter(case_id=reminder.case_id, created_at__gt=opted_out_at).exists()


async def test_events_are_gapless_in_time_order_and_end_at_the_last_sequence() -> None:
    for counter in await DeliverySequence.all():
        events = await DeliveryEvent.filter(organization_id=counter.organization_id).order_by("sequence")

        assert [event.sequence for event in events] == list(range(1, counter.last_sequence + 1))
        assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)


async def test_a_reminders_events_lead_to_its_status() -> None:
    for reminder in await Reminder.all():
        events = await DeliveryEvent.filter(reminder_id=reminder.id).order_by("sequence")
        times = {event.status: event.occurred_at for event in events}
        last = events[-1]

        assert tuple(event.status for event in events) in WAYS
        assert (last.status, last.reason, last.error_code) == (
            reminder.status,
            reminder.status_reason,
            reminder.error_code,
        )
        assert {event.case_id for event in events} == {reminder.case_id}
        assert reminder.created_at == times[ReminderStatus.SCHEDULED]
        assert reminder.sent_at == times.get(ReminderStatus.SENT)
        assert reminder.delivered_at == times.get(ReminderStatus.DELIVERED)


async def test_what_was_handed_over_has_one_attempt_with_its_outcome() -> None:
    for reminder in await Reminder.all():
        attempts = await SendAttempt.filter(reminder_id=reminder.id)
        outcome = OUTCOMES.get(reminder.status)

        assert [attempt.outcome for attempt in attempts] == ([outcome] if outcome else [])
        for attempt in attempts:
            assert attempt.provider_message_id == reminder.provider_message_id
            assert (attempt.provider_message_id is not None) is (outcome == "Accepted")


async def test_every_row_of_a_case_belongs_to_the_organization_of_the_case() -> None:
    strays = await rows(
        """
        SELECT c.id FROM collection_case c JOIN case_step s ON s.case_id = c.id
        JOIN customer k ON k.id = c.customer_id JOIN step_texts t ON t.id = s.texts_id
        JOIN collection_step p ON p.id = s.step_id
        LEFT JOIN reminder r ON r.case_step_id = s.id LEFT JOIN integration i ON i.id = r.integration_id
        WHERE ARRAY[s.organization_id, k.organization_id, t.organization_id, p.organization_id,
                    coalesce(r.organization_id, c.organization_id), coalesce(i.organization_id, c.organization_id)]
              <> array_fill(c.organization_id, ARRAY[6])
           OR p.cycle_id <> c.cycle_id
        """
    )

    assert strays == []


async def test_the_planner_finds_nothing_to_do_for_an_hour(demo: Services) -> None:
    assert await plan_reminders(demo.store, NOW + HOUR) == 0
    assert await claim_reminders(demo.store, limit=10) == []


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(datetime(2026, 9, 20, 22, 30, tzinfo=UTC), id="half past midnight in Brussels, on a Monday"),
        pytest.param(datetime(2026, 9, 20, 21, 40, tzinfo=UTC), id="just before midnight in Berlin, on a Sunday"),
        pytest.param(datetime(2026, 9, 21, 5, 30, tzinfo=UTC), id="half an hour before Berlin's window opens"),
        pytest.param(datetime(2026, 9, 19, 23, 5, tzinfo=UTC), id="five past midnight in London, on a Sunday"),
        pytest.param(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), id="the night in which clocks go forward"),
        pytest.param(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), id="the night in which clocks go back"),
        pytest.param(datetime(2028, 2, 29, 20, 45, tzinfo=UTC), id="a leap day, shortly before midnight in Helsinki"),
    ],
)
async def test_a_fresh_demo_is_quiet_whenever_it_starts(now: datetime) -> None:
    demo = build_demo(now)

    assert all(step.due_at > now + HOUR for step in demo.of(CaseStep) if step.state is CaseStepState.PENDING)
    assert all(step.due_at <= now for step in demo.of(CaseStep) if step.state is CaseStepState.DONE)
    assert all(event.occurred_at < now for event in demo.of(DeliveryEvent))
    assert all(case.opened_at < now for case in demo.of(CollectionCase))
    assert {reminder.status for reminder in demo.of(Reminder)} >= {status for *_, status in WAYS}
    assert {case.state for case in demo.of(CollectionCase)} == set(CaseState)
