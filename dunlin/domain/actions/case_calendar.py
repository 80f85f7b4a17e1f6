"""Move the steps ahead of a case, and point the case to the next one. The caller holds the cases locked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dunlin.domain.store import Transaction


@dataclass(frozen=True, slots=True)
class Delay:
    """The pending steps of a case behind `position` come so many days later."""

    case_id: int
    position: int
    days: int


async def delay_steps(transaction: Transaction, delays: Sequence[Delay]) -> None:
    if delays:
        await transaction.rows(
            _DELAY_STEPS,
            [delay.case_id for delay in delays],
            [delay.position for delay in delays],
            [delay.days for delay in delays],
        )


async def point_to_next_step(transaction: Transaction, case_ids: Collection[int]) -> None:
    """Let each case's next action be its next pending step, or none."""
    await transaction.rows(_SET_NEXT_ACTION, sorted(case_ids))


# Days are added on the organization's calendar, so that a clock change moves no step to another hour.
_DELAY_STEPS = """
UPDATE case_step s
SET due_at = ((s.due_at AT TIME ZONE o.time_zone) + late.days * interval '1 day') AT TIME ZONE o.time_zone
FROM unnest($1::bigint[], $2::int[], $3::int[]) AS late(case_id, position, days), organization o
WHERE o.id = s.organization_id AND s.case_id = late.case_id AND s.position > late.position AND s.state = 'PENDING'
"""

_SET_NEXT_ACTION = """
UPDATE collection_case c
SET next_action_at = (SELECT s.due_at FROM case_step s WHERE s.case_id = c.id AND s.state = 'PENDING'
                      ORDER BY s.position LIMIT 1)
WHERE c.id = ANY($1)
"""
