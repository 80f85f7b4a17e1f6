"""Close the cases that have come to the end of their cycle."""

from collections.abc import Collection
from datetime import datetime

from dunlin.domain.store import Transaction


async def complete_cases(transaction: Transaction, case_ids: Collection[int], now: datetime) -> None:
    """Close as COMPLETED those of `case_ids` that have no step ahead and no reminder under way.

    An e-mail that is SENT is not under way any more: no server will tell that it has arrived. If it comes back, a
    person is asked all the same.
    """
    if case_ids:
        # Locked first, judged in the next statement, which sees what was committed meanwhile: of two last reports
        # that come at once, the second one closes the case.
        held = await transaction.rows(_HOLD_ENDING, sorted(case_ids))
        await complete_held(transaction, [row["id"] for row in held], now)


async def complete_held(transaction: Transaction, case_ids: Collection[int], now: datetime) -> None:
    """Close as COMPLETED those of `case_ids` that have no reminder under way. They are held, and fulfil `MAY_END`."""
    if case_ids:
        await transaction.rows(_COMPLETE, case_ids, now)


# Of a case: it would have come to its end if no reminder were under way.
MAY_END = "state = 'ACTIVE' AND next_action_at IS NULL"

_HOLD_ENDING = f"SELECT id FROM collection_case WHERE id = ANY($1) AND {MAY_END} ORDER BY id FOR NO KEY UPDATE"

_COMPLETE = """
UPDATE collection_case c SET state = 'CLOSED', closed_reason = 'COMPLETED', closed_at = $2
WHERE id = ANY($1) AND NOT EXISTS (
  SELECT 1 FROM reminder r WHERE r.case_id = c.id
  AND (r.status IN ('SCHEDULED', 'SENDING', 'UNCONFIRMED') OR r.status = 'SENT' AND r.method = 'SMS'))
"""
