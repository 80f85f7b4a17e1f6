"""What is known of an address within one organization, a phone number or one of e-mail: who may not be reached there
any more, and why."""

from collections.abc import Collection
from datetime import datetime

from dunlin.domain.actions.change_status import StatusChange, canceled
from dunlin.domain.actions.recipients import Reach
from dunlin.domain.choices import PhoneProblemKind
from dunlin.domain.rules.finding import Finding, failed
from dunlin.domain.rules.recipient import bad_address, words_of
from dunlin.domain.store import Transaction


async def hold_recipients(transaction: Transaction, reminder_ids: Collection[int]) -> None:
    """Lock the cases of these reminders, and the open cases and customers of the addresses that they go to.

    Cases come before customers, and both before reminders, as everywhere.
    """
    if reminder_ids:
        await transaction.rows(_HOLD_CASES, sorted(reminder_ids))
        await transaction.rows(_HOLD_CUSTOMERS, sorted(reminder_ids))


async def hold_organizations(transaction: Transaction, organization_ids: Collection[int]) -> None:
    """Lock organizations, so that no customer gets an address meanwhile. Their integrations are held already."""
    await transaction.rows(
        "SELECT id FROM organization WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", sorted(set(organization_ids))
    )


async def hold_address(transaction: Transaction, reach: Reach, organization_ids: Collection[int], address: str) -> None:
    """Lock the open cases and the customers of an address. The organizations are held already."""
    customers = f"SELECT id FROM customer WHERE organization_id = ANY($1) AND {reach.address} = $2"
    await transaction.rows(
        f"SELECT id FROM collection_case WHERE state <> 'CLOSED' AND customer_id IN ({customers})"
        " ORDER BY id FOR NO KEY UPDATE",
        sorted(organization_ids),
        address,
    )
    await transaction.rows(f"{customers} ORDER BY id FOR NO KEY UPDATE", sorted(organization_ids), address)


async def mark_address(
    transaction: Transaction,
    reach: Reach,
    organization_id: int,
    address: str,
    problem: PhoneProblemKind,
    reason: str,
    now: datetime,
) -> list[StatusChange]:
    """Note what is wrong with an address at every customer who has it; return what has to be canceled for it."""
    await transaction.rows(
        f"UPDATE customer SET {reach.problem} = $3, {reach.problem}_reason = $4, {reach.problem}_at = $5"
        f" WHERE organization_id = $1 AND {reach.address} = $2",
        organization_id,
        address,
        problem.value,
        reason,
        now,
    )
    why = failed(words_of(reach.kind).check, bad_address(reach.kind, reason))
    return await stop_reaching(transaction, reach, organization_id, address, why)


async def stop_reaching(
    transaction: Transaction, reach: Reach, organization_id: int, address: str, why: Finding
) -> list[StatusChange]:
    """Ask for attention in every open case of an address; return the scheduled reminders to it as canceled."""
    await transaction.rows(_ASK_FOR_ATTENTION.format(reach.address), organization_id, address, why.sentence)
    scheduled = await transaction.rows(_SCHEDULED.format(reach.address), organization_id, address, reach.kind.value)
    return [canceled(row, why) for row in scheduled]


async def trust_addresses(transaction: Transaction, reach: Reach, customer_ids: Collection[int]) -> None:
    """Forget what was wrong with the addresses of customers, whose cases then need nobody to look at them for it."""
    if not customer_ids:
        return
    await transaction.rows(
        "UPDATE collection_case SET attention_reason = NULL"
        " WHERE customer_id = ANY($1) AND starts_with(attention_reason, $2)",
        sorted(customer_ids),
        words_of(reach.kind).bad,
    )
    await transaction.rows(
        f"UPDATE customer SET {reach.problem} = NULL, {reach.problem}_reason = NULL, {reach.problem}_at = NULL"
        " WHERE id = ANY($1)",
        sorted(customer_ids),
    )


# No phone number is an address of e-mail, so each finds its own.
_HOLD_CASES = """
SELECT id FROM collection_case
WHERE id IN (SELECT case_id FROM reminder WHERE id = ANY($1))
   OR state <> 'CLOSED' AND customer_id IN (
        SELECT customer.id FROM customer JOIN reminder r ON r.organization_id = customer.organization_id
        WHERE r.id = ANY($1) AND (customer.phone = r."to" OR customer.email = r."to"))
ORDER BY id FOR NO KEY UPDATE
"""

_HOLD_CUSTOMERS = """
SELECT id FROM customer
WHERE id IN (SELECT c.customer_id FROM collection_case c JOIN reminder r ON r.case_id = c.id WHERE r.id = ANY($1))
   OR (organization_id, phone) IN (SELECT organization_id, "to" FROM reminder WHERE id = ANY($1))
   OR (organization_id, email) IN (SELECT organization_id, "to" FROM reminder WHERE id = ANY($1))
ORDER BY id FOR NO KEY UPDATE
"""

_ASK_FOR_ATTENTION = """
UPDATE collection_case c SET attention_reason = $3 FROM customer
WHERE customer.id = c.customer_id AND customer.organization_id = $1 AND customer.{} = $2 AND c.state <> 'CLOSED'
  AND customer.deceased_at IS NULL
"""

# Whatever address they were planned for: they go to the one that the customer has when they are handed over.
_SCHEDULED = """
SELECT r.id, r.organization_id, r.case_id, r.case_step_id
FROM customer JOIN collection_case c ON c.customer_id = customer.id JOIN reminder r ON r.case_id = c.id
WHERE customer.organization_id = $1 AND customer.{} = $2 AND r.method = $3 AND r.status = 'SCHEDULED'
ORDER BY r.id FOR NO KEY UPDATE OF r
"""
