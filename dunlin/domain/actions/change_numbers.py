"""Give customers other phone numbers: what was wrong with the old one is forgotten, what is scheduled follows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dunlin.domain.actions.change_status import StatusChange, change_status
from dunlin.domain.actions.phone_state import trust_numbers
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.recipient import NO_NUMBER, OPTED_OUT
from dunlin.domain.store import Transaction


async def change_numbers(transaction: Transaction, numbers: Mapping[int, str | None], now: datetime) -> None:
    """Store numbers in E.164 by customer. The caller holds the integrations and the organization."""
    if not numbers:
        return
    customer_ids = sorted(numbers)
    await transaction.rows(_HOLD_CASES, customer_ids)
    await transaction.rows(_HOLD_CUSTOMERS, customer_ids)
    await trust_numbers(transaction, customer_ids)
    await transaction.rows(_CHANGE, customer_ids, [numbers[one] for one in customer_ids])
    await transaction.rows(_CALL_OFF, customer_ids, OPTED_OUT)
    await transaction.rows(_ASK_FOR_ATTENTION, customer_ids, OPTED_OUT)
    scheduled = await transaction.rows(_SCHEDULED, customer_ids)
    await transaction.rows(_READDRESS, [row["id"] for row in scheduled])
    reasons = [(row, _why_not(row)) for row in scheduled]
    await change_status(transaction, [_canceled(row, why) for row, why in reasons if why is not None], now)


def _why_not(row: dict[str, Any]) -> str | None:
    """Return why what is scheduled cannot go to the customer's new number; None if it can."""
    if row["phone"] is None:
        return NO_NUMBER
    return OPTED_OUT if row["sms_opted_out_at"] is not None else None


def _canceled(row: dict[str, Any], why: str) -> StatusChange:
    return StatusChange(
        row["organization_id"], row["case_id"], row["case_step_id"], row["id"], ReminderStatus.CANCELED, why
    )


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
  AND c.state <> 'CLOSED'
"""

_SCHEDULED = """
SELECT r.id, r.organization_id, r.case_id, r.case_step_id, customer.phone, customer.sms_opted_out_at
FROM customer JOIN collection_case c ON c.customer_id = customer.id JOIN reminder r ON r.case_id = c.id
WHERE customer.id = ANY($1) AND r.status = 'SCHEDULED' AND r.method = 'SMS'
ORDER BY r.id FOR NO KEY UPDATE OF r
"""

_READDRESS = """
UPDATE reminder r SET "to" = customer.phone FROM collection_case c JOIN customer ON customer.id = c.customer_id
WHERE r.id = ANY($1) AND c.id = r.case_id AND customer.phone IS NOT NULL
"""
