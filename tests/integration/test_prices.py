"""Prices of the countries in use: fetched, kept, and what planning makes of them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.carrier import CarrierUnavailable, NoPrice, SegmentPrice
from dunlin.domain.choices import IntegrationKind
from dunlin.domain.price_list import prices_of
from dunlin.domain.tables import Organization, Reminder, SmsPrice
from dunlin.jobs.price_keeper import PriceKeeper
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_cycle, a_new_case, a_viewer, an_organization, connect_sms, open_one
from tests.delivery import plan
from tests.scripted_channel import ScriptedChannel, texting

BELGIUM = SegmentPrice(Decimal("0.11"), "USD")
BRITAIN = SegmentPrice(Decimal("0.0524"), "USD")
SILENT = CarrierUnavailable("The carrier gave no clear answer.")
MINUTES, DAY = timedelta(minutes=15), timedelta(days=1)


def a_carrier(**quotes: SegmentPrice | NoPrice | CarrierUnavailable) -> ScriptedChannel:
    return ScriptedChannel(quotes={"BE": BELGIUM, "GB": BRITAIN} | quotes)


def keeper(services: Services, channel: ScriptedChannel) -> PriceKeeper:
    return PriceKeeper(replace(services, channels=texting(channel)))


async def known(organization: Organization) -> dict[str, SegmentPrice]:
    return {row.country: row.price for row in await prices_of([organization.id])}


async def disconnect(services: Services, organization: Organization) -> None:
    await disconnect_integration(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )


async def test_connecting_fetches_the_own_country_and_those_of_the_customers(services: Services) -> None:
    organization = await an_organization()
    await open_one(services, await a_cycle(organization))
    await connect_sms(services, organization)

    assert await keeper(services, a_carrier()).refresh(NOW) == 2

    assert await known(organization) == {"BE": BELGIUM, "GB": BRITAIN}


async def test_a_country_is_fetched_when_the_first_case_there_is_opened(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    channel = a_carrier()
    await keeper(services, channel).refresh(NOW)
    await open_one(services, await a_cycle(organization))

    await keeper(services, channel).refresh(NOW)

    assert channel.priced == ["BE", "GB"]
    assert await known(organization) == {"BE": BELGIUM, "GB": BRITAIN}


async def test_nothing_is_asked_for_an_organization_that_is_not_connected(services: Services) -> None:
    organization = await an_organization()
    await open_one(services, await a_cycle(organization))
    channel = a_carrier()

    assert await keeper(services, channel).refresh(NOW) == 0

    assert channel.priced == []
    assert await SmsPrice.filter(fetch_due_at__isnull=False).count() == 0


async def test_a_price_is_asked_for_anew_after_a_day(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    channel = a_carrier()
    await keeper(services, channel).refresh(NOW)

    assert await keeper(services, channel).refresh(NOW + DAY - MINUTES) == 0
    assert await keeper(services, a_carrier(BE=BRITAIN)).refresh(NOW + DAY) == 1

    assert await known(organization) == {"BE": BRITAIN}
    assert (await SmsPrice.get()).fetched_at == NOW + DAY


async def test_a_failed_refresh_keeps_the_old_price_and_its_time_and_is_tried_again(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await keeper(services, a_carrier()).refresh(NOW)

    await keeper(services, a_carrier(BE=SILENT)).refresh(NOW + DAY)

    assert await known(organization) == {"BE": BELGIUM}
    assert (await SmsPrice.get()).fetched_at == NOW
    assert await keeper(services, a_carrier()).refresh(NOW + DAY + MINUTES / 2) == 0
    assert await keeper(services, a_carrier()).refresh(NOW + DAY + MINUTES) == 1


async def test_a_price_that_the_carrier_no_longer_has_is_not_known(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await keeper(services, a_carrier()).refresh(NOW)

    await keeper(services, a_carrier(BE=NoPrice())).refresh(NOW + DAY)

    assert await known(organization) == {}


async def test_what_an_earlier_connection_was_told_does_not_count_for_the_next(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await keeper(services, a_carrier()).refresh(NOW)

    await disconnect(services, organization)
    assert await known(organization) == {}

    await connect_sms(services, organization)
    assert await known(organization) == {}
    await keeper(services, a_carrier(BE=SILENT)).refresh(NOW)
    assert await known(organization) == {}
    await keeper(services, a_carrier(BE=BRITAIN)).refresh(NOW + MINUTES)
    assert await known(organization) == {"BE": BRITAIN}


async def test_an_answer_that_comes_after_connecting_anew_is_dropped(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)

    class Slow(ScriptedChannel):
        async def price(self, *asked: object) -> SegmentPrice:
            await disconnect(services, organization)
            await connect_sms(services, organization)
            return BELGIUM

    await keeper(services, Slow()).refresh(NOW)

    assert await known(organization) == {}
    assert await keeper(services, a_carrier()).refresh(NOW) == 1


async def test_two_workers_never_ask_for_the_same_price(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    channel = a_carrier()

    await keeper(services, channel).refresh(NOW)
    await keeper(services, channel).refresh(NOW)

    assert channel.priced == ["BE"]


async def test_a_planned_reminder_keeps_what_it_was_estimated_to_cost(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization, texts={"en": "{{ reference }} " + "A" * 160})
    await open_one(services, cycle)
    await keeper(services, a_carrier()).refresh(NOW)

    await plan(services, NOW)
    await keeper(services, a_carrier(GB=BELGIUM)).refresh(NOW + DAY)

    reminder = await Reminder.get()
    assert reminder.segments == 2
    assert (reminder.estimated_cost, reminder.estimated_cost_currency) == (Decimal("0.1048"), "USD")


async def test_a_reminder_planned_before_a_price_is_known_has_no_estimate_and_the_price_is_fetched(
    services: Services,
) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization))
    await SmsPrice.filter(country="GB").delete()

    await plan(services, NOW)

    reminder = await Reminder.get()
    assert (reminder.estimated_cost, reminder.estimated_cost_currency) == (None, None)
    await keeper(services, a_carrier()).refresh(NOW)
    assert await known(organization) == {"BE": BELGIUM, "GB": BRITAIN}


async def test_prices_of_one_organization_are_not_those_of_another(services: Services) -> None:
    organization, other = await an_organization(), await an_organization()
    await connect_sms(services, organization)
    await connect_sms(services, other)
    await keeper(services, a_carrier()).refresh(NOW)
    await SmsPrice.filter(organization_id=other.id).update(price=Decimal("9.9"))
    await open_one(services, await a_cycle(organization), a_new_case(phone="+32470123456"))

    await plan(services, NOW)

    assert (await Reminder.get()).estimated_cost == Decimal("0.11")
