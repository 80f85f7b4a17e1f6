"""The prices of the countries that organizations send to, as their connected accounts were told them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from dunlin.domain.carrier import SegmentPrice
from dunlin.domain.store import Transaction, rows


@dataclass(frozen=True, slots=True)
class ListedPrice:
    organization_id: int
    country: str
    price: SegmentPrice
    fetched_at: datetime


async def prices_of(organization_ids: Collection[int]) -> list[ListedPrice]:
    """Return the known prices of these organizations by country; none of a former connection."""
    return [
        ListedPrice(
            row["organization_id"], row["country"], SegmentPrice(row["price"], row["currency"]), row["fetched_at"]
        )
        for row in await rows(_SELECT, list(organization_ids))
    ]


async def use_countries(transaction: Transaction, used: Collection[tuple[int, str]], now: datetime) -> None:
    """Have the prices of these (organization, country) fetched soon and kept from now on, where they are not yet."""
    if used:
        await transaction.rows(_USE, *zip(*sorted(used), strict=True), now)


async def fetch_anew(transaction: Transaction, organization_id: int, now: datetime) -> None:
    """Have every price of an organization fetched soon: another account may have others."""
    await transaction.rows("UPDATE sms_price SET fetch_due_at = $2 WHERE organization_id = $1", organization_id, now)


_SELECT = """
SELECT p.organization_id, p.country, p.price, p.currency, p.fetched_at
FROM sms_price p JOIN integration i ON i.organization_id = p.organization_id AND i.kind = 'SMS'
WHERE p.organization_id = ANY($1) AND p.connection_id = i.connection_id AND p.price IS NOT NULL
ORDER BY p.organization_id, p.country
"""

_USE = """
INSERT INTO sms_price (organization_id, country, fetch_due_at)
SELECT organization_id, country, $3::timestamptz FROM unnest($1::bigint[], $2::text[]) AS t(organization_id, country)
ON CONFLICT (organization_id, country) DO NOTHING
"""
