"""Whole cycles over simulated weeks: what the customers get, and what a finance team finds afterwards."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from dunlin.domain.actions.pause_case import pause_case
from dunlin.domain.actions.resume_cases import resume_case
from dunlin.domain.choices import CaseClosedReason, CaseState, CommunicationMethod, Weekday
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.caps import Limits
from dunlin.domain.rules.case_input import NewCase
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.tables import CollectionCase, Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import NONE, SMS, a_cycle, a_new_case, a_viewer, an_organization, connect_sms
from tests.story import DAY, Story

OFFICE_HOURS = SendWindow("09:00", "18:00", frozenset(Weekday) - {Weekday.SATURDAY, Weekday.SUNDAY})
MONDAY = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
ADA = "+32470123456"
TEXTS = {
    "en": "Dear {{ customer.name }}, {{ amount }} was due on {{ due_date }}. Invoice {{ reference }}.",
    "nl": "Beste {{ customer.name }}, {{ amount }} verviel op {{ due_date }}. Factuur {{ reference }}.",
}


async def a_story(services: Services, days: list[int], *, methods: list[CommunicationMethod] | None = None) -> Story:
    """A Belgian organization, office hours, no reminders on holidays, with a cycle of SMS steps."""
    organization = await an_organization(window=OFFICE_HOURS, skip_holidays=True, limits=Limits(24, 3))
    await connect_sms(services, organization, now=MONDAY)
    cycle = await a_cycle(organization, methods or [SMS] * len(days), days=days, texts=TEXTS)
    return Story(services, cycle, MONDAY)


def ada(
    reference: str = "INV-1", *, due_on: date = date(2026, 3, 2), phone: str = ADA, reason: str | None = None
) -> NewCase:
    return a_new_case(reference, name="Ada", phone=phone, due_on=due_on, return_reason_code=reason)


async def owner_of(story: Story) -> Organization:
    return await Organization.get(id=story.cycle.organization_id)


async def test_who_never_pays_is_reminded_at_every_step_and_the_case_is_completed(services: Services) -> None:
    story = await a_story(services, [1, 7, 14])
    case = await story.open(ada())

    await story.pass_days(30)

    assert story.days_of(ADA) == ["Tue 03 Mar 09:00", "Tue 10 Mar 09:00", "Tue 24 Mar 09:00"]
    ended = await CollectionCase.get(id=case.id)
    assert (ended.state, ended.closed_reason) == (CaseState.CLOSED, CaseClosedReason.COMPLETED)
    assert {reminder.status for reminder in await Reminder.all()} == {ReminderStatus.DELIVERED}


async def test_who_pays_in_part_and_then_the_rest_is_asked_for_what_is_open_and_then_for_nothing(
    services: Services,
) -> None:
    story = await a_story(services, [1, 7, 14])
    case = await story.open(ada())

    await story.pass_days(3)
    await story.pay(case, "50.00")
    await story.pass_days(7)
    await story.pay(case, "34.50")
    await story.pass_days(20)

    assert ["€84.50" in text for text in story.texts_to(ADA)] == [True, False]
    assert "€34.50" in story.texts_to(ADA)[1]
    ended = await CollectionCase.get(id=case.id)
    assert (ended.state, ended.closed_reason, ended.amount_due) == (CaseState.CLOSED, CaseClosedReason.PAID, Decimal(0))
    assert await story.steps_of(case) == ["DONE", "DONE", "The amount due has been paid."]


async def test_a_payment_between_planning_and_sending_stops_the_text(services: Services) -> None:
    story = await a_story(services, [1, 7])
    case = await story.open(ada())
    story.now = datetime(2026, 3, 7, 6, 0, tzinfo=UTC)  # a Saturday: planned now, to leave on Monday
    await story.work()
    assert story.sent == []

    await story.pay(case, "84.50")
    await story.pass_days(14)

    assert story.sent == []
    assert (await Reminder.get()).status is ReminderStatus.CANCELED


async def test_a_text_that_was_planned_before_a_payment_names_what_is_open_when_it_leaves(services: Services) -> None:
    story = await a_story(services, [1])
    case = await story.open(ada())
    story.now = datetime(2026, 3, 7, 6, 0, tzinfo=UTC)  # a Saturday: planned now, to leave on Monday
    await story.work()
    planned = (await Reminder.get()).text

    await story.pay(case, "80.00")
    await story.pass_days(4)

    assert "€84.50" in planned
    assert story.texts_to(ADA) == [(await Reminder.get()).text] == [planned.replace("€84.50", "€4.50")]


async def test_a_promise_to_pay_holds_the_case_until_its_day_and_nothing_leaves_in_a_burst(services: Services) -> None:
    story = await a_story(services, [1, 2, 2])
    case = await story.open(ada())
    await story.pass_days(2)

    await pause_case(
        services.store,
        a_viewer(await owner_of(story)),
        case_id=case.id,
        reason="Promised to pay",
        until=date(2026, 3, 16),
        now=story.now,
    )
    await story.pass_days(30)

    assert story.days_of(ADA) == ["Tue 03 Mar 09:00", "Mon 16 Mar 09:00", "Wed 18 Mar 09:00"]


async def test_a_disputed_debit_waits_for_a_person_and_then_runs_from_the_day_of_the_decision(
    services: Services,
) -> None:
    story = await a_story(services, [1, 7])
    case = await story.open(ada(reason="MD06"))
    await story.pass_days(9)
    assert story.sent == []

    await resume_case(services.store, a_viewer(await owner_of(story)), case_id=case.id, now=story.now)
    await story.pass_days(14)

    assert story.days_of(ADA) == ["Wed 11 Mar 09:00", "Wed 18 Mar 09:00"]


async def test_when_a_customer_has_died_none_of_their_cases_sends_anything_any_more(services: Services) -> None:
    story = await a_story(services, [1, 7, 14])
    await story.open(ada())
    await story.pass_days(3)

    await story.open(ada("INV-2", reason="MD07"))
    await story.pass_days(40)

    assert story.days_of(ADA) == ["Tue 03 Mar 09:00"]
    assert {case.state for case in await CollectionCase.all()} == {CaseState.PAUSED}


async def test_a_step_without_a_method_says_nothing_and_the_next_one_keeps_its_days(services: Services) -> None:
    story = await a_story(services, [1, 7, 7], methods=[SMS, NONE, SMS])
    await story.open(ada())

    await story.pass_days(30)

    assert story.days_of(ADA) == ["Tue 03 Mar 09:00", "Tue 17 Mar 09:00"]


async def test_after_a_week_without_workers_reminders_come_one_by_one(services: Services) -> None:
    story = await a_story(services, [1, 2, 2])
    await story.open(ada())

    story.sleep_days(8)
    await story.pass_days(14)

    assert story.days_of(ADA) == ["Tue 10 Mar 09:00", "Thu 12 Mar 09:00", "Mon 16 Mar 09:00"]


async def test_three_overdue_invoices_of_one_customer_come_a_day_apart_and_not_more_than_three_a_week(
    services: Services,
) -> None:
    story = await a_story(services, [1, 1])
    for number in range(3):
        await story.open(ada(f"INV-{number}"))

    await story.pass_days(30)

    moments = [one.at for one in story.sent]
    assert len(moments) == 6
    assert all(later - earlier >= DAY for earlier, later in pairwise(moments))
    assert all(sum(moment - 7 * DAY < other <= moment for other in moments) <= 3 for moment in moments)


async def test_nothing_leaves_over_easter(services: Services) -> None:
    story = await a_story(services, [0])
    story.now = datetime(2026, 4, 4, 6, 0, tzinfo=UTC)  # the Saturday before
    await story.open(ada(due_on=date(2026, 4, 4)))

    await story.pass_days(5)

    assert story.days_of(ADA) == ["Tue 07 Apr 09:00"]  # Monday is a holiday in Belgium


async def test_over_the_change_to_summer_time_reminders_keep_to_the_clock_on_the_wall(services: Services) -> None:
    story = await a_story(services, [1, 7, 7])
    story.now = datetime(2026, 3, 23, 6, 0, tzinfo=UTC)
    await story.open(ada(due_on=date(2026, 3, 23)))

    await story.pass_days(21)

    assert story.days_of(ADA) == ["Tue 24 Mar 09:00", "Tue 31 Mar 09:00", "Tue 07 Apr 09:00"]


async def test_who_lives_elsewhere_is_reminded_by_their_own_clock(services: Services) -> None:
    story = await a_story(services, [1])
    await story.open(ada(phone="+351912345678"))

    await story.pass_days(4)

    [sent] = story.sent
    local = sent.at.astimezone(ZoneInfo("Atlantic/Azores"))  # a Portuguese number may be at home there, too
    assert (local.hour >= 9, local.weekday() < 5) == (True, True)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_in_six_weeks_nobody_is_reminded_wrongly(services: Services, seed: int) -> None:
    """Payments, pauses, failures and late workers at random; what must never happen does not."""
    random = Random(seed)
    story = await a_story(services, [1, 3, 7])
    cases: list[CollectionCase] = []
    paid_at: dict[int, datetime] = {}
    for _ in range(42):
        for _ in range(random.randrange(3)):
            place = random.randrange(10)
            case = a_new_case(
                f"INV-{len(cases)}",
                customer=f"C-{place}",
                phone=f"+3247012345{place % 10}",
                due_on=story.now.date() - timedelta(days=random.randrange(20)),
            )
            cases.append(await story.open(case))
        if cases and random.random() < 0.5:
            fresh = await CollectionCase.get(id=random.choice(cases).id)
            if fresh.closed_reason is not CaseClosedReason.PAID:
                await story.pay(fresh, "84.50")
                paid_at[fresh.id] = story.now
        if cases and random.random() < 0.2:
            case_row = random.choice(cases)
            if (await CollectionCase.get(id=case_row.id)).state is not CaseState.CLOSED:
                await pause_case(
                    services.store,
                    a_viewer(await owner_of(story)),
                    case_id=case_row.id,
                    reason=None,
                    until=story.now.date() + timedelta(days=3 + random.randrange(5)),
                    now=story.now,
                )
        if random.random() < 0.1:
            story.sleep_days(1)
        await story.pass_days(1)

    reminders = {reminder.id: reminder for reminder in await Reminder.all()}
    by_person = defaultdict(list)
    for one in story.sent:
        local = one.at.astimezone(ZoneInfo("Europe/Brussels"))
        assert (9 <= local.hour < 18, local.weekday() < 5) == (True, True), one
        case_id = reminders[one.reminder_id].case_id
        assert case_id not in paid_at or one.at <= paid_at[case_id], one
        by_person[one.to].append(one.at)
    assert len(story.sent) > 20
    assert len({one.reminder_id for one in story.sent}) == len(story.sent)
    assert len({reminder.case_step_id for reminder in reminders.values()}) == len(reminders)
    for moments in by_person.values():
        assert all(later - earlier >= DAY for earlier, later in pairwise(moments))
        assert all(sum(moment - 7 * DAY < other <= moment for other in moments) <= 3 for moment in moments)
