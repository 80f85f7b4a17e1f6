"""What is known of a phone number within one organization: who may not be texted there any more, and why."""

from collections.abc import Collection
from datetime import datetime

from dunlin.domain.actions.change_status import StatusChange, canceled
from dunlin.domain.choices import Check, PhoneProblemKind
from dunlin.domain.rules.finding import Finding, failed
from dunlin.domain.rules.recipient import BAD_NUMBER, bad_number
from dunlin.domain.store import Transaction


async def hold_recipients(transaction: Transaction, reminder_ids: Collection[int]) -> None:
    """Lock the cases of these reminders, and the open cases and customers of the numbers that they go to.

    Cases come before customers, and both before reminders, as everywhere.
    """
    if reminder_ids:
        await transaction.rows(_HOLD_CASES, sorted(reminder_ids))
        await transaction.rows(_HOLD_CUSTOMERS, sorted(reminder_ids))


async def hold_organizations(transaction: Transaction, organization_ids: Collection[int]) -> None:
    """Lock organizations, so that no customer gets a number meanwhile. Their integrations are held already."""
    await transaction.rows(
        "SELECT id FROM organization WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", sorted(set(organization_ids))
    )


async def hold_number(transaction: Transaction, organization_ids: Collection[int], phone: str) -> None:
    """Lock the open cases and the customers of a number. The organizations are held already."""
    await transaction.rows(_HOLD_CASES_OF_NUMBER, sorted(organization_ids), phone)
    await transaction.rows(_HOLD_CUSTOMERS_OF_NUMBER, sorted(organization_ids), phone)


async def mark_number(
    transaction: Transaction,
    organization_id: int,
    phone: str,
    problem: PhoneProblemKind,
    reason: str,
    now: datetime,
) -> list[StatusChange]:
    """Note what is wrong with a number at every customer who has it; return what has to be canceled for it."""
    await transaction.rows(
        "UPDATE customer SET phone_problem = $3, phone_problem_reason = $4, phone_problem_at = $5"
        " WHERE organization_id = $1 AND phone = $2",
        organization_id,
        phone,
        problem.value,
        reason,
        now,
    )
    return await stop_texting(transaction, organization_id, phone, failed(Check.NUMBER, bad_number(reason)))


async def stop_texting(transaction: Transaction, organization_id: int, phone: str, why: Finding) -> list[StatusChange]:
    """Ask for attention in every open case of a number; return the scheduled reminders to it as canceled."""
    await transaction.rows(_ASK_FOR_ATTENTION, organization_id, phone, why.sentence)
    scheduled = await transaction.rows(_SCHEDULED, organization_id, phone)
    return [canceled(row, why) for row in scheduled]


async def trust_numbers(transaction: Transaction, customer_ids: Collection[int]) -> None:
    """Forget what was wrong with the numbers of customers, whose cases then need nobody to look at them for it."""
    if not customer_ids:
        return
    await transaction.rows(
        "UPDATE collection_case SET attention_reason = NULL"
        " WHERE customer_id = ANY($1) AND starts_with(attention_reason, $2)",
        sorted(customer_ids),
        BAD_NUMBER,
    )
    await transaction.rows(
        "UPDATE customer SET phone_problem = NULL, phone_problem_reason = NULL, phone_problem_at = NULL"
        " WHERE id = ANY($1)",
        sorted(customer_ids),
    )


_HOLD_CASES = """
SELECT id FROM collection_case
WHERE id IN (SELECT case_id FROM reminder WHERE id = ANY($1))
   OR state <> 'CLOSED' AND customer_id IN (
        SELECT customer.id FROM customer JOIN reminder r ON r.organization_id = customer.organization_id
        WHERE r.id = ANY($1) AND customer.phone = r."to")
ORDER BY id FOR NO KEY UPDATE
"""

_HOLD_CUSTOMERS = """
SELECT id FROM customer
WHERE id IN (SELECT c.customer_id FROM collection_case c JOIN reminder r ON r.case_id = c.id WHERE r.id = ANY($1))
   OR (organization_id, phone) IN (SELECT organization_id, "to" FROM reminder WHERE id = ANY($1))
ORDER BY id FOR NO KEY UPDATE
"""

_HOLD_CASES_OF_NUMBER = """
SELECT id FROM collection_case
WHERE state <> 'CLOSED'
  AND customer_id IN (SELECT id FROM customer WHERE organization_id = ANY($1) AND phone = $2)
ORDER BY id FOR NO KEY UPDATE
"""

_HOLD_CUSTOMERS_OF_NUMBER = """
SELECT id FROM customer WHERE organization_id = ANY($1) AND phone = $2 ORDER BY id FOR NO KEY UPDATE
"""

_ASK_FOR_ATTENTION = """
UPDATE collection_case c SET attention_reason = $3 FROM customer
WHERE customer.id = c.customer_id AND customer.organization_id = $1 AND customer.phone = $2 AND c.state <> 'CLOSED'
  AND customer.deceased_at IS NULL
"""

# Whatever number they were planned for: they go to the one that the customer has when they are handed over.
_SCHEDULED = """
SELECT r.id, r.organization_id, r.case_id, r.case_step_id
FROM customer JOIN collection_case c ON c.customer_id = customer.id JOIN reminder r ON r.case_id = c.id
WHERE customer.organization_id = $1 AND customer.phone = $2 AND r.method = 'SMS' AND r.status = 'SCHEDULED'
ORDER BY r.id FOR NO KEY UPDATE OF r
"""
