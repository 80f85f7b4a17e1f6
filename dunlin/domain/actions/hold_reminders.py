"""The locks of whoever records what became of reminders: integrations first, reminders behind cases and customers."""

from collections.abc import Sequence
from typing import Any

from dunlin.domain.store import Transaction


async def hold_integrations_of(transaction: Transaction, reminder_ids: Sequence[int], *, alone: bool) -> None:
    """Lock the integrations of reminders: `alone` where what follows may change them."""
    await transaction.rows(
        "SELECT id FROM integration WHERE id IN (SELECT integration_id FROM reminder WHERE id = ANY($1))"
        f" ORDER BY id {'FOR UPDATE' if alone else 'FOR SHARE'}",
        reminder_ids,
    )


async def hold_reminders(transaction: Transaction, reminder_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Lock reminders, which come before their attempts, and return them."""
    return await transaction.rows(_HOLD_REMINDERS, reminder_ids)


_HOLD_REMINDERS = """
SELECT r.id, r.organization_id, r.case_id, r.case_step_id, r.method, r.status, r.fence, r.tries, r.fault
FROM reminder r WHERE r.id = ANY($1) ORDER BY r.id FOR NO KEY UPDATE
"""
