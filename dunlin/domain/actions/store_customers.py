"""Store what is told of customers: one external reference is one customer, and the newest values are kept."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from dunlin.domain.actions.change_addresses import change_addresses
from dunlin.domain.actions.recipients import REACHES, opted_out_since
from dunlin.domain.actions.stop_for_deceased import hold_cases_of
from dunlin.domain.price_list import use_countries
from dunlin.domain.rules.case_input import NewCustomer
from dunlin.domain.rules.phone import country_of
from dunlin.domain.store import Transaction


async def follow_addresses(
    transaction: Transaction,
    organization_id: int,
    customers: Sequence[NewCustomer],
    told_dead: Collection[str],
    now: datetime,
) -> None:
    """Hold the cases of customers who have died or move, before the customers, and give these their other addresses."""
    latest = {customer.external_reference: customer for customer in customers}
    moved = await transaction.rows(
        _MOVED_CUSTOMERS,
        organization_id,
        list(latest),
        [customer.phone for customer in latest.values()],
        [customer.email for customer in latest.values()],
    )
    await hold_cases_of(transaction, organization_id, {*told_dead, *(row["external_reference"] for row in moved)})
    for reach in REACHES.values():
        addresses = {
            row["id"]: row[reach.address] for row in moved if row[reach.address] != row[f"old_{reach.address}"]
        }
        await change_addresses(transaction, reach, addresses, now)


async def upsert_customers(
    transaction: Transaction, organization_id: int, customers: Sequence[NewCustomer]
) -> dict[str, int]:
    """Store the newest of what is said of each customer; return their ids by external reference."""
    latest = {customer.external_reference: customer for customer in customers}
    rows = [
        {
            "external_reference": customer.external_reference,
            "name": customer.name,
            "language": customer.language,
            "phone": customer.phone,
            "email": customer.email,
            "time_zone": customer.time_zone,
        }
        for _, customer in sorted(latest.items())
    ]
    stored = await transaction.rows(_UPSERT_CUSTOMERS, organization_id, json.dumps(rows))
    return {row["external_reference"]: row["id"] for row in stored}


async def use_countries_of(
    transaction: Transaction, organization_id: int, customers: Sequence[NewCustomer], now: datetime
) -> None:
    """Let the prices of the countries that texts to these customers go to be fetched."""
    countries = {country_of(customer.phone) for customer in customers if customer.phone is not None}
    await use_countries(transaction, [(organization_id, country) for country in countries if country], now)


# Nobody changes addresses meanwhile: whoever does holds the organization, as we do.
_MOVED_CUSTOMERS = """
SELECT customer.id, customer.external_reference, new.phone, new.email, customer.phone AS old_phone,
       customer.email AS old_email
FROM unnest($2::text[], $3::text[], $4::text[]) AS new(external_reference, phone, email)
JOIN customer ON customer.organization_id = $1 AND customer.external_reference = new.external_reference
WHERE (customer.phone, customer.email) IS DISTINCT FROM (new.phone, new.email)
"""

_UPSERT_CUSTOMERS = f"""
INSERT INTO customer (organization_id, external_reference, name, language, phone, email, time_zone, created_at,
  {", ".join(reach.opted_out_at for reach in REACHES.values())})
SELECT organization_id, external_reference, name, language, phone, email, time_zone, now(),
  {", ".join(opted_out_since(reach, f"customer.{reach.address}") for reach in REACHES.values())}
FROM (SELECT $1::bigint AS organization_id, new.* FROM jsonb_to_recordset($2::text::jsonb)
  AS new(external_reference text, name text, language text, phone text, email text, time_zone text)) AS customer
ON CONFLICT (organization_id, external_reference) DO UPDATE
SET name = excluded.name, language = excluded.language, phone = excluded.phone, email = excluded.email,
    time_zone = excluded.time_zone
RETURNING id, external_reference
"""
