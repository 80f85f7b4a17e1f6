"""How fast a sender may send: what carriers let through, less a margin."""

import phonenumbers
from phonenumbers import PhoneNumberType

from dunlin.domain.carrier import Sender, SenderKind
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.rules.phone import country_of, parsed

_MARGIN = 0.8  # what a carrier takes in a second is not what it takes in every second

# Segments a second, from Twilio's pages on queues and limits by type of sender.
_NORTH_AMERICAN = 1.0
_TOLL_FREE = 3.0
_ELSEWHERE = 10.0
_NAME = 10.0
_SERVICE = 100.0  # spreads over its numbers, and queues by itself what they do not take


def segments_per_second(provider: IntegrationProvider, sender: Sender) -> float | None:
    """Return the rate to keep to; None where there is none."""
    if provider is not IntegrationProvider.TWILIO:
        return None
    limit = _limit(sender)
    return _MARGIN * limit if limit is not None else None


def _limit(sender: Sender) -> float | None:
    match sender.kind:
        case SenderKind.MESSAGING_SERVICE:
            return _SERVICE
        case SenderKind.ALPHANUMERIC:
            return _NAME
        case SenderKind.PHONE_NUMBER:
            return _of_number(sender.value)
        case SenderKind.EMAIL_ADDRESS:
            return None  # it sends no texts


def _of_number(number: str) -> float:
    known = parsed(number)
    if known is not None and phonenumbers.number_type(known) is PhoneNumberType.TOLL_FREE:
        return _TOLL_FREE
    return _NORTH_AMERICAN if country_of(number) in ("US", "CA") else _ELSEWHERE
