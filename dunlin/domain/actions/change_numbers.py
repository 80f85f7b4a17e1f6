"""Give customers other phone numbers: what was wrong with the old one is forgotten, the new one's refusals count."""

from collections.abc import Mapping
from datetime import datetime

from dunlin.domain.actions.change_status import canceled, change_status
from dunlin.domain.actions.phone_state import trust_numbers
from dunlin.domain.choices import Check
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.recipient import OPTED_OUT
from dunlin.domain.store import Transaction


async def change_numbers(transaction: Transaction, numbers: Mapping[int, str | None], now: datetime) -> None:
    """Store numbers in E.164 by customer. The caller holds the integrations and the organization.

    What is scheduled goes to the number that the customer has when it is handed over; it is canceled now if that one
    has refused texts.
    """
    if not numbers:
        return
    customer_ids = sorted(numbers)
    await transaction.rows(_HOLD_CASES, customer_ids)
    await transaction.rows(_HOLD_CUSTOMERS, customer_ids)
    await trust_numbers(transaction, customer_ids)
    await transaction.rows(_CHANGE, customer_ids, [numbers[one] for one in customer_ids])
    await transaction.rows(_CALL_OFF, customer_ids, OPTED_OUT)
    await transaction.rows(_ASK_FOR_ATTENTION, customer_ids, OPTED_OUT)
    refused = await transaction.rows(_SCHEDULED_FOR_REFUSING, customer_ids)
    await change_status(transaction, [canceled(row, failed(Check.OPT_OUT, OPTED_OUT)) for row in refused], now)


_HOLD_CASES = """
SELECT id FROM collection_case WHERE customer_id = ANY($1) AND state <> 'CLOSED' ORDER BY id FOR NO KEY UPDATE
"""

_HOLD_CUSTOMERS = "SELECT id FROM customer WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"

_CHANGE = """
UPDATE customer SET phone = new.phone,
  sms_opted_out_at = (SELECT o.opted_out_at FROM sms_opt_out o WHERE o.organization_id = customer.organization_id
                      AND o.phone = new.phone AND o.lifted_at IS NULL)
FROM unnest($1::bigint[], $2::text[]) AS new(id, phone) WHERE customer.id = new.id
"""

_CALL_OFF = """
UPDATE collection_case SET attention_reason = NULL WHERE customer_id = ANY($1) AND attention_reason = $2
"""

_ASK_FOR_ATTENTION = """
UPDATE collection_case c SET attention_reason = $2 FROM customer
WHERE customer.id = c.customer_id AND customer.id = ANY($1) AND customer.sms_opted_out_at IS NOT NULL
  AND customer.deceased_at IS NULL AND c.state <> 'CLOSED'
"""

_SCHEDULED_FOR_REFUSING = """
SELECT r.id, r.organization_id, r.case_id, r.case_step_id
FROM customer JOIN collection_case c ON c.customer_id = customer.id JOIN reminder r ON r.case_id = c.id
WHERE customer.id = ANY($1) AND customer.sms_opted_out_at IS NOT NULL AND r.status = 'SCHEDULED' AND r.method = 'SMS'
ORDER BY r.id FOR NO KEY UPDATE OF r
"""
