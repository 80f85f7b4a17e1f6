"""Give customers other addresses: what was wrong with the old ones is forgotten, the new ones' refusals count."""

from collections.abc import Mapping
from datetime import datetime

from dunlin.domain.actions.address_state import trust_addresses
from dunlin.domain.actions.change_status import canceled, change_status
from dunlin.domain.actions.recipients import Reach, opted_out_since
from dunlin.domain.choices import Check
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.recipient import words_of
from dunlin.domain.store import Transaction


async def change_addresses(
    transaction: Transaction, reach: Reach, addresses: Mapping[int, str | None], now: datetime
) -> None:
    """Store addresses by customer. The caller holds the integrations and the organization.

    What is scheduled goes to the address that the customer has when it is handed over; it is canceled now if that one
    has opted out.
    """
    if not addresses:
        return
    customer_ids, opted_out = sorted(addresses), words_of(reach.kind).opted_out
    await transaction.rows(_HOLD_CASES, customer_ids)
    await transaction.rows(_HOLD_CUSTOMERS, customer_ids)
    await trust_addresses(transaction, reach, customer_ids)
    await transaction.rows(
        f"UPDATE customer SET {reach.address} = new.address,"
        f" {reach.opted_out_at} = {opted_out_since(reach, 'new.address')}"
        " FROM unnest($1::bigint[], $2::text[]) AS new(id, address) WHERE customer.id = new.id",
        customer_ids,
        [addresses[one] for one in customer_ids],
    )
    await transaction.rows(_CALL_OFF, customer_ids, opted_out)
    await transaction.rows(_ASK_FOR_ATTENTION.format(reach.opted_out_at), customer_ids, opted_out)
    refused = await transaction.rows(_SCHEDULED_FOR_REFUSING.format(reach.opted_out_at), customer_ids, reach.kind.value)
    await change_status(transaction, [canceled(row, failed(Check.OPT_OUT, opted_out)) for row in refused], now)


_HOLD_CASES = """
SELECT id FROM collection_case WHERE customer_id = ANY($1) AND state <> 'CLOSED' ORDER BY id FOR NO KEY UPDATE
"""

_HOLD_CUSTOMERS = "SELECT id FROM customer WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"

_CALL_OFF = """
UPDATE collection_case SET attention_reason = NULL WHERE customer_id = ANY($1) AND attention_reason = $2
"""

_ASK_FOR_ATTENTION = """
UPDATE collection_case c SET attention_reason = $2 FROM customer
WHERE customer.id = c.customer_id AND customer.id = ANY($1) AND customer.{} IS NOT NULL
  AND customer.deceased_at IS NULL AND c.state <> 'CLOSED'
"""

_SCHEDULED_FOR_REFUSING = """
SELECT r.id, r.organization_id, r.case_id, r.case_step_id
FROM customer JOIN collection_case c ON c.customer_id = customer.id JOIN reminder r ON r.case_id = c.id
WHERE customer.id = ANY($1) AND customer.{} IS NOT NULL AND r.status = 'SCHEDULED' AND r.method = $2
ORDER BY r.id FOR NO KEY UPDATE OF r
"""
