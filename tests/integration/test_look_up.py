"""What the carrier keeps silent about is asked for, until it is known or a person decides."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dunlin.domain.actions.confirm_sent import confirm_reminder_sent
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.look_up import claim_silent, claim_unconfirmed, record_look_up
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.carrier import Accepted, CarrierUnavailable, StatusReport, Traces, Unknown
from dunlin.domain.choices import IntegrationKind
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCase, CollectionCycle, Organization, Reminder, SendAttempt
from dunlin.domain.times import SendingTimes
from dunlin.jobs.deliverer import Deliverer
from dunlin.jobs.reconciler import Reconciler
from dunlin.runtime.wiring import Services
from dunlin.sandbox.behaviour import Behaviour
from tests.build import NOW, a_collecting_organization, a_new_case, a_viewer, open_one, pay
from tests.conftest import SandboxCarrier
from tests.delivery import SID, answer, begin, plan, statuses
from tests.scripted_channel import ScriptedChannel, texting

Status = ReminderStatus
OTHER_SID = "SM" + "f" * 32
NEVER_MIND = "A reminder may not have arrived: whether it went out could not be found out. "


@pytest.fixture
async def unconfirmed(services: Services) -> Services:
    """One reminder of which nobody knows whether the carrier has it."""
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)
    await answer(services, await begin(services), Unknown("The answer was lost."))
    return services


async def let_pass(time: timedelta) -> None:
    """Let everything about the reminders have happened that much earlier, by the database's clock."""
    await rows("UPDATE reminder SET check_at = check_at - $1::interval, absent_at = absent_at - $1::interval", time)
    await rows("UPDATE send_attempt SET began_at = began_at - $1::interval", time)


def with_channel(services: Services, channel: ScriptedChannel) -> Services:
    return replace(services, channels=texting(channel))


async def ask(services: Services, seen: Traces | CarrierUnavailable, *, after: timedelta) -> ScriptedChannel:
    """Let time pass, then ask a carrier whose list holds `seen`."""
    await let_pass(after)
    channel = ScriptedChannel()
    channel.seen = seen
    await Reconciler(with_channel(services, channel)).reconcile()
    return channel


def report(status: ReminderStatus, sid: str = SID) -> StatusReport:
    return StatusReport("AC" + "5a" * 16, sid, status, None, None)


async def the_status() -> ReminderStatus:
    return (await Reminder.get()).status


async def the_call() -> str | None:
    return (await CollectionCase.get()).attention_reason


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.UNDELIVERED])
async def test_a_text_that_the_carrier_has_is_found_with_its_status(
    unconfirmed: Services, status: ReminderStatus
) -> None:
    channel = await ask(unconfirmed, Traces(same=(report(status),)), after=timedelta(seconds=31))

    assert await the_status() is status
    assert (await SendAttempt.get()).provider_message_id == SID
    assert [(lost.to, lost.text) for lost in channel.looked_up] == [(r.to, r.text) for r in await Reminder.all()]


async def test_the_carrier_is_not_asked_before_a_callback_had_its_time(unconfirmed: Services) -> None:
    channel = await ask(unconfirmed, Traces(), after=timedelta(seconds=29))

    assert channel.looked_up == []


async def test_the_carrier_is_asked_again_and_again_at_growing_ages(unconfirmed: Services) -> None:
    asked_at: list[float] = []
    age = timedelta()
    while age < timedelta(hours=80):
        step = timedelta(seconds=30) if age < timedelta(hours=1) else timedelta(hours=1)
        age += step
        if (await ask(unconfirmed, CarrierUnavailable("It is away."), after=step)).looked_up:
            asked_at.append(age / timedelta(minutes=1))

    expected = [look_up / timedelta(minutes=1) for look_up in SendingTimes().look_ups]
    assert len(asked_at) == len(expected)
    assert all(later >= planned for planned, later in zip(expected, asked_at, strict=True))


async def test_what_the_carrier_lacks_twice_late_enough_goes_again_and_once(unconfirmed: Services) -> None:
    await ask(unconfirmed, Traces(), after=timedelta(minutes=5, seconds=1))
    assert await the_status() is Status.UNCONFIRMED
    await ask(unconfirmed, Traces(), after=timedelta(minutes=2, seconds=31))
    assert await the_status() is Status.SCHEDULED

    await answer(unconfirmed, await begin(unconfirmed, datetime.now(UTC) + timedelta(seconds=1)), Accepted(SID))

    assert await statuses() == ["SCHEDULED", "SENDING", "UNCONFIRMED", "SCHEDULED", "SENDING", "SENT"]
    assert await the_call() is None


async def test_what_the_carrier_lacks_early_is_no_proof_because_lists_lag(unconfirmed: Services) -> None:
    for age in (timedelta(seconds=31), timedelta(minutes=2)):
        await ask(unconfirmed, Traces(), after=age)

    assert (await Reminder.get()).absent_at is None
    assert await the_status() is Status.UNCONFIRMED


