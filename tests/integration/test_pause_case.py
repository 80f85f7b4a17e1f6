import asyncio
from datetime import date, datetime, timedelta

import pytest

from dunlin.domain.actions.pause_case import pause_case
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.actions.resume_cases import resume_case, resume_cases
from dunlin.domain.carrier import Accepted, StatusReport, Unreached
from dunlin.domain.choices import CaseClosedReason, CaseState, CaseStepState
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import rows
from dunlin.domain.tables import CaseStep, CollectionCase, Reminder
from dunlin.runtime.wiring import Services
from tests.build import NOW, SMS, a_cycle, a_new_case, a_viewer, an_organization, connect_sms, open_one
from tests.delivery import SID, answer, begin, plan, statuses, the_reminder

DAY = timedelta(days=1)


@pytest.fixture
async def case(services: Services) -> CollectionCase:
    """A case of three SMS steps, a week apart, whose first one is due now."""
    organization = await an_organization()
    await connect_sms(services, organization)
    return await open_one(services, await a_cycle(organization, [SMS, SMS, SMS]))


async def pause(
    services: Services,
    case: CollectionCase,
    *,
    reason: str | None = None,
    until: date | None = None,
    now: datetime = NOW,
) -> CollectionCase:
    return await pause_case(
        services.store, a_viewer(await case.organization), case_id=case.id, reason=reason, until=until, now=now
    )


async def resume(services: Services, case: CollectionCase, now: datetime = NOW) -> CollectionCase:
    return await resume_case(services.store, a_viewer(await case.organization), case_id=case.id, now=now)


async def due_days(case: CollectionCase) -> list[int]:
    """The days from now on which the case's steps are due."""
    steps = await CaseStep.filter(case_id=case.id).order_by("position")
    return [(step.due_at.date() - NOW.date()).days + 1 for step in steps]  # due at midnight in Brussels


def codes(refusal: pytest.ExceptionInfo[Refusal]) -> list[ProblemCode]:
    return [problem.code for problem in refusal.value.problems]


async def test_a_paused_case_says_why_and_until_when_and_keeps_its_schedule(
    services: Services, case: CollectionCase
) -> None:
    before = await due_days(case)

    paused = await pause(services, case, reason=" Promised to pay ", until=date(2026, 3, 11))

    assert (paused.state, paused.paused_at, paused.paused_until, paused.pause_reason) == (
        CaseState.PAUSED,
        NOW,
        date(2026, 3, 11),
        "Promised to pay",
    )
    assert paused.next_action_at is None
    assert await due_days(case) == before == [0, 7, 14]
    assert await plan(services, NOW) == 0


async def test_pausing_a_paused_case_gives_it_the_new_reason_and_day(services: Services, case: CollectionCase) -> None:
    await pause(services, case, reason="First", until=date(2026, 3, 11))

    paused = await pause(services, case, until=date(2026, 4, 1), now=NOW + DAY)

    assert (paused.paused_at, paused.paused_until, paused.pause_reason) == (NOW, date(2026, 4, 1), None)


async def test_pausing_answers_only_when_nothing_is_under_way(services: Services, case: CollectionCase) -> None:
    await plan(services, NOW)
    handovers = await begin(services)

    pausing = asyncio.create_task(pause(services, case))
    done, _ = await asyncio.wait({pausing}, timeout=0.3)
    assert not done

    await answer(services, handovers, Accepted(SID))
    async with asyncio.timeout(2):
        await pausing


async def test_a_scheduled_reminder_is_held_by_the_pause_and_goes_at_once_when_the_case_is_resumed(
    services: Services, case: CollectionCase
) -> None:
    await plan(services, NOW)
    await pause(services, case)
    assert await begin(services) == []
    assert (await the_reminder()).status_reason == "The case is paused. It goes when the case is resumed."

    await resume(services, case)

    assert (await the_reminder()).status_reason is None
    assert len(await begin(services)) == 1


async def test_steps_that_fell_due_in_a_pause_do_not_leave_in_one_burst(
    services: Services, case: CollectionCase
) -> None:
    await pause(services, case)

    await resume(services, case, NOW + 30 * DAY)
    await plan(services, NOW + 30 * DAY)
    await plan(services, NOW + 30 * DAY)

    assert await Reminder.all().count() == 1
    assert (await due_days(case))[1:] == [37, 44]


async def test_steps_keep_their_distance_from_a_reminder_that_the_pause_held_back(
    services: Services, case: CollectionCase
) -> None:
    await plan(services, NOW)
    await Reminder.all().update(scheduled_for=NOW)
    await pause(services, case)

    resumed = await resume(services, case, NOW + 30 * DAY)
    await plan(services, NOW + 30 * DAY)

    assert await Reminder.all().count() == 1
    assert await due_days(case) == [0, 37, 44]
    assert resumed.next_action_at == (await CaseStep.get(case_id=case.id, position=2)).due_at


async def test_a_pause_of_some_hours_moves_nothing(services: Services, case: CollectionCase) -> None:
    await plan(services, NOW)
    await Reminder.all().update(scheduled_for=NOW)
    await pause(services, case)

    await resume(services, case, NOW + timedelta(hours=8))

    assert await due_days(case) == [0, 7, 14]


async def test_a_resumed_case_forgets_its_pause(services: Services, case: CollectionCase) -> None:
    await pause(services, case, reason="Promised to pay", until=date(2026, 3, 11))

    resumed = await resume(services, case)

    assert (resumed.state, resumed.paused_at, resumed.paused_until, resumed.pause_reason) == (
        CaseState.ACTIVE,
        None,
        None,
        None,
    )
    assert resumed.next_action_at == (await CaseStep.get(case_id=case.id, position=1)).due_at


