"""Refresh prices: claim what is due, and record what the carrier said. Between the two no transaction is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dunlin.domain.carrier import CarrierUnavailable, NoPrice, Quote, SegmentPrice
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.store import Store, Transaction

EVERY = timedelta(days=1)
AGAIN_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class PriceQuestion:
    """One price to ask for. `again_at` stands in the row until it is answered: whoever changes it takes it over."""

    price_id: int
    organization_id: int
    country: str
    provider: IntegrationProvider
    sealed_credentials: bytes
    again_at: datetime


async def claim_prices(store: Store, now: datetime, *, limit: int = 50) -> list[PriceQuestion]:
    """Return what is to be asked now, at most `limit`; nobody else gets the same.

    A price without a connection to ask through is due again when one is made.
    """
    again_at = now + AGAIN_AFTER

    async def claim(transaction: Transaction) -> list[PriceQuestion]:
        due = await transaction.rows(
            "SELECT id FROM sms_price WHERE fetch_due_at <= $1 ORDER BY fetch_due_at, id LIMIT $2"
            " FOR NO KEY UPDATE SKIP LOCKED",
            now,
            limit,
        )
        # A statement of its own, so that it sees a connection made while the rows were being locked.
        claimed = await transaction.rows(_CLAIM, [row["id"] for row in due], again_at) if due else []
        return [
            PriceQuestion(
                price_id=row["id"],
                organization_id=row["organization_id"],
                country=row["country"],
                provider=IntegrationProvider(row["provider"]),
                sealed_credentials=row["sealed_credentials"],
                again_at=again_at,
            )
            for row in claimed
            if row["connection_id"] is not None
        ]

    return await store.transact(claim)


async def record_quotes(store: Store, quotes: Sequence[tuple[PriceQuestion, Quote]], now: datetime) -> None:
    """Store what was said. Where the carrier gave no answer, the old price and its time stay."""
    said = [(question, quote) for question, quote in quotes if not isinstance(quote, CarrierUnavailable)]
    if not said:
        return

    async def record(transaction: Transaction) -> None:
        await transaction.rows(
            _RECORD, *zip(*(_columns(question, quote) for question, quote in said), strict=True), now, now + EVERY
        )

    await store.transact(record)


def _columns(question: PriceQuestion, quote: SegmentPrice | NoPrice) -> tuple[object, ...]:
    known = quote if isinstance(quote, SegmentPrice) else None
    return (
        question.price_id,
        question.again_at,
        known.amount if known else None,
        known.currency if known else None,
    )


_CLAIM = """
UPDATE sms_price p
SET fetch_due_at = CASE WHEN c.id IS NOT NULL THEN $2::timestamptz END,
    connection_id = c.id,
    price = CASE WHEN p.connection_id = c.id THEN p.price END,
    currency = CASE WHEN p.connection_id = c.id THEN p.currency END,
    fetched_at = CASE WHEN p.connection_id = c.id THEN p.fetched_at END
FROM integration i LEFT JOIN connection c ON c.id = i.connection_id AND c.sealed_credentials IS NOT NULL
WHERE p.id = ANY($1) AND i.organization_id = p.organization_id AND i.kind = 'SMS'
RETURNING p.id, p.organization_id, p.country, p.connection_id, c.provider, c.sealed_credentials
"""

_RECORD = """
UPDATE sms_price p
SET price = t.price, currency = t.currency, fetch_due_at = $6::timestamptz,
    fetched_at = CASE WHEN t.price IS NOT NULL THEN $5::timestamptz END
FROM unnest($1::bigint[], $2::timestamptz[], $3::numeric[], $4::text[]) AS t(id, again_at, price, currency)
WHERE p.id = t.id AND p.fetch_due_at = t.again_at
"""
