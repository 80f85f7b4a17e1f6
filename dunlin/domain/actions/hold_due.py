"""The first lock of whoever does by time what is due in many organizations."""

from dunlin.domain.store import Transaction


async def hold_due(transaction: Transaction, due: str, *parameters: object) -> list[int]:
    """Keep the integrations of what is due as they are until commit; return the organizations so held.

    `due` selects the organization_id of what is due, without the organizations in $1; `parameters` are $2 and on.
    One that is being connected or disconnected at this moment is left for the next time, and we look behind it: what
    is due there must not hide what is due elsewhere.
    """
    passed_over: list[int] = []
    while True:
        found = await transaction.rows(_HOLD.format(due), passed_over, *parameters)
        busy = [row["organization_id"] for row in found if row["held"] < row["existing"]]
        if not busy:
            return [row["organization_id"] for row in found]
        passed_over += busy


_HOLD = """
WITH due AS MATERIALIZED (SELECT DISTINCT organization_id FROM ({0}) found), held AS MATERIALIZED (
  SELECT id, organization_id FROM integration WHERE organization_id IN (SELECT organization_id FROM due)
  ORDER BY id FOR SHARE SKIP LOCKED
)
SELECT organization_id,
       (SELECT count(*) FROM held WHERE held.organization_id = due.organization_id) AS held,
       (SELECT count(*) FROM integration every WHERE every.organization_id = due.organization_id) AS existing
FROM due
"""