async def test_two_looks_at_nearly_the_same_time_are_no_proof(unconfirmed: Services) -> None:
    await let_pass(timedelta(minutes=6))
    [inquiry] = await claim_unconfirmed(unconfirmed.store, limit=10)

    for _ in range(2):
        await record_look_up(unconfirmed.store, inquiry, Traces(), NOW)

    assert await the_status() is Status.UNCONFIRMED


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(Traces(other=(OTHER_SID,)), id="another-text"),
        pytest.param(Traces(same=(report(Status.SENT), report(Status.SENT, OTHER_SID))), id="two-of-them"),
        pytest.param(CarrierUnavailable("It is away."), id="no-answer"),
    ],
)
async def test_without_a_proof_nothing_is_sent_again_and_after_half_an_hour_a_person_is_asked(
    unconfirmed: Services, seen: Traces | CarrierUnavailable
) -> None:
    for age in (timedelta(minutes=6), timedelta(minutes=3), timedelta(minutes=20)):
        await ask(unconfirmed, seen, after=age)
        assert await the_call() is None

    await ask(unconfirmed, seen, after=timedelta(minutes=16))

    assert await the_status() is Status.UNCONFIRMED
    assert (await the_call() or "").startswith(NEVER_MIND)


async def test_what_is_found_after_a_person_was_asked_takes_the_call_back(unconfirmed: Services) -> None:
    await ask(unconfirmed, CarrierUnavailable("It is away."), after=timedelta(minutes=31))
    assert await the_call() == NEVER_MIND + "It is away."

    await ask(unconfirmed, Traces(same=(report(Status.SENT),)), after=timedelta(hours=1))

    assert await the_status() is Status.SENT
    assert await the_call() is None


async def test_after_a_person_was_asked_nothing_goes_again_by_itself(unconfirmed: Services) -> None:
    await ask(unconfirmed, CarrierUnavailable("It is away."), after=timedelta(minutes=31))
    for _ in range(3):
        await ask(unconfirmed, Traces(), after=timedelta(hours=6))

    assert await the_status() is Status.UNCONFIRMED


async def test_a_text_in_the_list_that_is_known_to_be_another_of_ours_is_not_taken(unconfirmed: Services) -> None:
    await rows(
        "INSERT INTO send_attempt (organization_id, reminder_id, connection_id, fence, correlation, began_at, outcome,"
        " provider_message_id) SELECT organization_id, reminder_id, connection_id, 0, 'another', began_at, 'Accepted',"
        " $1 FROM send_attempt",
        SID,
    )

    await ask(unconfirmed, Traces(same=(report(Status.SENT),)), after=timedelta(minutes=6))
    assert (await Reminder.get()).absent_at is not None
    await ask(unconfirmed, Traces(same=(report(Status.SENT),)), after=timedelta(minutes=3))

    assert await the_status() is Status.SCHEDULED


async def test_of_two_lost_texts_in_the_same_words_neither_takes_the_one_that_the_carrier_has(
    unconfirmed: Services,
) -> None:
    cycle = await CollectionCycle.get()
    await open_one(unconfirmed, cycle, a_new_case("INV-2"))
    await plan(unconfirmed, NOW)
    await answer(unconfirmed, await begin(unconfirmed), Unknown("The answer was lost."))

    for _ in range(3):
        await ask(unconfirmed, Traces(same=(report(Status.DELIVERED),)), after=timedelta(minutes=6))

    assert [reminder.status for reminder in await Reminder.all()] == [Status.UNCONFIRMED, Status.UNCONFIRMED]


async def test_a_message_may_belong_to_the_text_that_a_person_has_called_sent(unconfirmed: Services) -> None:
    cycle = await CollectionCycle.get()
    await open_one(unconfirmed, cycle, a_new_case("INV-2"))
    await plan(unconfirmed, NOW)
    await answer(unconfirmed, await begin(unconfirmed), Unknown("The answer was lost."))
    first = await Reminder.first()
    assert first is not None
    viewer = a_viewer(await Organization.get())
    await confirm_reminder_sent(unconfirmed.store, viewer, reminder_id=first.id, now=NOW)

    await ask(unconfirmed, Traces(same=(report(Status.DELIVERED),)), after=timedelta(minutes=6))

    assert [reminder.status for reminder in await Reminder.all().order_by("id")] == [Status.SENT, Status.UNCONFIRMED]


async def test_a_list_is_as_old_as_the_question_however_late_it_is_recorded(unconfirmed: Services) -> None:
    await let_pass(timedelta(seconds=31))
    [inquiry] = await claim_unconfirmed(unconfirmed.store, limit=10)

    for _ in range(2):  # by workers that were frozen over it
        await let_pass(timedelta(minutes=6))
        inquiry = replace(inquiry, asked_at=inquiry.asked_at - timedelta(minutes=6))
        await record_look_up(unconfirmed.store, inquiry, Traces(), NOW)

    assert await the_status() is Status.UNCONFIRMED


async def test_a_carrier_that_lists_it_in_between_takes_the_proof_away(unconfirmed: Services) -> None:
    await ask(unconfirmed, Traces(), after=timedelta(minutes=6))
    await ask(unconfirmed, Traces(other=(OTHER_SID,)), after=timedelta(minutes=2))
    await ask(unconfirmed, Traces(), after=timedelta(minutes=1))

    assert await the_status() is Status.UNCONFIRMED


