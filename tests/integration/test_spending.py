"""A monthly limit on what texts cost: reserved before each goes, never exceeded, and what it was is told."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import Context
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from tortoise.transactions import in_transaction

from dunlin.api.ids import encode_id
from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.confirm_sent import confirm_reminder_sent
from dunlin.domain.actions.deliver import Handover
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.record import record_answers
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.actions.resend_reminder import resend_reminder
from dunlin.domain.actions.set_spending_limit import set_spending_limit
from dunlin.domain.actions.spending import Spending, spending_of
from dunlin.domain.actions.sweep import sweep_sending
from dunlin.domain.carrier import Absent, Accepted, Answer, Fault, Refused, StatusReport, Throttled, Unknown, Unreached
from dunlin.domain.choices import IntegrationKind, IntegrationStatus, Settlement
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.price import Cost
from dunlin.domain.store import rows
from dunlin.domain.tables import (
    AuditEntry,
    CollectionCycle,
    Integration,
    MonthlySpending,
    Organization,
    Reminder,
    SendAttempt,
    SmsPrice,
)
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
    everything_stored,
    open_one,
)
from tests.client import JSON, ask, error_codes, graphql, mutate, problems
from tests.delivery import SID, answer, begin, mark, plan
from tests.statements import statements

Status = ReminderStatus
PRICE = Decimal("0.10")  # of the one segment that a text of these tests has
APRIL = datetime(2026, 3, 31, 22, 0, tzinfo=UTC)  # begins in Brussels
USED_UP = "The monthly spending limit of 0.30 USD is used up. It goes on 1 April, or when the limit is raised."


@pytest_asyncio.fixture
async def organization(services: Services) -> Organization:
    """One that may spend what three texts cost, with five reminders that are due."""
    organization, cycle = await a_collecting_organization(services)
    await price(organization)
    await limit_to(services, organization, "0.30")
    await schedule(services, cycle, 5)
    return organization


async def price(organization: Organization, amount: str | None = "0.10", currency: str = "USD") -> None:
    """Have a price known, or none."""
    connection_id = (await Integration.get(organization_id=organization.id, kind=IntegrationKind.SMS)).connection_id
    await SmsPrice.filter(organization_id=organization.id).delete()
    for country in ("BE", "GB"):
        await SmsPrice.create(
            organization_id=organization.id,
            country=country,
            connection_id=connection_id,
            price=amount and Decimal(amount),
            currency=amount and currency,
            fetched_at=NOW,
        )


async def schedule(services: Services, cycle: CollectionCycle, count: int, *, first: int = 0) -> None:
    for place in range(first, first + count):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
    await plan(services, NOW)


async def limit_to(
    services: Services, organization: Organization, amount: str | None, currency: str = "USD", *, now: datetime = NOW
) -> None:
    limit = Cost(Decimal(amount), currency) if amount else None
    await set_spending_limit(
        services.store, a_viewer(organization), organization_id=organization.id, limit=limit, now=now
    )


async def spending(organization: Organization, now: datetime = NOW) -> Spending:
    return (await spending_of([organization.id], now))[organization.id]


async def sums(organization: Organization, now: datetime = NOW) -> tuple[str, str]:
    """Return what is reserved and what is spent, in whole texts."""
    found = await spending(organization, now)
    return _texts(found.reserved), _texts(found.spent)


def _texts(costs: list[Cost]) -> str:
    return " ".join(f"{cost.amount / PRICE:.0f} {cost.currency}" for cost in costs)


async def count(status: ReminderStatus) -> int:
    return await Reminder.filter(status=status).count()


def report(status: ReminderStatus | None = Status.SENT, sid: str = SID) -> StatusReport:
    return StatusReport("AC" + "5a" * 16, sid, status, None, None)


async def let_leases_end() -> None:
    await rows("UPDATE reminder SET lease_until = clock_timestamp() - interval '1 second'")


async def let_leases_of_what_waits_end() -> None:
    await rows("UPDATE reminder SET lease_until = NULL WHERE status = 'SCHEDULED'")


async def test_what_the_limit_has_room_for_goes_and_the_rest_waits_for_the_next_month(
    services: Services, organization: Organization
) -> None:
    assert len(await begin(services, NOW)) == 3

    waiting = await Reminder.filter(status=Status.SCHEDULED)
    assert {(one.status_reason, one.scheduled_for) for one in waiting} == {(USED_UP, APRIL)}
    assert await sums(organization) == ("3 USD", "")
    assert (await spending(organization)).left == Cost(Decimal(0), "USD")


async def test_the_oldest_go_first(services: Services, organization: Organization) -> None:
    oldest = [one.id for one in await Reminder.all().order_by("id").limit(3)]

    assert sorted(handover.reminder_id for handover in await begin(services, NOW)) == oldest


async def test_a_cheap_text_goes_past_one_that_is_too_dear(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await price(organization)
    await limit_to(services, organization, "0.10")
    await open_one(services, cycle, a_new_case("LONG", customer="LONG", name="A" * 150))
    await schedule(services, cycle, 1)

    (handover,) = await begin(services, NOW)

    dear, cheap = await Reminder.all().order_by("id")
    assert (dear.segments, cheap.segments) == (2, 1)
    assert handover.reminder_id == cheap.id
    assert dear.status_reason == (
        "The monthly spending limit of 0.10 USD is less than this text costs, 0.20 USD. It goes when the limit is"
        " raised."
    )


async def test_in_the_next_month_what_waited_goes_as_far_as_its_money_reaches(
    services: Services, organization: Organization
) -> None:
    await answer(services, await begin(services, NOW), lambda place: Accepted(f"SM{place:032x}"))
    await schedule(services, await CollectionCycle.get(), 2, first=5)
    assert await begin(services, APRIL - timedelta(seconds=1)) == []
    await Reminder.filter(status=Status.SCHEDULED).update(scheduled_for=APRIL)
    await let_leases_end()

    assert len(await begin(services, APRIL)) == 3

    assert await sums(organization) == ("", "3 USD")
    assert await sums(organization, APRIL) == ("3 USD", "")


async def test_an_answer_that_comes_in_the_next_month_counts_for_the_month_of_the_text(
    services: Services, organization: Organization
) -> None:
    handovers = await begin(services, APRIL - timedelta(seconds=1))

    await record_answers(services.store, [(h, Accepted(SID + h.correlation[:1])) for h in handovers], APRIL)

    assert await sums(organization) == ("", "3 USD")
    assert await sums(organization, APRIL) == ("", "")


async def test_a_month_begins_by_the_organizations_own_clock(services: Services) -> None:
    western = await an_organization(time_zone="America/New_York")
    await connect_sms(services, western)
    await price(western)
    await schedule(services, await a_cycle(western), 1)

    await begin(services, APRIL)

    assert (await MonthlySpending.get()).month.isoformat() == "2026-03-01"


@pytest.mark.parametrize(
    ("answered", "reserved", "spent", "settlement"),
    [
        pytest.param(Accepted(SID), "", "1 USD", Settlement.SPENT, id="accepted"),
        pytest.param(Refused(21211, Fault.RECIPIENT, "Bad."), "", "", Settlement.RELEASED, id="refused"),
        pytest.param(Refused(20003, Fault.CREDENTIALS, "No."), "", "", Settlement.RELEASED, id="account refused"),
        pytest.param(Throttled(timedelta(minutes=1)), "", "", Settlement.RELEASED, id="throttled"),
        pytest.param(Unreached("No connection."), "", "", Settlement.RELEASED, id="never begun"),
        pytest.param(Unknown("No answer."), "1 USD", "", Settlement.RESERVED, id="unknown"),
    ],
)
async def test_each_answer_settles_what_was_reserved_once(
    services: Services, answered: Answer, reserved: str, spent: str, settlement: Settlement
) -> None:
    organization, cycle = await a_collecting_organization(services)
    await price(organization)
    await limit_to(services, organization, "0.30")
    await schedule(services, cycle, 1)
    handovers = await begin(services, NOW)
    assert await sums(organization) == ("1 USD", "")

    for _ in range(3):
        await answer(services, handovers, answered)
        assert await sums(organization) == (reserved, spent)

    assert (await SendAttempt.get()).settlement is settlement


Deed = Callable[[Services, list[Handover]], Coroutine[Any, Any, object]]


def answers(given: Answer) -> Deed:
    return lambda services, handovers: answer(services, handovers, given)


def reports(status: ReminderStatus | None = Status.SENT) -> Deed:
    return lambda services, handovers: record_report(services.store, handovers[0].correlation, report(status), NOW)


async def sweeps(services: Services, handovers: list[Handover]) -> None:
    await let_leases_end()
    assert await sweep_sending(services.store, NOW) == 1


@pytest.mark.parametrize(
    ("deeds", "settled"),
    [
        pytest.param([reports()], ("", "1 USD"), id="a report before any answer"),
        pytest.param([reports(None)], ("", "1 USD"), id="a report of a state that changes nothing"),
        pytest.param([reports(), answers(Accepted(SID))], ("", "1 USD"), id="a report, then the answer"),
        pytest.param([answers(Accepted(SID)), reports(), reports()], ("", "1 USD"), id="the answer, then reports"),
        pytest.param([answers(Accepted(SID)), reports(Status.FAILED)], ("", "1 USD"), id="taken, then failed"),
        pytest.param([answers(Accepted(SID)), reports(Status.UNDELIVERED)], ("", "1 USD"), id="taken, undelivered"),
        pytest.param([reports(), answers(Unknown("Late."))], ("", "1 USD"), id="a report, then no answer"),
        pytest.param([sweeps], ("1 USD", ""), id="left by a dead worker"),
        pytest.param([sweeps, answers(Accepted(SID))], ("", "1 USD"), id="left by a worker that was only slow"),
        pytest.param([sweeps, answers(Unreached("Frozen."))], ("", ""), id="left by a worker that never began"),
        pytest.param([answers(Unknown("?")), reports()], ("", "1 USD"), id="unknown, then reported"),
        pytest.param(
            [answers(Unreached("No.")), reports()], ("", "1 USD"), id="never begun, and a report all the same"
        ),
        pytest.param(
            [answers(Unreached("No.")), reports(), reports(), answers(Unreached("No."))],
            ("", "1 USD"),
            id="never begun, reported, and never begun once more",
        ),
    ],
)
async def test_what_becomes_known_in_whatever_order_is_booked_once(
    services: Services, deeds: list[Deed], settled: tuple[str, str]
) -> None:
    organization, cycle = await a_collecting_organization(services)
    await price(organization)
    await limit_to(services, organization, "0.30")
    await schedule(services, cycle, 1)
    handovers = await begin(services, NOW)

    for deed in deeds:
        await deed(services, handovers)

    assert await sums(organization) == settled


async def test_what_a_person_confirms_as_sent_is_spent(services: Services, organization: Organization) -> None:
    handovers = await begin(services, NOW)
    await answer(services, handovers, Unknown("No answer."))
    viewer, confirmed = a_viewer(organization), handovers[0]

    await confirm_reminder_sent(services.store, viewer, reminder_id=confirmed.reminder_id, now=NOW)

    assert await sums(organization) == ("2 USD", "1 USD")
    await record_report(services.store, confirmed.correlation, report(Status.DELIVERED), NOW)
    assert await sums(organization) == ("2 USD", "1 USD")


async def test_what_the_carrier_proves_not_to_have_is_given_back(
    services: Services, organization: Organization
) -> None:
    handovers = await begin(services, NOW)
    await answer(services, handovers, Unknown("No answer."))

    await record_answers(services.store, [(handovers[0], Absent())], NOW)

    assert await sums(organization) == ("2 USD", "")
    assert (await spending(organization)).waiting == 1, "what was given back lets another one go"
    await record_report(services.store, handovers[0].correlation, report(), NOW)
    assert await sums(organization) == ("2 USD", "1 USD")


async def test_what_is_known_of_a_second_message_is_not_booked_twice(
    services: Services, organization: Organization
) -> None:
    (handover, *_) = await begin(services, NOW)
    await record_report(services.store, handover.correlation, report(), NOW)

    await record_report(services.store, handover.correlation, report(sid="SM" + "1" * 32), NOW)

    assert await sums(organization) == ("2 USD", "1 USD")


async def test_what_a_refusal_frees_lets_as_many_go_that_waited(services: Services, organization: Organization) -> None:
    first, second, third = await begin(services, NOW)
    assert (await spending(organization)).waiting == 2

    await record_answers(services.store, [(first, Refused(21211, Fault.RECIPIENT, "Bad number."))], NOW)

    assert await Reminder.filter(status=Status.SCHEDULED, scheduled_for=NOW).count() == 1
    (going,) = await begin(services, NOW)
    assert going.reminder_id not in {first.reminder_id, second.reminder_id, third.reminder_id}
    assert await sums(organization) == ("3 USD", "")
    assert (await spending(organization)).waiting == 1


async def test_what_is_throttled_reserves_anew_when_it_goes_again(
    services: Services, organization: Organization
) -> None:
    handovers = await begin(services, NOW)
    await answer(services, handovers, Throttled(None))
    await Reminder.filter(status=Status.SCHEDULED).update(scheduled_for=NOW, status_reason=None)

    assert len(await begin(services, NOW)) == 3
    assert await sums(organization) == ("3 USD", "")
    assert Counter([one.settlement for one in await SendAttempt.all()]) == {
        Settlement.RELEASED: 3,
        Settlement.RESERVED: 3,
    }


async def test_what_a_person_sends_again_counts_and_waits_too(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await price(organization)
    await limit_to(services, organization, "0.20")
    await schedule(services, cycle, 1)
    await answer(services, await begin(services, NOW), Unknown("No answer."))

    for _ in range(2):
        newest = await Reminder.all().order_by("-id").first()
        assert newest is not None
        again = await resend_reminder(
            services.store, a_viewer(organization), reminder_id=newest.id, idempotency_key=None, now=NOW
        )
        await answer(services, await begin(services, NOW), Unknown("No answer."))

    await again.refresh_from_db()
    assert again.status is Status.SCHEDULED
    assert (again.status_reason or "").startswith("The monthly spending limit of 0.20 USD is used up.")
    assert await sums(organization) == ("2 USD", "")


async def test_what_goes_once_more_by_itself_counts_too(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await price(organization)
    await limit_to(services, organization, "0.10")
    await schedule(services, cycle, 1)
    (handover,) = await begin(services, NOW)
    await answer(services, [handover], Accepted(SID))
    failed = StatusReport(
        "AC1", SID, Status.UNDELIVERED, 30008, "Lost on the way.", Fault.TEMPORARY, timedelta(hours=1)
    )
    await record_report(services.store, handover.correlation, failed, NOW)
    assert await Reminder.filter(is_retry=True).update(scheduled_for=NOW) == 1

    assert await begin(services, NOW) == []

    assert "is used up" in ((await Reminder.get(is_retry=True)).status_reason or "")
    assert await sums(organization) == ("", "1 USD")


async def test_without_a_known_price_it_waits_until_there_is_one(
    services: Services, organization: Organization
) -> None:
    await price(organization, None)
    assert await begin(services, NOW) == []
    waiting = await Reminder.all()
    assert {one.status_reason for one in waiting} == {
        "The monthly spending limit of 0.30 USD cannot be kept: what this text costs is not known yet. It goes when"
        " the price is known."
    }
    assert {one.scheduled_for for one in waiting} == {NOW}
    assert (await spending(organization)).waiting == 5

    await price(organization, "0.15")
    await let_leases_end()

    assert len(await begin(services, NOW)) == 2
    sent = await Reminder.filter(status=Status.SENDING)
    assert {(one.estimated_cost, one.estimated_cost_currency) for one in sent} == {(Decimal("0.15"), "USD")}
    assert (await MonthlySpending.get()).reserved == Decimal("0.30")


async def test_a_country_without_a_price_is_asked_for(services: Services, organization: Organization) -> None:
    await SmsPrice.filter(organization_id=organization.id).delete()

    assert await begin(services, NOW) == []

    assert (await SmsPrice.get()).country == "GB"


async def test_a_price_in_another_currency_waits(services: Services, organization: Organization) -> None:
    await price(organization, "0.10", "EUR")

    assert await begin(services, NOW) == []

    assert {one.status_reason for one in await Reminder.all()} == {
        "The monthly spending limit of 0.30 USD cannot be kept: this text costs 0.10 EUR. It goes when the limit is in"
        " that currency."
    }


async def test_todays_price_counts_and_not_the_one_it_was_planned_with(
    services: Services, organization: Organization
) -> None:
    await price(organization, "0.30")

    assert len(await begin(services, NOW)) == 1


@pytest.mark.parametrize(
    ("limit", "going"),
    [
        pytest.param("0.40", 1, id="raised a little"),
        pytest.param("50.00", 2, id="raised"),
        pytest.param(None, 2, id="removed"),
        pytest.param("0.20", 0, id="lowered"),
    ],
)
async def test_a_limit_that_is_raised_lets_go_at_once_what_waited(
    services: Services, organization: Organization, limit: str | None, going: int
) -> None:
    await begin(services, NOW)

    await limit_to(services, organization, limit)

    assert len(await begin(services, NOW)) == going


async def test_what_is_not_waiting_for_the_limit_stays_where_it_is(
    services: Services, organization: Organization
) -> None:
    tomorrow = NOW + timedelta(days=1)
    await Reminder.all().update(scheduled_for=tomorrow, status_reason="The send window is closed.")

    await limit_to(services, organization, "50.00")

    assert {one.scheduled_for for one in await Reminder.all()} == {tomorrow}


async def test_what_was_spent_before_there_was_a_limit_counts(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await price(organization)
    await schedule(services, cycle, 3)
    await answer(services, await begin(services, NOW), lambda place: Accepted(f"SM{place:032x}"))
    assert await sums(organization) == ("", "3 USD")

    await limit_to(services, organization, "0.40")
    await schedule(services, cycle, 2, first=3)

    assert len(await begin(services, NOW)) == 1


async def test_marking_asks_nothing_more_of_the_database_without_a_limit(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await price(organization)
    await schedule(services, cycle, 2)
    claims = await claim_reminders(services.store, limit=10)

    with statements(lambda statement: "monthly_spending" in statement) as run:
        await mark(services, claims, NOW)

    (statement,) = run
    assert "INSERT INTO send_attempt" in statement, "it rides on a statement that is run anyway"
    assert await sums(organization) == ("2 USD", "")


async def test_a_text_without_a_price_goes_without_a_limit_and_is_in_no_sum(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await price(organization, None)
    await schedule(services, cycle, 1)

    await answer(services, await begin(services, NOW), Accepted(SID))

    assert await count(Status.SENT) == 1
    assert await sums(organization) == ("", "")
    assert (await SendAttempt.get()).settlement is None


async def test_two_that_mark_at_the_same_moment_never_exceed_the_limit(
    services: Services, organization: Organization
) -> None:
    claims = [await claim_reminders(services.store, limit=1) for _ in range(5)]

    marked = await asyncio.gather(*(mark(services, claim, NOW) for claim in claims))

    assert sorted(map(len, marked)) == [0, 0, 1, 1, 1]
    assert await sums(organization) == ("3 USD", "")


async def test_whoever_marks_waits_for_who_has_reserved_and_not_committed(
    services: Services, organization: Organization
) -> None:
    await limit_to(services, organization, "0.10")
    first, second = [await claim_reminders(services.store, limit=1) for _ in range(2)]
    async with in_transaction():  # the action's own becomes a part of this one
        assert len(await mark(services, first, NOW)) == 1
        marking = asyncio.create_task(mark(services, second, NOW), context=Context())
        await until_somebody_waits()
        assert not marking.done()

    assert await marking == []
    assert await sums(organization) == ("1 USD", "")


async def test_a_new_limit_waits_for_who_marks_by_the_former_one(
    services: Services, organization: Organization
) -> None:
    claims = await claim_reminders(services.store, limit=1)
    async with in_transaction():
        assert len(await mark(services, claims, NOW)) == 1
        limiting = asyncio.create_task(limit_to(services, organization, "0.10"), context=Context())
        await until_somebody_waits()
        assert not limiting.done()
    await limiting

    assert await begin(services, NOW) == []


async def until_somebody_waits() -> None:
    async with asyncio.timeout(5):
        while not await rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_many_organizations_and_workers_at_once_keep_every_limit_without_a_deadlock(services: Services) -> None:
    limits = ["0.30", None, "0.50", None, "0.10"]
    organizations: list[Organization] = []
    for limit in limits:
        organization, cycle = await a_collecting_organization(services, name=f"Works {len(organizations)}")
        await price(organization)
        await limit_to(services, organization, limit)
        await schedule(services, cycle, 8)
        organizations.append(organization)
    before = await deadlocks()

    async def work() -> int:
        claims = await claim_reminders(services.store, limit=7)
        handovers = await mark(services, claims, NOW)
        sids = {handover.correlation: f"SM{handover.reminder_id:032x}" for handover in handovers}
        given: list[tuple[Handover, Answer]] = [
            (handover, Accepted(sids[handover.correlation]) if handover.reminder_id % 4 else Unknown("?"))
            for handover in handovers
        ]
        reported = (record_report(services.store, c, report(sid=sid), NOW) for c, sid in [*sids.items()][:2])
        await asyncio.gather(record_answers(services.store, given, NOW), *reported)
        return len(handovers)

    gone = 0
    while gained := sum(await asyncio.gather(*(work() for _ in range(5)))):
        gone += gained
        await let_leases_of_what_waits_end()

    assert gone == 3 + 8 + 5 + 8 + 1
    for organization, limit in zip(organizations, limits, strict=True):
        found = await spending(organization)
        total = sum(cost.amount for cost in (*found.reserved, *found.spent))
        assert total == (Decimal(limit) if limit else 8 * PRICE)
    assert await sums_of_attempts() == await booked_sums()
    assert await deadlocks() == before


async def deadlocks() -> int:
    await rows("SELECT pg_stat_force_next_flush()")
    found = await rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(found[0]["deadlocks"])


async def booked_sums() -> list[dict[str, Any]]:
    return await rows(
        "SELECT organization_id, month, currency, reserved, spent FROM monthly_spending"
        " WHERE reserved <> 0 OR spent <> 0 ORDER BY 1, 2, 3"
    )


async def sums_of_attempts() -> list[dict[str, Any]]:
    return await rows(
        "SELECT organization_id, spending_month AS month, cost_currency AS currency,"
        " coalesce(sum(cost) FILTER (WHERE settlement = 'RESERVED'), 0) AS reserved,"
        " coalesce(sum(cost) FILTER (WHERE settlement = 'SPENT'), 0) AS spent"
        " FROM send_attempt WHERE settlement IN ('RESERVED', 'SPENT') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )


async def test_a_disconnect_cancels_what_waits_and_books_what_was_on_its_way(
    services: Services, organization: Organization
) -> None:
    first, second, third = await begin(services, NOW)
    disconnecting = asyncio.create_task(
        disconnect_integration(
            services.store,
            a_viewer(organization),
            organization_id=organization.id,
            kind=IntegrationKind.SMS,
            confirmed=True,
            impact_token=None,
            now=NOW,
        )
    )
    async with asyncio.timeout(5):
        while (await Integration.get(kind=IntegrationKind.SMS)).status is not IntegrationStatus.DISCONNECTED:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    taken, untaken = Accepted(SID), Unreached("The worker was held up.")
    await record_answers(services.store, [(first, taken), (second, untaken), (third, Unknown("?"))], NOW)
    await disconnecting

    assert await count(Status.CANCELED) == 3
    assert await sums(organization) == ("1 USD", "1 USD")
    found = await spending(organization)
    assert (found.waiting, found.limit) == (0, Cost(Decimal("0.30"), "USD"))


SPENDING = """spending { month limit { amount currency } reserved { amount currency }
  spent { amount currency } left { amount currency } waitingReminders attentionReason }"""
SHOWN = f"organization {{ {SPENDING} }}"


async def set_limit(http: httpx.AsyncClient, token: str, organization: Organization, limit: object) -> JSON:
    given = {"organizationId": encode_id("Organization", organization.id), "limit": limit}
    return await mutate(http, token, "setSpendingLimit", SHOWN, given)


def money(amount: str) -> JSON:
    return {"amount": amount, "currency": "USD"}


async def test_people_see_the_limit_what_is_spent_and_that_reminders_wait(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    now = datetime.now(UTC)
    handovers = await begin(services, now)
    await answer(services, handovers[:1], Accepted(SID))
    token = await a_token(services, organization)

    shown = await ask(http, token, f"{{ organizations {{ nodes {{ {SPENDING} }} }} }}")

    assert shown["organizations"]["nodes"][0]["spending"] == {
        "month": now.astimezone(ZoneInfo("Europe/Brussels")).date().replace(day=1).isoformat(),
        "limit": money("0.30"),
        "reserved": [money("0.20")],
        "spent": [money("0.10")],
        "left": money("0.00"),
        "waitingReminders": 2,
        "attentionReason": "2 reminders wait because of the monthly spending limit of 0.30 USD.",
    }


async def test_a_limit_is_set_changed_and_removed(http: httpx.AsyncClient, services: Services) -> None:
    organization, _ = await a_collecting_organization(services)
    token = await a_token(services, organization)

    for limit in (money("50.00"), money("80.00"), money("80.00"), None):
        payload = await set_limit(http, token, organization, limit)
        assert problems(payload) == []
        assert payload["organization"]["spending"]["limit"] == limit
        assert payload["organization"]["spending"]["left"] == limit

    told = [entry.changes for entry in await AuditEntry.filter(action="SPENDING_LIMIT_SET").order_by("id")]
    assert [(one[0]["field"], one[0]["before"], one[0]["after"]) for one in told] == [
        ("spendingLimit", None, "50.00 USD"),
        ("spendingLimit", "50.00 USD", "80.00 USD"),
        ("spendingLimit", "80.00 USD", None),
    ]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        pytest.param(money("0"), ("INVALID", "limit.amount"), id="nothing"),
        pytest.param(money("-5"), ("INVALID", "limit.amount"), id="less than nothing"),
        pytest.param(money("50.001"), ("INVALID", "limit.amount"), id="a tenth of a cent"),
        pytest.param(money("99999999999999999999"), ("INVALID", "limit.amount"), id="too large"),
        pytest.param({"amount": "50.5", "currency": "JPY"}, ("INVALID", "limit.amount"), id="half a yen"),
        pytest.param({"amount": "50", "currency": "EUR"}, ("INVALID", "limit.currency"), id="another currency"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused(
    http: httpx.AsyncClient, services: Services, organization: Organization, limit: JSON, expected: tuple[str, str]
) -> None:
    token = await a_token(services, organization)
    before = await everything_stored()

    assert problems(await set_limit(http, token, organization, limit)) == [expected]

    assert await everything_stored() == before


async def test_removing_a_limit_must_be_said(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    given = {"organizationId": encode_id("Organization", organization.id)}

    payload = await mutate(http, await a_token(services, organization), "setSpendingLimit", SHOWN, given)

    assert problems(payload) == [("REQUIRED", "limit")]
    assert (await spending(organization)).limit is not None


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param({"amount": "50", "currency": "XYZ"}, id="no currency"),
        pytest.param({"amount": 50, "currency": "USD"}, id="a number that is no string"),
        pytest.param({"amount": "fifty", "currency": "USD"}, id="a word"),
        pytest.param({"amount": "50"}, id="no currency at all"),
    ],
)
async def test_what_is_no_money_is_refused_before_anything_is_done(
    http: httpx.AsyncClient, services: Services, organization: Organization, limit: JSON
) -> None:
    body = await graphql(
        http,
        await a_token(services, organization),
        "mutation ($input: SetSpendingLimitInput!) { setSpendingLimit(input: $input) { userErrors { code } } }",
        input={"organizationId": encode_id("Organization", organization.id), "limit": limit},
    )

    assert error_codes(body) == ["BAD_USER_INPUT"]


async def test_a_closed_organization_gets_no_limit(http: httpx.AsyncClient, services: Services) -> None:
    organization, _ = await a_collecting_organization(services)
    await Organization.filter(id=organization.id).update(closed_at=NOW)

    payload = await set_limit(http, await a_token(services, organization), organization, money("50"))

    assert [code for code, _ in problems(payload)] == ["WRONG_STATE"]


async def test_the_trace_of_the_step_says_that_it_waited_for_the_limit_and_that_it_went(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization, cycle = await a_collecting_organization(services)
    await price(organization)
    await limit_to(services, organization, "0.05")
    await schedule(services, cycle, 1)
    assert await begin(services, NOW) == []
    await limit_to(services, organization, "0.10")
    assert len(await begin(services, NOW)) == 1

    document = """{ organizations(first: 1) { nodes { collectionCases(first: 1) { nodes { steps {
      decisionTrace { name outcome sentence } } } } } } }"""
    data = await ask(http, await a_token(services, organization), document)

    (case,) = data["organizations"]["nodes"][0]["collectionCases"]["nodes"]
    checks = [check for check in case["steps"][0]["decisionTrace"] if check["name"] == "SPENDING_LIMIT"]
    assert [(check["outcome"], check["sentence"]) for check in checks] == [
        (
            "HELD",
            "The monthly spending limit of 0.05 USD is less than this text costs, 0.10 USD. It goes when the limit is"
            " raised.",
        ),
        ("PASSED", "There is money left below the monthly spending limit."),
    ]
