"""Close the cases that have come to the end of their cycle."""

from collections.abc import Collection

from dunlin.domain.store import Transaction


async def complete_cases(transaction: Transaction, case_ids: Collection[int]) -> None:
    """Close as COMPLETED those of `case_ids` that have no step ahead and no reminder under way."""
    if not case_ids:
        return
    await transaction.rows(
        """
        WITH finished AS (
          SELECT c.id FROM collection_case c
          WHERE c.id = ANY($1) AND c.state = 'ACTIVE' AND c.next_action_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM reminder r WHERE r.case_id = c.id
                            AND r.status IN ('SCHEDULED', 'SENDING', 'UNCONFIRMED', 'SENT'))
          ORDER BY c.id FOR UPDATE
        )
        UPDATE collection_case c SET state = 'CLOSED', closed_reason = 'COMPLETED'
        FROM finished WHERE c.id = finished.id
        """,
        sorted(case_ids),
    )
