import asyncio

import pytest

from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.close_case import close_case
from dunlin.domain.actions.pause_case import pause_case
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.carrier import Accepted, Answer, Fault, Refused, StatusReport, Throttled, Unreached
from dunlin.domain.choices import CaseClosedReason, CaseState, CaseStepState
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables import CaseStep, CollectionCase, DeliveryEvent, Reminder
from dunlin.runtime.wiring import Services
from tests.build import NOW, SMS, a_cycle, a_new_case, a_viewer, an_organization, connect_sms, open_one
from tests.delivery import SID, answer, begin, mark, plan, statuses, the_reminder

Status = ReminderStatus
WHY = "A person closed the case: Written off"


@pytest.fixture
async def case(services: Services) -> CollectionCase:
    """A case of two SMS steps; the first one's reminder is scheduled."""
    organization = await an_organization()
    await connect_sms(services, organization)
    case = await open_one(services, await a_cycle(organization, [SMS, SMS]))
    await plan(services, NOW)
    return case


async def close(services: Services, case: CollectionCase, reason: str | None = "Written off") -> CollectionCase:
    return await close_case(services.store, a_viewer(await case.organization), case_id=case.id, reason=reason, now=NOW)


async def test_a_closed_case_sends_nothing_more_and_says_why(services: Services, case: CollectionCase) -> None:
    closed = await close(services, case)

    assert (closed.state, closed.closed_reason, closed.closed_at, closed.closed_note, closed.next_action_at) == (
        CaseState.CLOSED,
        CaseClosedReason.MANUAL,
        NOW,
        "Written off",
        None,
    )
    reminder = await the_reminder()
    assert (reminder.status, reminder.status_reason) == (Status.CANCELED, WHY)
    assert [(step.state, step.skipped_reason) for step in await CaseStep.all()] == [(CaseStepState.SKIPPED, WHY)] * 2
    assert [event.status for event in await DeliveryEvent.all().order_by("sequence")] == [
        Status.SCHEDULED,
        Status.CANCELED,
    ]
    assert await begin(services) == []


async def test_no_reason_is_needed(services: Services, case: CollectionCase) -> None:
    closed = await close(services, case, None)

    assert closed.closed_note is None
    assert (await the_reminder()).status_reason == "A person closed the case."


async def test_other_cases_go_on(services: Services, case: CollectionCase) -> None:
    cycle = await case.cycle
    other = await open_one(services, cycle, a_new_case("INV-2"))
    await plan(services, NOW)

    await close(services, case)

    assert (await CollectionCase.get(id=other.id)).state is CaseState.ACTIVE
    assert (await Reminder.get(case_id=other.id)).status is Status.SCHEDULED


async def test_what_the_carrier_has_keeps_its_true_status(services: Services, case: CollectionCase) -> None:
    handovers = await begin(services)
    await answer(services, handovers, Accepted(SID))

    await close(services, case)
    assert (await the_reminder()).status is Status.SENT

    report = StatusReport("AC" + "5a" * 16, SID, Status.UNDELIVERED, 30003, "Out of reach.")
    await record_report(services.store, handovers[0].correlation, report, NOW)

    closed = await CollectionCase.get()
    assert (await the_reminder()).status is Status.UNDELIVERED
    assert (closed.closed_reason, closed.attention_reason) == (CaseClosedReason.MANUAL, None)
    assert (await CaseStep.get(position=1)).state is CaseStepState.DONE


async def test_closing_answers_only_when_nothing_is_under_way(services: Services, case: CollectionCase) -> None:
    handovers = await begin(services)

    first, second = asyncio.create_task(close(services, case)), asyncio.create_task(close(services, case))
    done, _ = await asyncio.wait({first, second}, timeout=0.3)
    assert not done

    await answer(services, handovers, Accepted(SID))
    async with asyncio.timeout(2):
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CollectionCase", "Refusal"]


@pytest.mark.parametrize("not_taken", [Throttled(None), Unreached("No connection.")], ids=["throttled", "unreached"])
async def test_a_reminder_under_way_that_was_not_taken_is_canceled_not_tried_again(
    services: Services, case: CollectionCase, not_taken: Answer
) -> None:
    handovers = await begin(services)
    closing = asyncio.create_task(close(services, case))
    await asyncio.wait({closing}, timeout=0.2)

    await answer(services, handovers, not_taken)
    await closing

    assert await statuses() == ["SCHEDULED", "SENDING", "SCHEDULED", "CANCELED"]
    assert (await the_reminder()).status_reason == WHY
    assert (await CaseStep.get(position=1)).skipped_reason == WHY


async def test_a_reminder_under_way_that_is_refused_is_failed_and_asks_nobody(
    services: Services, case: CollectionCase
) -> None:
    handovers = await begin(services)
    closing = asyncio.create_task(close(services, case))
    await asyncio.wait({closing}, timeout=0.2)

    await answer(services, handovers, Refused(21211, Fault.RECIPIENT, "Bad number."))
    closed = await closing

    assert (await the_reminder()).status is Status.FAILED
    assert (await CollectionCase.get(id=closed.id)).attention_reason is None


async def test_a_claimed_reminder_is_not_sent_after_the_case_is_closed(
    services: Services, case: CollectionCase
) -> None:
    claims = await claim_reminders(services.store, limit=10)

    await close(services, case)

    assert await mark(services, claims, NOW) == []
    assert await statuses() == ["SCHEDULED", "CANCELED"]


async def test_a_paused_case_can_be_closed(services: Services, case: CollectionCase) -> None:
    viewer = a_viewer(await case.organization)
    await pause_case(services.store, viewer, case_id=case.id, reason="Promised to pay", until=None, now=NOW)

    closed = await close(services, case)

    assert (closed.closed_reason, closed.paused_at, closed.pause_reason) == (CaseClosedReason.MANUAL, None, None)
    assert (await the_reminder()).status is Status.CANCELED


async def test_a_closed_case_needs_nobody_to_look(services: Services, case: CollectionCase) -> None:
    await answer(services, await begin(services), Refused(21211, Fault.RECIPIENT, "Bad number."))
    assert (await CollectionCase.get()).attention_reason is not None

    assert (await close(services, case)).attention_reason is None


async def test_a_case_is_closed_only_once(services: Services, case: CollectionCase) -> None:
    await close(services, case)

    with pytest.raises(Refusal) as refusal:
        await close(services, case, "Again")

    assert [problem.code for problem in refusal.value.problems] == [ProblemCode.CASE_CLOSED]
    assert (await CollectionCase.get()).closed_note == "Written off"


async def test_planning_marking_and_closing_at_once_leave_nothing_to_send(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    cases = [await open_one(services, cycle, a_new_case(f"INV-{n}", customer=f"C-{n}")) for n in range(20)]

    async def deliver() -> None:
        await plan(services, NOW)
        await answer(services, await begin(services), lambda place: Accepted(f"SM{place:032x}"))

    await asyncio.gather(deliver(), *(close(services, case) for case in cases))
    await plan(services, NOW)

    assert await begin(services) == []
    assert {case.closed_reason for case in await CollectionCase.all()} == {CaseClosedReason.MANUAL}
    assert {reminder.status for reminder in await Reminder.all()} <= {Status.SENT, Status.CANCELED}
