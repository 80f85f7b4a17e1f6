"""What texts will cost, as far as that is known before they are sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dunlin.domain.price_list import prices_of, use_countries
from dunlin.domain.rules.phone import country_of
from dunlin.domain.rules.price import Cost, estimate
from dunlin.domain.rules.segments import Encoded
from dunlin.domain.store import Transaction


@dataclass(frozen=True, slots=True)
class Sized:
    """A text of an organization to a number (E.164)."""

    organization_id: int
    to: str
    segments: int


def sized(organization_id: int, to: str, encoded: Encoded | None) -> Sized | None:
    """Return the text that a message is, if it is one: others cost nothing."""
    return Sized(organization_id, to, encoded.segments) if encoded is not None else None


async def estimates(transaction: Transaction, messages: Sequence[Sized | None], now: datetime) -> list[Cost | None]:
    """Return what each message will cost, in their order, and have the prices that are missing fetched."""
    texts = [one for one in messages if one is not None]
    if not texts:
        return [None for _ in messages]
    costs = iter(await _of_texts(transaction, texts, now))
    return [next(costs) if one is not None else None for one in messages]


async def _of_texts(transaction: Transaction, texts: Sequence[Sized], now: datetime) -> list[Cost | None]:
    countries = [(text.organization_id, country_of(text.to)) for text in texts]
    listed = await prices_of({organization_id for organization_id, _ in countries})
    prices = {(row.organization_id, row.country): row.price for row in listed}
    missing = {(organization_id, country) for organization_id, country in countries if country} - prices.keys()
    await use_countries(transaction, missing, now)
    return [
        estimate(prices.get((organization_id, country)), text.segments) if country else None
        for (organization_id, country), text in zip(countries, texts, strict=True)
    ]
