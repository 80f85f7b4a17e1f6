"""What the next days will bring, by the rules that will decide about it."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from dunlin.api.ids import encode_id
from dunlin.domain.actions.forecast import forecasts
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.choices import CaseState, IntegrationKind, IntegrationStatus, Permission, Weekday
from dunlin.domain.errors import Forbidden
from dunlin.domain.rules.caps import FIRST_LIMITS
from dunlin.domain.rules.forecast import Day, Forecast
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.store import rows
from dunlin.domain.tables import (
    CaseStep,
    CollectionCase,
    CollectionCycle,
    Customer,
    Integration,
    Organization,
    Reminder,
    SmsPrice,
)
from dunlin.runtime.wiring import Services
from tests.build import (
    LONG_AGO,
    NONE,
    NOW,
    SMS,
    a_cycle,
    a_new_case,
    a_token,
    a_viewer,
    an_organization,
    connect_sms,
    everything_stored,
    open_one,
)
from tests.client import JSON, ask, error_codes, graphql
from tests.delivery import plan

DAY = timedelta(days=1)
TODAY = NOW.date()
DAYTIME = SendWindow("08:00", "20:00", frozenset(Weekday) - {Weekday.SUNDAY})
BRITISH, BELGIAN = "+447700900001", "+32470123456"


async def collecting(services: Services) -> tuple[Organization, CollectionCycle]:
    """SMS, two steps a week apart and one without a method, and a price for texts to Britain."""
    organization = await an_organization(window=DAYTIME, skip_holidays=True, limits=FIRST_LIMITS)
    integration = await connect_sms(services, organization)
    await SmsPrice.create(
        organization_id=organization.id,
        country="GB",
        connection_id=integration.connection_id,
        price=Decimal("0.04"),
        currency="USD",
        fetched_at=NOW,
    )
    return organization, await a_cycle(organization, [SMS, NONE, SMS], days=[7, 3, 4])


async def look(organization: Organization, days: int = 14, now: datetime = NOW, **given: int) -> Forecast:
    before = await everything_stored()
    (found,) = await forecasts(a_viewer(organization), [organization], days, now, **given)
    assert await everything_stored() == before
    return found


def sent(days: list[Day]) -> dict[int, int]:
    """Return how many texts go out on which day from today."""
    return {place: day.sending[SMS].reminders for place, day in enumerate(days) if day.sending}


def kept(days: list[Day]) -> dict[int, dict[str, int]]:
    return {
        place: {reason: count for _, reason, count in day.reasons()} for place, day in enumerate(days) if day.reasons()
    }


async def test_every_step_ahead_is_on_its_day_with_its_cost(services: Services) -> None:
    organization, cycle = await collecting(services)
    await open_one(services, cycle, a_new_case("A", due_on=TODAY - 5 * DAY))
    await open_one(services, cycle, a_new_case("B", customer="C-2", phone=BELGIAN, due_on=TODAY - 5 * DAY))

    found = await look(organization, days=12)

    assert [day.day for day in found.days] == [TODAY + offset * DAY for offset in range(12)]
    assert sent(found.days) == {2: 2, 9: 2}
    assert kept(found.days) == {5: {"This step has no communication method.": 2}}
    assert found.days[2].sending[SMS].costs == {"USD": Decimal("0.04")}
    assert found.days[2].sending[SMS].unpriced == 1
    assert found.is_complete


async def test_what_will_not_go_out_says_why(services: Services) -> None:
    organization, cycle = await collecting(services)
    due = TODAY - 6 * DAY
    for reference, phone in (("A", None), ("B", BRITISH), ("C", BRITISH)):
        await open_one(services, cycle, a_new_case(reference, customer=reference, phone=phone, due_on=due))
    await Customer.filter(external_reference="B").update(sms_opted_out_at=NOW)
    await CollectionCase.filter(external_reference="C").update(state=CaseState.PAUSED, next_action_at=None)

    assert kept((await look(organization, days=3)).days) == {
        1: {
            "The customer has no phone number.": 1,
            "The customer has opted out of SMS.": 1,
            "The case is paused. It goes when the case is resumed.": 1,
        }
    }


async def test_what_is_scheduled_already_is_counted_with_its_estimate(services: Services) -> None:
    organization, cycle = await collecting(services)
    for reference in ("A", "B"):
        await open_one(services, cycle, a_new_case(reference))
    await plan(services, NOW)
    assert await Reminder.all().count() == 2  # the second one waits for its turn, tomorrow

    found = await look(organization, days=2)

    assert sent(found.days) == {0: 1, 1: 1}
    assert [day.sending[SMS].costs for day in found.days] == [{"USD": Decimal("0.04")}] * 2


async def test_while_the_carrier_refuses_the_account_nothing_goes_out(services: Services) -> None:
    organization, cycle = await collecting(services)
    await open_one(services, cycle, a_new_case("A"))
    await plan(services, NOW)
    await open_one(services, cycle, a_new_case("B", customer="C-2"))
    await Integration.filter(kind=IntegrationKind.SMS).update(status=IntegrationStatus.NEEDS_ATTENTION)

    found = await look(organization, days=1)

    assert sent(found.days) == {}
    assert kept(found.days) == {0: {"The carrier refuses the account. It goes when SMS is connected again.": 2}}


async def test_windows_holidays_and_limits_move_reminders_to_the_day_on_which_they_go(services: Services) -> None:
    organization, cycle = await collecting(services)
    advent = datetime(2026, 12, 24, 11, 0, tzinfo=UTC)  # a Thursday
    for place in range(3):
        await open_one(services, cycle, a_new_case(f"{place}", phone=BELGIAN, due_on=date(2026, 12, 18)), now=advent)

    found = await look(organization, days=7, now=advent)

    # Due on Christmas Day: the first goes on Saturday, the next not on Sunday, and each a day after the other.
    assert sent(found.days) == {2: 1, 4: 1, 5: 1}


SEND_ALL_DUE = """
UPDATE reminder SET status = 'SENT', handed_over_at = scheduled_for WHERE status = 'SCHEDULED' AND scheduled_for <= $1
"""


async def test_the_forecast_comes_true(services: Services) -> None:
    organization, cycle = await collecting(services)
    cases = [
        a_new_case(
            f"INV-{place}",
            customer=f"C-{place % 11}",
            phone=(BRITISH, BELGIAN, None)[place % 3],
            due_on=TODAY - timedelta(days=place % 9),
        )
        for place in range(60)
    ]
    await open_cases(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        cycle_id=cycle.id,
        cases=cases,
        now=NOW,
    )
    found = await look(organization, days=10)

    for hour in range(10 * 24):
        now = NOW + timedelta(hours=hour)
        await plan(services, now)
        await rows(SEND_ALL_DUE, now)

    reminders = await Reminder.all()
    going = Counter((reminder.scheduled_for - NOW.replace(hour=0)).days for reminder in reminders)
    assert sent(found.days) == {day: count for day, count in going.items() if day < 10}
    assert sum(day.sending[SMS].unpriced for day in found.days if day.sending) > 0


async def test_steps_after_one_that_is_late_come_as_much_later(services: Services) -> None:
    organization, cycle = await collecting(services)
    await open_one(services, cycle, a_new_case())
    late = NOW + 3 * DAY  # nobody has planned meanwhile

    found = await look(organization, days=14, now=late)

    assert sent(found.days) == {0: 1, 7: 1}
    await plan(services, late)
    assert (await CaseStep.get(position=3)).due_at.date() - late.date() == 7 * DAY


async def test_beyond_its_bound_a_forecast_only_counts(services: Services) -> None:
    organization, cycle = await collecting(services)
    for place in range(6):
        case = a_new_case(f"{place}", customer=f"{place}", due_on=TODAY - timedelta(days=6 - place))
        await open_one(services, cycle, case)

    found = await look(organization, days=5, most_steps=3)

    assert sent(found.days) == {1: 1, 2: 1, 3: 1}
    assert [day.uncounted for day in found.days] == [0, 0, 0, 0, 2]
    assert not found.is_complete
    assert (await look(organization, days=5, most_steps=100)).is_complete


async def test_organizations_asked_about_together_come_out_as_each_alone(services: Services) -> None:
    (first, cycle), (second, other) = await collecting(services), await collecting(services)
    for place in range(3):
        await open_one(services, cycle, a_new_case(f"{place}", customer=f"{place}", due_on=TODAY - place * DAY))
    await open_one(services, other, a_new_case("A", due_on=LONG_AGO))
    await plan(services, NOW)

    together = await forecasts(a_viewer(first), [second, first], 30, NOW)

    assert [one.days for one in together] == [(await look(second, days=30)).days, (await look(first, days=30)).days]
    assert [sum(sent(one.days).values()) for one in together] == [2, 6]


async def test_organizations_asked_about_together_share_the_bound_alike(services: Services) -> None:
    (first, cycle), (second, other) = await collecting(services), await collecting(services)
    for place in range(3):
        due_on = TODAY - timedelta(days=6 - place)
        await open_one(services, cycle, a_new_case(f"{place}", customer=f"{place}", due_on=due_on))
    await open_one(services, other, a_new_case("A", due_on=TODAY - 6 * DAY))

    found = await forecasts(a_viewer(first), [first, second], 4, NOW, most_steps=4)

    assert [sent(one.days) for one in found] == [{1: 1, 2: 1}, {1: 1}]
    assert [day.uncounted for day in found[0].days] == [0, 0, 0, 1]
    assert found[1].is_complete


async def test_another_organization_s_steps_are_not_in_it(services: Services) -> None:
    organization, _ = await collecting(services)
    _, other = await collecting(services)
    await open_one(services, other)
    await plan(services, NOW)
    await open_one(services, other, a_new_case("B", due_on=TODAY))

    found = await look(organization, days=60)

    assert sent(found.days) == {}
    assert kept(found.days) == {}


FORECAST = """
query ($id: ID!, $days: Int!) { organization(id: $id) { forecast(days: $days) { isComplete days {
  date uncounted
  sending { method reminders unpriced estimatedCosts { amount currency } }
  notSending { check reason steps }
} } } }
"""


async def test_a_client_reads_the_forecast(http: httpx.AsyncClient, services: Services) -> None:
    organization, cycle = await collecting(services)
    today = datetime.now(UTC).date()
    for reference, phone in (("A", BRITISH), ("B", BELGIAN), ("C", None)):
        case = a_new_case(reference, customer=reference, phone=phone, due_on=today - 5 * DAY)
        await open_one(services, cycle, case, now=datetime.now(UTC))
    await Organization.all().update(skip_holidays=False, window_days=[day.value for day in Weekday])

    data = await ask(
        http, await a_token(services, organization), FORECAST, id=encode_id("Organization", organization.id), days=4
    )

    days: list[JSON] = data["organization"]["forecast"]["days"]
    assert data["organization"]["forecast"]["isComplete"] is True
    assert len(days) == 4
    (busy,) = (day for day in days if day["sending"])
    assert busy["sending"] == [
        {
            "method": "SMS",
            "reminders": 2,
            "unpriced": 1,
            "estimatedCosts": [{"amount": "0.04", "currency": "USD"}],
        }
    ]
    assert busy["notSending"] == [{"check": "NUMBER", "reason": "The customer has no phone number.", "steps": 1}]


@pytest.mark.parametrize("days", [0, -1, 61, 2**31 - 1])
async def test_more_days_than_anybody_can_tell_are_refused(
    http: httpx.AsyncClient, services: Services, days: int
) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)

    body = await graphql(http, token, FORECAST, id=encode_id("Organization", organization.id), days=days)

    assert error_codes(body) == ["BAD_USER_INPUT"]


async def test_a_forecast_needs_the_permission_to_read(services: Services) -> None:
    organization = await an_organization()

    with pytest.raises(Forbidden):
        await forecasts(a_viewer(organization, frozenset({Permission.CONFIGURE})), [organization], 14, NOW)


async def test_what_is_ahead_is_found_by_an_index(services: Services) -> None:
    found = await rows("SELECT indexdef FROM pg_indexes WHERE indexname = 'case_step_ahead'")

    assert "(organization_id, due_at, id)" in found[0]["indexdef"]