@pytest.mark.parametrize(
    ("zone", "moment", "resumed"),
    [
        pytest.param("Europe/Brussels", "2026-03-10T22:59Z", 0, id="a minute before midnight in Brussels"),
        pytest.param("Europe/Brussels", "2026-03-10T23:00Z", 1, id="midnight in Brussels"),
        pytest.param("Pacific/Kiritimati", "2026-03-10T09:59Z", 0, id="a minute before midnight in Kiritimati"),
        pytest.param("Pacific/Kiritimati", "2026-03-10T10:00Z", 1, id="midnight in Kiritimati"),
        pytest.param("Pacific/Pago_Pago", "2026-03-11T10:59Z", 0, id="a minute before midnight in Pago Pago"),
        pytest.param("Pacific/Pago_Pago", "2026-03-11T11:00Z", 1, id="midnight in Pago Pago"),
        pytest.param("Europe/Brussels", "2026-04-20T12:00Z", 1, id="long after, when nobody looked"),
    ],
)
async def test_a_case_resumes_by_itself_on_its_day_of_the_organizations_calendar(
    services: Services, zone: str, moment: str, resumed: int
) -> None:
    organization = await an_organization(time_zone=zone)
    case = await open_one(services, await a_cycle(organization))
    await pause(services, case, until=date(2026, 3, 11))

    assert await resume_cases(services.store, datetime.fromisoformat(moment)) == resumed

    assert (await CollectionCase.get()).state is (CaseState.ACTIVE if resumed else CaseState.PAUSED)


async def test_a_case_paused_without_a_day_stays_paused(services: Services, case: CollectionCase) -> None:
    await pause(services, case)

    assert await resume_cases(services.store, NOW + 3650 * DAY) == 0


async def test_many_cases_resume_in_bounded_batches_and_only_once(services: Services) -> None:
    organization = await an_organization()
    cycle = await a_cycle(organization)
    for place in range(5):
        case = await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
        await pause(services, case, until=date(2026, 3, 11))

    later = NOW + 7 * DAY
    counts = await asyncio.gather(*(resume_cases(services.store, later, limit=2) for _ in range(3)))
    left = await resume_cases(services.store, later)

    assert sum(counts) + left == 5
    assert await resume_cases(services.store, later) == 0


@pytest.mark.parametrize("until", [date(2026, 3, 4), date(2026, 3, 3), date(2101, 1, 1)])
async def test_a_pause_ends_after_today(services: Services, case: CollectionCase, until: date) -> None:
    with pytest.raises(Refusal) as refusal:
        await pause(services, case, until=until)

    assert codes(refusal) == [ProblemCode.INVALID]
    assert "after today, 2026-03-04" in str(refusal.value)
    assert (await CollectionCase.get()).state is CaseState.ACTIVE


async def test_today_is_that_of_the_organization(services: Services) -> None:
    organization = await an_organization(time_zone="Pacific/Auckland")
    case = await open_one(services, await a_cycle(organization))

    with pytest.raises(Refusal):
        await pause(services, case, until=date(2026, 3, 5))  # already today in Auckland

    assert (await pause(services, case, until=date(2026, 3, 6))).state is CaseState.PAUSED


async def test_only_a_paused_case_can_be_resumed(services: Services, case: CollectionCase) -> None:
    with pytest.raises(Refusal) as refusal:
        await resume(services, case)

    assert codes(refusal) == [ProblemCode.WRONG_STATE]


async def test_a_closed_case_can_be_neither_paused_nor_resumed(services: Services, case: CollectionCase) -> None:
    await CollectionCase.all().update(state=CaseState.CLOSED, closed_reason=CaseClosedReason.MANUAL)

    for act in (pause, resume):
        with pytest.raises(Refusal) as refusal:
            await act(services, case)
        assert codes(refusal) == [ProblemCode.CASE_CLOSED]


async def test_a_case_whose_last_reminder_arrived_in_the_pause_is_completed_when_it_is_resumed(
    services: Services,
) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    case = await open_one(services, await a_cycle(organization))
    await plan(services, NOW)
    handovers = await begin(services)
    await answer(services, handovers, Accepted(SID))
    await pause(services, case)
    report = StatusReport("AC" + "5a" * 16, SID, ReminderStatus.DELIVERED, None, None)
    await record_report(services.store, handovers[0].correlation, report, NOW)
    assert (await CollectionCase.get()).state is CaseState.PAUSED

    resumed = await resume(services, case, NOW + DAY)

    assert (resumed.state, resumed.closed_reason, resumed.closed_at) == (
        CaseState.CLOSED,
        CaseClosedReason.COMPLETED,
        NOW + DAY,
    )


async def test_a_reminder_that_was_not_taken_waits_in_the_pause(services: Services, case: CollectionCase) -> None:
    await plan(services, NOW)
    handovers = await begin(services)
    pausing = asyncio.create_task(pause(services, case))
    await asyncio.wait({pausing}, timeout=0.2)

    await answer(services, handovers, Unreached("No connection."))
    await pausing
    await rows("UPDATE reminder SET scheduled_for = clock_timestamp()")

    assert await begin(services) == []
    assert await statuses() == ["SCHEDULED", "SENDING", "SCHEDULED"]
    assert (await the_reminder()).status is ReminderStatus.SCHEDULED
    assert (await CaseStep.get(position=1)).state is CaseStepState.DONE
