"""Reminders leave by the customer's clock; where that is in doubt, by every clock that it may be."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx

from dunlin.api.ids import encode_id
from dunlin.domain.actions.update_sending_policy import update_sending_policy
from dunlin.domain.choices import CaseStepState, Weekday
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.case_input import NewCase
from dunlin.domain.rules.policy_input import PolicyEdit
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.tables import CaseStep, CollectionCase, Customer, Reminder
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_token,
    a_viewer,
    an_organization,
    connect_sms,
    open_one,
)
from tests.client import JSON, mutate, problems
from tests.delivery import begin, plan, the_reminder

REG_F = SendWindow("08:00", "21:00", frozenset(Weekday))
NEW_YORK = "+12125550100"
ALASKA = "+19075550100"  # an area code in two zones
MORNING_IN_NEW_YORK = datetime(2026, 3, 4, 13, 0, tzinfo=UTC)  # 8:00


def in_zone(case: NewCase, zone: str) -> NewCase:
    return replace(case, customer=replace(case.customer, time_zone=zone))


async def scheduled(services: Services, case: NewCase, window: SendWindow = REG_F) -> None:
    """One case of an organization in New York, planned at 8:00 there."""
    organization = await an_organization(country="US", time_zone="America/New_York", window=window)
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization), case, now=NOW)
    await plan(services, MORNING_IN_NEW_YORK)


async def test_a_reminder_leaves_by_the_clock_that_the_number_tells(services: Services) -> None:
    await scheduled(services, a_new_case(phone=NEW_YORK))

    assert (await the_reminder()).scheduled_for == MORNING_IN_NEW_YORK


async def test_a_reminder_waits_for_the_last_of_all_clocks_that_may_be_the_customers(services: Services) -> None:
    await scheduled(services, a_new_case(phone=ALASKA))

    assert (await the_reminder()).scheduled_for == datetime(2026, 3, 4, 18, 0, tzinfo=UTC)  # 8:00 in Adak


async def test_a_zone_that_was_given_counts_and_not_the_number(services: Services) -> None:
    await scheduled(services, in_zone(a_new_case(phone=ALASKA), "America/Los_Angeles"))

    assert (await the_reminder()).scheduled_for == datetime(2026, 3, 4, 16, 0, tzinfo=UTC)  # 8:00 there


async def test_a_customer_whose_clocks_never_agree_is_skipped_and_a_person_must_look(services: Services) -> None:
    await scheduled(services, a_new_case(phone=ALASKA), SendWindow("08:00", "08:30", frozenset(Weekday)))

    step, case = await CaseStep.get(), await CollectionCase.get()
    assert step.state is CaseStepState.SKIPPED
    assert "America/Adak, America/Anchorage" in (step.skipped_reason or "")
    assert case.attention_reason == step.skipped_reason


async def test_the_clock_is_looked_at_again_before_the_text_leaves(services: Services) -> None:
    await scheduled(services, a_new_case(phone=NEW_YORK))
    await Customer.all().update(time_zone="America/Los_Angeles")  # it has become known meanwhile

    assert await begin(services, MORNING_IN_NEW_YORK) == []

    reminder = await the_reminder()
    assert reminder.status is ReminderStatus.SCHEDULED
    assert reminder.scheduled_for == datetime(2026, 3, 4, 16, 0, tzinfo=UTC)


async def test_a_scheduled_reminder_whose_clocks_never_agree_any_more_is_canceled_for_a_person(
    services: Services,
) -> None:
    await scheduled(services, a_new_case(phone=ALASKA))
    case = await CollectionCase.get().prefetch_related("organization")
    await update_sending_policy(
        services.store,
        a_viewer(case.organization),
        organization_id=case.organization_id,
        edit=PolicyEdit("08:00", "08:30", list(Weekday)),
        now=NOW,
    )

    assert await begin(services, NOW) == []

    reminder, step, case = await the_reminder(), await CaseStep.get(), await CollectionCase.get()
    assert reminder.status is ReminderStatus.CANCELED
    assert "Give the customer's time zone" in (reminder.status_reason or "")
    assert (step.state, step.skipped_reason) == (CaseStepState.SKIPPED, reminder.status_reason)
    assert case.attention_reason == reminder.status_reason


async def test_with_a_new_window_each_customers_reminder_moves_by_its_own_clock(services: Services) -> None:
    organization = await an_organization(country="US", time_zone="America/New_York", window=REG_F)
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    await open_one(services, cycle, a_new_case("A", customer="A", phone=NEW_YORK), now=NOW)
    await open_one(services, cycle, in_zone(a_new_case("B", customer="B"), "Europe/Brussels"), now=NOW)
    await plan(services, datetime(2026, 3, 5, 2, 0, tzinfo=UTC))  # closed in both places

    await update_sending_policy(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        edit=PolicyEdit("10:00", "21:00", list(Weekday)),
        now=datetime(2026, 3, 5, 3, 0, tzinfo=UTC),
    )
    assert await begin(services, datetime(2026, 3, 5, 3, 0, tzinfo=UTC)) == []

    assert [reminder.scheduled_for.hour for reminder in await Reminder.all().order_by("id")] == [15, 9]


CUSTOMERS = "cases { customer { timeZone possibleTimeZones } }"


async def test_a_client_gives_the_time_zone_and_sees_which_ones_count(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization, cycle = await a_collecting_organization(services)
    token = await a_token(services, organization)

    def case(reference: str, **customer: object) -> JSON:
        return {
            "externalReference": reference,
            "customer": {"externalReference": reference, "name": "Ada Reyes", **customer},
            "amountDue": {"amount": "84.50", "currency": "EUR"},
            "dueOn": "2026-01-15",
        }

    given = {
        "organizationId": encode_id("Organization", organization.id),
        "cycleId": encode_id("CollectionCycle", cycle.id),
        "cases": [case("A", timeZone="Asia/Tokyo", phone=ALASKA), case("B", phone=ALASKA), case("C")],
    }
    payload = await mutate(http, token, "openCollectionCases", CUSTOMERS, given)

    assert problems(payload) == []
    assert [opened["customer"] for opened in payload["cases"]] == [
        {"timeZone": "Asia/Tokyo", "possibleTimeZones": ["Asia/Tokyo"]},
        {"timeZone": None, "possibleTimeZones": ["America/Adak", "America/Anchorage"]},
        {"timeZone": None, "possibleTimeZones": ["Europe/Brussels"]},
    ]


async def test_the_newest_time_zone_of_a_customer_is_kept(services: Services) -> None:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle, in_zone(a_new_case("A"), "Asia/Tokyo"))
    await open_one(services, cycle, in_zone(a_new_case("B"), "Europe/Paris"))

    assert [customer.time_zone for customer in await Customer.all()] == ["Europe/Paris"]
