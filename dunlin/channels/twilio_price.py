"""What a segment costs an account, by country, from Twilio's price list."""

# The SDK ships no types.
# mypy: disable-error-code="import-untyped"

import re
from decimal import Decimal

from twilio.base.exceptions import TwilioException

from dunlin.channels.twilio_errors import explain
from dunlin.channels.twilio_transport import CallFailed, CallRefused, Transport, token_client
from dunlin.domain.carrier import CarrierUnavailable, NoPrice, Quote, SegmentPrice, TwilioCredentials

_UNEXPECTED = CarrierUnavailable("The carrier answered in an unexpected form.")

_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,10})?")  # what the column holds exactly


async def price(credentials: TwilioCredentials, country: str, transport: Transport) -> Quote:
    """Return the highest current price of a segment to `country`: over its networks and over kinds of senders.

    Which network a number is with is known only afterwards, and an estimate shall not be exceeded by it.
    """
    if not _COUNTRY.fullmatch(country):
        return NoPrice()
    try:
        # Prices of texts are in version 1 only.
        fetched = await token_client(credentials, transport).pricing.v1.messaging.countries(country).fetch_async()
    except CallRefused as error:
        return NoPrice() if error.code == 20404 else CarrierUnavailable(explain(error.code).sentence)
    except CallFailed as error:
        return CarrierUnavailable(str(error))
    except TwilioException:
        return _UNEXPECTED
    return _read(fetched.price_unit, fetched.outbound_sms_prices)


def _read(currency: object, networks: object) -> Quote:
    try:
        amounts = [_amount(entry["current_price"]) for network in _list(networks) for entry in _list(network["prices"])]
    except (KeyError, TypeError, ValueError):
        return _UNEXPECTED
    if not amounts:
        return NoPrice()
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency.upper()):
        return _UNEXPECTED
    return SegmentPrice(max(amounts), currency.upper())


def _list(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _amount(value: object) -> Decimal:
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise ValueError
    return Decimal(value)
