"""Many reports share a commit, and none waits for, or fails with, another organization's."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from datetime import datetime, timedelta
from itertools import permutations
from typing import TypeVar

import pytest
from tortoise.transactions import in_transaction

from dunlin.api.report_recorder import ReportRecorder
from dunlin.domain.actions.deliver import Handover
from dunlin.domain.actions.record_reports import INBOX_KEPT, Reported, forget_reports, record_reports
from dunlin.domain.carrier import Accepted, Fault, StatusReport
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Store, Transaction
from dunlin.domain.tables import DeliveryEvent, ReceivedReport, Reminder, SendAttempt
from dunlin.runtime.bell import RedisBell
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_collecting_organization, a_new_case, open_one
from tests.delivery import answer, begin, plan, statuses

Status = ReminderStatus
MORE_THAN_CONNECTIONS = 12
T = TypeVar("T")


class CountingStore(Store):
    """Counts its transactions."""

    commits = 0

    async def transact(self, work: Callable[[Transaction], Awaitable[T]], *, patience: timedelta | None = None) -> T:
        self.commits += 1
        return await super().transact(work, patience=patience)


def sid(place: int) -> str:
    return f"SM{place:032x}"


async def sent(services: Services, count: int, *organizations: str) -> list[Handover]:
    """Reminders that the carrier has, `count` for each organization; their sid is that of their place."""
    for name in organizations:
        _, cycle = await a_collecting_organization(services, name=name)
        for place in range(count):
            await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
    await plan(services, NOW)
    handovers: list[Handover] = []
    while begun := await begin(services):
        handovers += begun
    await answer(services, handovers, lambda place: Accepted(sid(place)))
    return handovers


def report(
    status: ReminderStatus | None, place: int = 0, *, fault: Fault | None = None, state: str = ""
) -> StatusReport:
    return StatusReport("AC" + "5a" * 16, sid(place), status, 30003 if fault else None, None, fault, state=state)


def delivered(handovers: list[Handover]) -> list[tuple[int, Reported]]:
    return [
        (one.organization_id, Reported(one.correlation, report(Status.DELIVERED, place)))
        for place, one in enumerate(handovers)
    ]


async def test_reports_that_come_together_share_commits_and_each_waits_for_its_own(services: Services) -> None:
    handovers = await sent(services, 30, "Waterworks", "Gasworks")
    store = CountingStore(RedisBell(services.redis))
    recorder = ReportRecorder(store)

    await asyncio.gather(*(recorder.record(*one) for one in delivered(handovers)))

    assert await Reminder.filter(status=Status.DELIVERED).count() == 60
    assert store.commits <= 3
    for organization_id in {one.organization_id for one in handovers}:
        events = await DeliveryEvent.filter(organization_id=organization_id).order_by("sequence")
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))


async def test_one_report_many_times_at_once_is_one_event_and_one_line_in_the_inbox(services: Services) -> None:
    [handover] = await sent(services, 1, "Waterworks")
    recorder = ReportRecorder(services.store)

    await asyncio.gather(*(recorder.record(*one) for one in delivered([handover]) * 20))

    assert (await statuses())[-2:] == ["SENT", "DELIVERED"]
    assert await ReceivedReport.all().count() == 1


@pytest.mark.parametrize("order", list(permutations([Status.SENT, Status.UNDELIVERED, Status.DELIVERED])))
async def test_a_group_ends_the_same_in_any_order(services: Services, order: tuple[ReminderStatus, ...]) -> None:
    [handover] = await sent(services, 1, "Waterworks")

    await record_reports(services.store, [Reported(handover.correlation, report(status)) for status in order], NOW)

    assert (await Reminder.get()).status is Status.DELIVERED


async def test_a_report_that_cannot_be_stored_fails_alone(services: Services) -> None:
    handovers = await sent(services, 3, "Waterworks")
    recorder = ReportRecorder(services.store)
    bad = Reported("no such attempt", report(Status.DELIVERED, 9))

    results = await asyncio.gather(
        *(recorder.record(*one) for one in delivered(handovers)), recorder.record(0, bad), return_exceptions=True
    )

    assert results[:3] == [None, None, None]
    assert isinstance(results[3], KeyError)
    assert await Reminder.filter(status=Status.DELIVERED).count() == 3


async def test_failures_are_recorded_with_all_that_follows_beside_good_reports(services: Services) -> None:
    handovers = await sent(services, 2, "Waterworks")
    recorder = ReportRecorder(services.store)
    failure = Reported(handovers[0].correlation, report(Status.UNDELIVERED, 0, fault=Fault.LANDLINE))

    await asyncio.gather(
        recorder.record(handovers[0].organization_id, failure), recorder.record(*delivered(handovers)[1])
    )

    first, second = await Reminder.all().order_by("id").prefetch_related("case__customer")
    assert (first.status, first.fault) == (Status.UNDELIVERED, Fault.LANDLINE)
    assert first.case.customer.phone_problem is not None
    assert second.status is Status.DELIVERED


async def test_an_organization_that_somebody_holds_keeps_nobody_elses_reports_waiting(services: Services) -> None:
    handovers = await sent(services, 2, "Waterworks", "Gasworks")
    held = handovers[0].organization_id
    recorder = ReportRecorder(services.store)
    outside = copy_context()  # or the tasks would be of the transaction

    async with in_transaction() as holder:
        await holder.execute_query("SELECT 1 FROM delivery_sequence WHERE organization_id = $1 FOR UPDATE", [held])
        tasks = {
            one: asyncio.create_task(recorder.record(*one), context=outside.copy()) for one in delivered(handovers)
        }
        async with asyncio.timeout(5):
            await asyncio.gather(*(task for (organization_id, _), task in tasks.items() if organization_id != held))
        assert not any(task.done() for (organization_id, _), task in tasks.items() if organization_id == held)
    await asyncio.gather(*tasks.values())

    assert await Reminder.filter(status=Status.DELIVERED).count() == 4


async def test_what_keeps_coming_for_an_organization_that_is_held_leaves_connections_for_others(
    services: Services,
) -> None:
    handovers = await sent(services, MORE_THAN_CONNECTIONS, "Waterworks", "Gasworks")
    held = handovers[0].organization_id
    theirs, others = [
        [(one, said) for one, said in delivered(handovers) if (one == held) is is_held] for is_held in (True, False)
    ]
    recorder = ReportRecorder(services.store)
    outside = copy_context()  # or the tasks would be of the transaction

    async with in_transaction() as holder:
        await holder.execute_query("SELECT 1 FROM delivery_sequence WHERE organization_id = $1 FOR UPDATE", [held])
        waiting = []
        async with asyncio.timeout(10):
            for of_held, of_other in zip(theirs, others, strict=True):
                waiting.append(asyncio.create_task(recorder.record(*of_held), context=outside.copy()))
                await asyncio.create_task(recorder.record(*of_other), context=outside.copy())
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)

    assert await Reminder.filter(status=Status.DELIVERED).count() == 2 * MORE_THAN_CONNECTIONS


async def test_many_failures_of_an_organization_that_is_held_leave_connections_for_others(services: Services) -> None:
    handovers = await sent(services, MORE_THAN_CONNECTIONS, "Waterworks", "Gasworks")
    held = handovers[0].organization_id
    recorder = ReportRecorder(services.store)
    outside = copy_context()  # or the tasks would be of the transaction

    def record(place: int, one: Handover) -> asyncio.Task[None]:
        failure = report(Status.UNDELIVERED, place, fault=Fault.LANDLINE)
        said = Reported(one.correlation, failure)
        return asyncio.create_task(recorder.record(one.organization_id, said), context=outside.copy())

    async with in_transaction() as holder:
        await holder.execute_query("SELECT 1 FROM integration WHERE organization_id = $1 FOR UPDATE", [held])
        tasks = [(one, record(place, one)) for place, one in enumerate(handovers)]
        async with asyncio.timeout(10):
            await asyncio.gather(*(task for one, task in tasks if one.organization_id != held))
        assert not any(task.done() for one, task in tasks if one.organization_id == held)
    await asyncio.gather(*(task for _, task in tasks))

    assert await Reminder.filter(status=Status.UNDELIVERED).count() == 2 * MORE_THAN_CONNECTIONS


async def test_who_hangs_up_takes_nothing_back(services: Services) -> None:
    handovers = await sent(services, 2, "Waterworks")
    recorder = ReportRecorder(services.store)
    tasks = [asyncio.create_task(recorder.record(*one)) for one in delivered(handovers)]
    await asyncio.sleep(0)

    tasks[0].cancel()
    await tasks[1]

    assert await Reminder.filter(status=Status.DELIVERED).count() == 2


async def test_a_second_message_of_an_attempt_is_told_to_the_log_and_keeps_nothing_of_the_first_back(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    [handover] = await sent(services, 1, "Waterworks")
    second, first = report(Status.DELIVERED, place=7), report(Status.DELIVERED)

    await record_reports(services.store, [Reported(handover.correlation, one) for one in (second, first)], NOW)

    reminder = await Reminder.get()
    assert (reminder.status, reminder.provider_message_id) == (Status.DELIVERED, sid(0))
    assert [one for one in caplog.messages if "second message" in one and sid(7) in one]


async def test_of_an_attempt_that_was_never_answered_the_first_message_reported_is_its_message(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)
    [handover] = await begin(services)
    reports = [report(Status.SENT), report(Status.DELIVERED, place=7), report(Status.UNDELIVERED)]

    await record_reports(services.store, [Reported(handover.correlation, one) for one in reports], NOW)

    reminder, attempt = await Reminder.get(), await SendAttempt.get()
    assert (reminder.status, reminder.provider_message_id) == (Status.UNDELIVERED, sid(0))
    assert attempt.provider_message_id == sid(0)
    [told] = caplog.messages
    assert sid(7) in told


async def test_a_word_that_we_do_not_know_lies_in_the_inbox_and_changes_nothing(services: Services) -> None:
    [handover] = await sent(services, 1, "Waterworks")

    await record_reports(services.store, [Reported(handover.correlation, report(None, state="teleported"))], NOW)

    assert (await ReceivedReport.get()).state == "teleported"
    assert (await Reminder.get()).status is Status.SENT


async def test_the_inbox_is_emptied_after_a_week(services: Services) -> None:
    [handover] = await sent(services, 1, "Waterworks")
    await record_reports(services.store, [Reported(handover.correlation, report(Status.DELIVERED))], NOW)

    def later(by: timedelta) -> datetime:
        return NOW + INBOX_KEPT + by

    assert await forget_reports(services.store, later(timedelta(seconds=-1))) == 0
    assert await forget_reports(services.store, later(timedelta(seconds=1))) == 1
    assert await ReceivedReport.all().count() == 0
