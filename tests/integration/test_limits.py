"""How often one customer is reminded: at least so far apart, and at most so often in a week."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from dunlin.api.ids import encode_id
from dunlin.domain.actions.claim_reminders import Claim, claim_reminders
from dunlin.domain.actions.update_sending_policy import update_sending_policy
from dunlin.domain.carrier import Accepted, Answer, Fault, Refused, Unknown
from dunlin.domain.choices import CaseState, Weekday
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.caps import FIRST_LIMITS, Limits
from dunlin.domain.rules.policy_input import PolicyEdit
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCase, CollectionCycle, Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    SMS,
    a_cycle,
    a_new_case,
    a_token,
    a_viewer,
    an_account,
    an_organization,
    connect_sms,
    everything_stored,
    open_one,
)
from tests.client import JSON, mutate, problems
from tests.delivery import SID, answer, begin, mark, plan

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GAP, CAP = Limits(minimum_gap_hours=24), Limits(maximum_per_week=2)


async def collecting(services: Services, limits: Limits) -> tuple[Organization, CollectionCycle]:
    organization = await an_organization(limits=limits)
    await connect_sms(services, organization)
    return organization, await a_cycle(organization)


async def open_cases_of_one_customer(services: Services, cycle: CollectionCycle, count: int) -> None:
    for place in range(count):
        await open_one(services, cycle, a_new_case(f"INV-{place}"))


async def limit(services: Services, organization: Organization, limits: Limits) -> None:
    """Set limits without a look at what is scheduled."""
    await Organization.filter(id=organization.id).update(
        minimum_gap_hours=limits.minimum_gap_hours, maximum_per_week=limits.maximum_per_week
    )


async def moments() -> list[timedelta]:
    """Return when reminders go, from `NOW`."""
    return [reminder.scheduled_for - NOW for reminder in await Reminder.all().order_by("id")]


async def test_reminders_of_several_cases_of_a_customer_are_planned_one_behind_the_other(services: Services) -> None:
    _, cycle = await collecting(services, FIRST_LIMITS)
    await open_cases_of_one_customer(services, cycle, 5)

    await plan(services, NOW)

    assert await moments() == [0 * DAY, 1 * DAY, 2 * DAY, 7 * DAY, 8 * DAY]
    first, second, _, fourth, _ = await Reminder.all().order_by("id")
    assert first.status_reason is None
    assert second.status_reason == (
        "Reminders to a customer are at least 24 hours apart, and another one is too near. "
        "It goes on 2026-03-05 at 11:00 (Europe/Guernsey)."
    )
    assert (fourth.status_reason or "").startswith(
        "Reminders to a customer are at least 24 hours apart, and another one is too near."
        " A customer gets at most 3 reminders in 7 days, and these are used up. It goes on 2026-03-11"
    )


async def test_a_case_opened_later_waits_behind_what_is_planned_already(services: Services) -> None:
    _, cycle = await collecting(services, GAP)
    await open_one(services, cycle, a_new_case("A"))
    await plan(services, NOW)
    await open_one(services, cycle, a_new_case("B"))

    await plan(services, NOW + HOUR)

    assert await moments() == [0 * DAY, DAY + HOUR]  # the first has not gone yet


async def test_customers_wait_for_nobody_else(services: Services) -> None:
    for _ in range(2):
        _, cycle = await collecting(services, FIRST_LIMITS)
        for customer in ("A", "B"):
            await open_one(services, cycle, a_new_case(customer, customer=customer))

    await plan(services, NOW)

    assert await moments() == [0 * DAY] * 4


async def test_without_limits_nothing_waits(services: Services) -> None:
    _, cycle = await collecting(services, Limits())
    await open_cases_of_one_customer(services, cycle, 5)

    await plan(services, NOW)

    assert await moments() == [0 * DAY] * 5
    assert len(await begin(services, NOW)) == 5


async def test_what_is_due_all_the_same_is_put_back_with_reason_and_moment(services: Services) -> None:
    organization, cycle = await collecting(services, Limits())
    await open_cases_of_one_customer(services, cycle, 4)
    await plan(services, NOW)
    await limit(services, organization, FIRST_LIMITS)

    assert len(await begin(services, NOW)) == 1

    assert await moments() == [0 * DAY, 1 * DAY, 2 * DAY, 7 * DAY]
    first, *others = await Reminder.all().order_by("id")
    assert (first.status, first.status_reason) == (ReminderStatus.SENDING, None)
    assert {reminder.status for reminder in others} == {ReminderStatus.SCHEDULED}
    assert all("It goes on 2026-03-" in (reminder.status_reason or "") for reminder in others)


async def claim_singly(services: Services, count: int) -> list[list[Claim]]:
    """Let so many workers claim one reminder each, as if nobody had ever looked at it."""
    await rows("UPDATE reminder SET lease_until = NULL WHERE status = 'SCHEDULED'")
    return [await claim_reminders(services.store, limit=1) for _ in range(count)]


async def mark_one(services: Services, claim: list[Claim]) -> int:
    return len(await mark(services, claim, NOW))


async def test_two_cases_of_one_customer_never_race_past_the_limits(services: Services) -> None:
    organization, cycle = await collecting(services, Limits())
    await open_cases_of_one_customer(services, cycle, 8)
    await plan(services, NOW)
    await limit(services, organization, Limits(maximum_per_week=3))

    gone = 0
    for _ in range(8):  # workers pass over a customer whom another one holds
        gone += sum(await asyncio.gather(*(mark_one(services, claim) for claim in await claim_singly(services, 8))))
    for claim in await claim_singly(services, 8):  # whom nobody holds any more, nobody passes over
        gone += await mark_one(services, claim)

    assert gone == 3
    assert await Reminder.filter(status=ReminderStatus.SENDING).count() == 3
    assert all(moment >= 7 * DAY for moment in sorted(await moments())[3:])


@pytest.mark.parametrize(
    ("answered", "waits"),
    [
        pytest.param(Accepted(SID), DAY, id="what the carrier has"),
        pytest.param(Unknown("No answer."), DAY, id="what it may have"),
        pytest.param(Refused(21211, Fault.RECIPIENT, "Bad number."), 0 * DAY, id="not what it refused"),
    ],
)
async def test_of_former_reminders_counts(services: Services, answered: Answer, waits: timedelta) -> None:
    _, cycle = await collecting(services, GAP)
    await open_one(services, cycle, a_new_case("A"))
    await plan(services, NOW)
    await answer(services, await begin(services, NOW), answered)
    await open_one(services, cycle, a_new_case("B"))

    await plan(services, NOW)

    assert (await moments())[1] == waits


async def test_what_is_being_handed_over_counts(services: Services) -> None:
    _, cycle = await collecting(services, GAP)
    await open_one(services, cycle, a_new_case("A"))
    await plan(services, NOW)
    await begin(services, NOW)
    await open_one(services, cycle, a_new_case("B"))

    await plan(services, NOW + HOUR)

    assert (await moments())[1] == DAY


async def test_who_waits_for_a_paused_case_waits_for_nothing(services: Services) -> None:
    _, cycle = await collecting(services, GAP)
    await open_one(services, cycle, a_new_case("A"))
    await plan(services, NOW)
    await CollectionCase.all().update(state=CaseState.PAUSED)
    await open_one(services, cycle, a_new_case("B"))

    await plan(services, NOW)

    assert (await moments())[1] == 0 * DAY


async def test_what_a_person_sends_again_does_not_wait_but_counts(services: Services) -> None:
    _, cycle = await collecting(services, GAP)
    await open_one(services, cycle, a_new_case("A"))
    await plan(services, NOW)
    await answer(services, await begin(services, NOW), Unknown("No answer."))
    sent = await Reminder.get()
    again = await Reminder.create(
        **{
            name: getattr(sent, name)
            for name in sent._meta.db_fields
            if name not in ("id", "resend_number", "status", "fence", "lease_until", "scheduled_for", "handed_over_at")
        },
        resend_number=1,
        scheduled_for=NOW,
    )

    assert [handover.reminder_id for handover in await begin(services, NOW + HOUR)] == [again.id]

    await open_one(services, cycle, a_new_case("B"))
    await plan(services, NOW + 2 * HOUR)
    assert (await moments())[2] == DAY + HOUR


async def test_a_customer_with_too_much_ahead_is_for_a_person(services: Services) -> None:
    organization = await an_organization(limits=Limits(168, 0))
    await connect_sms(services, organization)
    cycle = await a_cycle(organization, [SMS])
    for place in range(60):
        await open_one(services, cycle, a_new_case(f"INV-{place}"))

    await plan(services, NOW)

    assert await Reminder.all().count() == 53  # one a week
    reason = "So many reminders to the customer lie ahead that this one would go in more than a year."
    assert await CollectionCase.filter(attention_reason=reason).count() == 7


POLICY = "organization { sendingPolicy { minimumGapHours maximumPerWeek } }"
GIVEN: JSON = {"windowStart": "00:00", "windowEnd": "24:00", "days": [day.value for day in Weekday]}


async def test_limits_are_shown_and_stay_as_they_are_until_they_are_given(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization = await an_organization(limits=FIRST_LIMITS)
    token = await a_token(services, organization)
    shown = []
    for changed in ({}, {"minimumGapHours": 48}, {"maximumPerWeek": 0}, {"minimumGapHours": 0, "maximumPerWeek": 50}):
        given = GIVEN | {"organizationId": encode_id("Organization", organization.id)} | changed
        payload = await mutate(http, token, "updateSendingPolicy", POLICY, given)
        assert problems(payload) == []
        policy = payload["organization"]["sendingPolicy"]
        shown.append((policy["minimumGapHours"], policy["maximumPerWeek"]))

    assert shown == [(24, 3), (48, 3), (48, 0), (0, 50)]


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        pytest.param({"minimumGapHours": -1}, "minimumGapHours", id="a gap below none"),
        pytest.param({"minimumGapHours": 169}, "minimumGapHours", id="a gap above a week"),
        pytest.param({"maximumPerWeek": -1}, "maximumPerWeek", id="less than none a week"),
        pytest.param({"maximumPerWeek": 51}, "maximumPerWeek", id="more than seven a day"),
    ],
)
async def test_limits_that_cannot_be_are_refused(
    http: httpx.AsyncClient, services: Services, changed: JSON, path: str
) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)
    before = await everything_stored()

    given = GIVEN | {"organizationId": encode_id("Organization", organization.id)} | changed
    payload = await mutate(http, token, "updateSendingPolicy", POLICY, given)

    assert problems(payload) == [("INVALID", path)]
    assert await everything_stored() == before


async def test_limits_that_are_lifted_let_go_what_waited(services: Services) -> None:
    organization, cycle = await collecting(services, FIRST_LIMITS)
    await open_cases_of_one_customer(services, cycle, 3)
    await plan(services, NOW)
    await update_sending_policy(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        edit=PolicyEdit("00:00", "24:00", list(Weekday), minimum_gap_hours=0, maximum_per_week=0),
        now=NOW,
    )

    assert len(await begin(services, NOW)) == 3


async def test_an_organization_has_limits_from_the_beginning(services: Services) -> None:
    stored = await Organization.create(
        account_id=(await an_account()).id,
        name="Old",
        country="BE",
        time_zone="Europe/Brussels",
        default_language="nl",
        window_days=[],
    )
    assert Limits(stored.minimum_gap_hours, stored.maximum_per_week) == FIRST_LIMITS
    by_database = await rows(
        "SELECT column_default AS value FROM information_schema.columns WHERE table_name = 'organization'"
        " AND column_name IN ('minimum_gap_hours', 'maximum_per_week') ORDER BY column_name"
    )
    assert [row["value"] for row in by_database] == ["3", "24"]
