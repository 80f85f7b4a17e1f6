"""End cases before their time: nothing more is planned for them, and what is scheduled is not sent."""

import json
from collections.abc import Collection
from datetime import datetime

from dunlin.domain.actions.change_status import canceled, change_status
from dunlin.domain.choices import CaseClosedReason, Check
from dunlin.domain.rules.closing import why_closed
from dunlin.domain.rules.finding import Finding, failed
from dunlin.domain.rules.trace import decision
from dunlin.domain.store import Transaction


async def end_cases(
    transaction: Transaction, case_ids: Collection[int], reason: CaseClosedReason, note: str | None, now: datetime
) -> None:
    """Close open cases. The caller holds the integrations and the cases; what a carrier has keeps its status."""
    await transaction.rows(_CLOSE, sorted(case_ids), reason.value, note, now)
    await stop_sending(transaction, case_ids, failed(Check.CASE, why_closed(reason, note)), now)


async def stop_sending(transaction: Transaction, case_ids: Collection[int], why: Finding, now: datetime) -> None:
    """Skip the pending steps of cases and cancel their scheduled reminders; both say `why`."""
    await transaction.rows(
        "UPDATE case_step SET state = 'SKIPPED', skipped_reason = $2,"
        " trace = coalesce(trace, '[]') || jsonb_build_array($3::text::jsonb)"
        " WHERE case_id = ANY($1) AND state = 'PENDING'",
        sorted(case_ids),
        why.sentence,
        json.dumps(decision([why], now)),
    )
    scheduled = await transaction.rows(
        "SELECT id, organization_id, case_id, case_step_id FROM reminder"
        " WHERE case_id = ANY($1) AND status = 'SCHEDULED' ORDER BY id FOR NO KEY UPDATE",
        sorted(case_ids),
    )
    await change_status(transaction, [canceled(row, why) for row in scheduled], now)


# A person has dealt with the case, or the money is there: nobody need look any more.
_CLOSE = """
UPDATE collection_case
SET state = 'CLOSED', closed_reason = $2, closed_note = $3, closed_at = $4, next_action_at = NULL,
    attention_reason = NULL, paused_at = NULL, paused_until = NULL, pause_reason = NULL
WHERE id = ANY($1)
"""
