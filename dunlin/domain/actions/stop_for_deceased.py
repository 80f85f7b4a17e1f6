"""Stop every reminder to customers who have died, in all of their organization's cases."""

from collections.abc import Collection
from datetime import datetime

from dunlin.domain.actions.end_cases import stop_sending
from dunlin.domain.choices import AuditAction, Check
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.return_reason import WHY_DECEASED
from dunlin.domain.store import Transaction
from dunlin.domain.tables import Customer
from dunlin.domain.viewer import Viewer


async def hold_cases_of(transaction: Transaction, organization_id: int, customer_references: Collection[str]) -> None:
    """Lock the open cases of customers: before the customers themselves, as everywhere."""
    await transaction.rows(
        "SELECT c.id FROM collection_case c JOIN customer ON customer.id = c.customer_id"
        " WHERE customer.organization_id = $1 AND customer.external_reference = ANY($2) AND c.state <> 'CLOSED'"
        " ORDER BY c.id FOR NO KEY UPDATE OF c",
        organization_id,
        sorted(customer_references),
    )


async def mark_deceased(
    transaction: Transaction, viewer: Viewer, organization_id: int, customer_ids: Collection[int], now: datetime
) -> list[int]:
    """Stop everything for customers who have died, and tell the audit trail of those not known as such; return all.

    The caller holds what `stop_for_deceased` asks for.
    """
    if not customer_ids:
        return []
    for customer in await Customer.filter(id__in=customer_ids, deceased_at__isnull=True).order_by("id"):
        transaction.audit(
            viewer,
            AuditAction.CUSTOMER_DECEASED,
            ("Customer", customer.id),
            organization_id=organization_id,
            after={"deceasedAt": now},
        )
    await stop_for_deceased(transaction, customer_ids, now)
    return sorted(customer_ids)


async def stop_for_deceased(transaction: Transaction, customer_ids: Collection[int], now: datetime) -> None:
    """Mark customers as deceased, cancel what is scheduled for them, and skip what is ahead. For good.

    The caller holds the integrations, and the cases that were open before. They stay open, paused: a person must look
    at each.
    """
    if not customer_ids:
        return
    await transaction.rows(
        "UPDATE customer SET deceased_at = coalesce(deceased_at, $2) WHERE id = ANY($1)", sorted(customer_ids), now
    )
    cases = await transaction.rows(_PAUSE, sorted(customer_ids), WHY_DECEASED, now)
    await stop_sending(transaction, {row["id"] for row in cases}, failed(Check.DEBTOR, WHY_DECEASED), now)


_PAUSE = """
UPDATE collection_case
SET state = 'PAUSED', paused_at = coalesce(paused_at, $3), paused_until = NULL, pause_reason = $2,
    attention_reason = $2, next_action_at = NULL
WHERE customer_id = ANY($1) AND state <> 'CLOSED' RETURNING id
"""