async def absent(services: Services) -> None:
    await ask(services, Traces(), after=timedelta(minutes=6))
    await ask(services, Traces(), after=timedelta(minutes=3))


async def test_what_was_paid_meanwhile_does_not_go_again(unconfirmed: Services) -> None:
    case = await CollectionCase.get()
    await pay(unconfirmed, case, f"{case.amount_due}")

    await absent(unconfirmed)

    assert await statuses() == ["SCHEDULED", "SENDING", "UNCONFIRMED", "SCHEDULED", "CANCELED"]


async def test_what_was_disconnected_meanwhile_does_not_go_again(unconfirmed: Services) -> None:
    organization = await Organization.get()
    await disconnect_integration(
        unconfirmed.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )

    await absent(unconfirmed)

    assert await the_status() is Status.CANCELED
    assert (await Reminder.get()).status_reason == "SMS was disconnected."


async def test_a_report_that_comes_after_the_proof_stops_what_would_go_again(unconfirmed: Services) -> None:
    correlation = (await SendAttempt.get()).correlation
    await absent(unconfirmed)

    await record_report(unconfirmed.store, correlation, report(Status.DELIVERED), NOW)

    assert await the_status() is Status.DELIVERED
    assert await begin(unconfirmed, datetime.now(UTC) + timedelta(seconds=1)) == []


async def test_a_report_that_comes_while_the_carrier_is_asked_counts(unconfirmed: Services) -> None:
    await let_pass(timedelta(minutes=10))
    [inquiry] = await claim_unconfirmed(unconfirmed.store, limit=10)
    await record_report(unconfirmed.store, inquiry.correlation, report(Status.SENT), NOW)

    await record_look_up(unconfirmed.store, inquiry, Traces(), NOW)
    await record_look_up(unconfirmed.store, inquiry, CarrierUnavailable("It is away."), NOW)

    assert await the_status() is Status.SENT


async def test_two_workers_do_not_ask_about_the_same_text(unconfirmed: Services) -> None:
    await let_pass(timedelta(minutes=10))

    assert len(await claim_unconfirmed(unconfirmed.store, limit=10)) == 1
    assert await claim_unconfirmed(unconfirmed.store, limit=10) == []


async def test_one_whose_keys_are_destroyed_is_left_to_a_person(unconfirmed: Services) -> None:
    await rows("UPDATE connection SET sealed_credentials = NULL")

    channel = await ask(unconfirmed, Traces(), after=timedelta(minutes=31))

    assert channel.looked_up == []
    assert await the_call() == NEVER_MIND + "The keys of the account are destroyed."


@pytest.fixture
async def silent(services: Services) -> Services:
    """One reminder that the carrier took, and has reported nothing of since."""
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)
    await answer(services, await begin(services), Accepted(SID))
    return services


async def poll(services: Services, said: ReminderStatus | None, *, after: timedelta) -> None:
    await let_pass(after)
    channel = ScriptedChannel()
    if said is not None:
        channel.said = report(said)
    await Reconciler(with_channel(services, channel)).reconcile()


@pytest.mark.parametrize("end", [Status.DELIVERED, Status.UNDELIVERED, Status.FAILED])
async def test_the_end_of_a_text_is_fetched_where_no_report_comes(silent: Services, end: ReminderStatus) -> None:
    await poll(silent, Status.SENT, after=timedelta(minutes=16))
    assert await the_status() is Status.SENT

    await poll(silent, end, after=timedelta(hours=1))

    assert await the_status() is end
    assert await claim_silent(silent.store, limit=10) == []


async def test_a_text_that_the_carrier_reports_on_is_not_asked_about(silent: Services) -> None:
    await record_report(silent.store, (await SendAttempt.get()).correlation, report(Status.DELIVERED), NOW)
    await let_pass(timedelta(hours=80))

    assert await claim_silent(silent.store, limit=10) == []


async def test_a_text_without_a_receipt_stays_sent_and_says_so(silent: Services) -> None:
    for hours in (0.3, 1, 6, 24, 72, 72):
        await poll(silent, Status.SENT, after=timedelta(hours=hours))

    reminder = await Reminder.get()
    assert reminder.status is Status.SENT
    assert reminder.status_reason == "The carrier took it and has not said within 72 hours whether it arrived."
    assert reminder.check_at is None


async def test_the_sandbox_carrier_is_searched_like_the_real_one(services: Services, sandbox: SandboxCarrier) -> None:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)
    sandbox.world.behave(Behaviour(reset_after_accepting_rate=1, lose_callbacks_rate=1))
    before = len(sandbox.texts)
    deliverer = Deliverer(services)
    running = asyncio.create_task(deliverer.run())
    async with asyncio.timeout(10):
        while await the_status() is not Status.UNCONFIRMED:
            pass
    deliverer.stop()
    await running
    assert len(sandbox.texts) == before + 1

    await let_pass(timedelta(seconds=31))
    await Reconciler(services).reconcile()

    assert await the_status() in (Status.SENT, Status.DELIVERED)
