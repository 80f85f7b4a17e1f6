"""Close the cases that have come to the end of their cycle."""

from collections.abc import Collection
from datetime import datetime

from dunlin.domain.store import Transaction


async def complete_cases(transaction: Transaction, case_ids: Collection[int], now: datetime) -> None:
    """Close as COMPLETED those of `case_ids` that have no step ahead and no reminder under way.

    An e-mail that is SENT is not under way any more: no server will tell that it has arrived. If it comes back, a
    person is asked all the same.
    """
    if not case_ids:
        return
    # Locked first, judged in the next statement, which sees what was committed meanwhile: of two last reports
    # that come at once, the second one closes the case.
    ending = await transaction.rows(
        "SELECT id FROM collection_case WHERE id = ANY($1) AND state = 'ACTIVE' AND next_action_at IS NULL"
        " ORDER BY id FOR NO KEY UPDATE",
        sorted(case_ids),
    )
    if ending:
        await transaction.rows(
            "UPDATE collection_case c SET state = 'CLOSED', closed_reason = 'COMPLETED', closed_at = $2"
            " WHERE id = ANY($1)"
            " AND NOT EXISTS (SELECT 1 FROM reminder r WHERE r.case_id = c.id"
            " AND (r.status IN ('SCHEDULED', 'SENDING', 'UNCONFIRMED') OR r.status = 'SENT' AND r.method = 'SMS'))",
            [row["id"] for row in ending],
            now,
        )
