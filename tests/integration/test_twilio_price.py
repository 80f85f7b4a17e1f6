"""Prices through the real SDK against a server on this machine."""

from decimal import Decimal

import pytest

from dunlin.channels.twilio import TwilioChannel
from dunlin.channels.twilio_transport import Transport
from dunlin.domain.carrier import CarrierUnavailable, NoPrice, Quote, SegmentPrice, TwilioCredentials
from dunlin.domain.choices import IntegrationKind
from dunlin.runtime.wiring import Services
from tests.conftest import SANDBOX_ACCOUNT
from tests.integration.test_twilio_check import ACCOUNT, HTML, WITH_KEY, WITH_TOKEN, Said, refusal, twilio

PATH = f"{ACCOUNT} /pricing/v1/Messaging/Countries/BE"
UNEXPECTED = CarrierUnavailable("The carrier answered in an unexpected form.")


def listed(*networks: tuple[str, ...], currency: object = "USD") -> Said:
    """A price list with the current prices of each network; the list prices are higher."""
    prices = [
        {
            "carrier": "One",
            "prices": [{"number_type": "mobile", "base_price": "9.5", "current_price": price} for price in network],
        }
        for network in networks
    ]
    return 200, {"iso_country": "BE", "price_unit": currency, "outbound_sms_prices": prices}


async def price(said: Said, credentials: TwilioCredentials = WITH_TOKEN) -> Quote:
    async with twilio({PATH: said}, []) as channel:
        return await channel.price(credentials, "BE")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(listed(("0.1100",)), SegmentPrice(Decimal("0.11"), "USD"), id="one network"),
        pytest.param(
            listed(("0.0079", "0.0083"), ("0.0075",)), SegmentPrice(Decimal("0.0083"), "USD"), id="the highest"
        ),
        pytest.param(listed(("0.0000000001",)), SegmentPrice(Decimal("1e-10"), "USD"), id="tiny"),
        pytest.param(listed(("0.05",), currency="eur"), SegmentPrice(Decimal("0.05"), "EUR"), id="another currency"),
        pytest.param(listed(), NoPrice(), id="no networks"),
        pytest.param(listed(()), NoPrice(), id="a network without prices"),
        pytest.param(refusal(404, 20404), NoPrice(), id="no such country"),
        pytest.param(listed(("free",)), UNEXPECTED, id="a word for a price"),
        pytest.param(listed(("NaN",)), UNEXPECTED, id="no number"),
        pytest.param(listed(("-0.05",)), UNEXPECTED, id="a negative price"),
        pytest.param(listed(("1" * 40,)), UNEXPECTED, id="an endless price"),
        pytest.param(listed(("0.05",), currency=None), UNEXPECTED, id="no currency"),
        pytest.param((200, {"price_unit": "USD", "outbound_sms_prices": "none"}), UNEXPECTED, id="no list"),
        pytest.param((200, {"price_unit": "USD", "outbound_sms_prices": ["none"]}), UNEXPECTED, id="no networks in it"),
        pytest.param((200, {}), UNEXPECTED, id="nothing"),
        pytest.param(
            refusal(403, 20008), CarrierUnavailable("These are test keys, which cannot do this."), id="test keys"
        ),
        pytest.param(
            (429, HTML),
            CarrierUnavailable("The carrier takes no more calls at the moment (HTTP 429)."),
            id="too many calls",
        ),
        pytest.param((502, HTML), CarrierUnavailable("The carrier gave no clear answer (HTTP 502)."), id="bad gateway"),
    ],
)
async def test_the_price_is_the_highest_of_the_country_or_the_reason_why_it_is_not_known(
    said: Said, expected: Quote
) -> None:
    assert await price(said) == expected


async def test_an_account_with_an_api_key_asks_with_its_token() -> None:
    assert await price(listed(("0.11",)), WITH_KEY) == SegmentPrice(Decimal("0.11"), "USD")


async def test_a_carrier_that_cannot_be_reached_or_keys_that_are_missing_are_values() -> None:
    async with Transport("http://127.0.0.1:1") as transport:  # nothing listens on port 1
        channel = TwilioChannel("https://dunlin.example", transport)
        assert isinstance(await channel.price(WITH_TOKEN, "BE"), CarrierUnavailable)
        assert isinstance(await channel.price(TwilioCredentials(ACCOUNT, ""), "BE"), CarrierUnavailable)
        assert await channel.price(WITH_TOKEN, "../BE") == NoPrice()


async def test_the_sandbox_carrier_has_a_price_list(services: Services) -> None:
    channel = services.channels.texting[services.default_accounts[IntegrationKind.SMS].provider]
    credentials = TwilioCredentials(SANDBOX_ACCOUNT.sid, SANDBOX_ACCOUNT.auth_token)

    assert await channel.price(credentials, "BE") == SegmentPrice(Decimal("0.1100"), "USD")
    assert await channel.price(credentials, "ZZ") == NoPrice()
