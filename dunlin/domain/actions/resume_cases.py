"""Resume paused cases: one by a person's decision, or all whose pause has come to its end."""

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from dunlin.domain.actions.case_calendar import Delay, delay_steps, point_to_next_step
from dunlin.domain.actions.complete_cases import complete_cases
from dunlin.domain.actions.hold_due import hold_due
from dunlin.domain.choices import AuditAction, CaseState, Permission
from dunlin.domain.errors import ProblemCode, not_found, refuse
from dunlin.domain.idempotency import Once, RowOf, by_key
from dunlin.domain.rules.schedule import days_late
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCase
from dunlin.domain.viewer import Viewer


async def resume_case(
    store: Store, viewer: Viewer, *, case_id: int, now: datetime, once: Once | None = None
) -> CollectionCase:
    """Return the case, which runs again. Refuses with NOT_FOUND, CASE_CLOSED or WRONG_STATE (not paused)."""
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(CollectionCase.filter(id=case_id)).first()
    if found is None:
        raise not_found("collection case", "caseId")

    async def resume(transaction: Transaction) -> CollectionCase:
        await hold_integrations(transaction, found.organization_id)
        case = await CollectionCase.select_for_update(no_key=True).get(id=found.id)
        if case.state is CaseState.CLOSED:
            raise refuse(ProblemCode.CASE_CLOSED, "The case is closed.", "caseId")
        if case.state is not CaseState.PAUSED:
            raise refuse(ProblemCode.WRONG_STATE, "The case is ACTIVE: only a PAUSED one can be resumed.", "caseId")
        await _resume(transaction, [case.id], now)
        resumed = await CollectionCase.get(id=case.id)
        transaction.audit(
            viewer,
            AuditAction.CASE_RESUMED,
            ("CollectionCase", case.id),
            organization_id=case.organization_id,
            before={"state": case.state, "pauseReason": case.pause_reason, "pausedUntil": case.paused_until},
            after={"state": resumed.state},
        )
        return resumed

    content, answer = {"case": found.id}, RowOf(CollectionCase)
    return await store.transact(by_key(viewer, found.organization_id, once, "resumeCase", content, resume, answer))


async def resume_cases(store: Store, now: datetime, *, limit: int = 500) -> int:
    """Resume at most `limit` cases that were paused until today or earlier; return how many."""

    async def resume(transaction: Transaction) -> int:
        organizations = await hold_due(transaction, _DUE_ORGANIZATIONS, now, limit)
        due = [row["id"] for row in await transaction.rows(_LOCK_DUE, organizations, now, limit)]
        if due:
            await _resume(transaction, due, now)
        return len(due)

    return await store.transact(resume)


async def _resume(transaction: Transaction, case_ids: Collection[int], now: datetime) -> None:
    """Let paused cases run again. What was held back goes first; the steps behind it keep their distance.

    Steps that fell due in the pause need no more: when the first one is planned, the later ones move by as many days.
    """
    held = await transaction.rows(_RELEASE_REMINDERS, sorted(case_ids), now)
    await delay_steps(
        transaction,
        [
            Delay(row["case_id"], 0, days)
            for row in held
            if (days := days_late(row["scheduled_for"], now, ZoneInfo(row["time_zone"])))
        ],
    )
    await transaction.rows(
        "UPDATE collection_case SET state = 'ACTIVE', paused_at = NULL, paused_until = NULL, pause_reason = NULL,"
        # Who was asked to look has looked.
        " attention_reason = CASE WHEN attention_reason = pause_reason THEN NULL ELSE attention_reason END"
        " WHERE id = ANY($1)",
        sorted(case_ids),
    )
    await point_to_next_step(transaction, case_ids)
    await complete_cases(transaction, case_ids, now)  # the last reminder may have arrived in the pause
    transaction.plans_due = True
    transaction.reminders_due = True


# The first condition is for the index: no place on earth is more than a day ahead of UTC.
_DUE = """
FROM collection_case c JOIN organization o ON o.id = c.organization_id
WHERE c.state = 'PAUSED' AND c.paused_until <= ($2::timestamptz AT TIME ZONE 'UTC')::date + 1
  AND c.paused_until <= ($2::timestamptz AT TIME ZONE o.time_zone)::date
"""

_DUE_ORGANIZATIONS = f"SELECT c.organization_id {_DUE} AND c.organization_id <> ALL($1) ORDER BY c.id LIMIT $3"

_LOCK_DUE = f"""
SELECT c.id {_DUE} AND c.organization_id = ANY($1) ORDER BY c.id LIMIT $3 FOR NO KEY UPDATE OF c SKIP LOCKED
"""

# Whoever tried to send them in the pause has put them back for a while.
_RELEASE_REMINDERS = """
WITH released AS (
  UPDATE reminder SET lease_until = NULL, status_reason = CASE WHEN scheduled_for > $2 THEN status_reason END
  WHERE case_id = ANY($1) AND status = 'SCHEDULED'
  RETURNING case_id, organization_id, scheduled_for
)
SELECT r.case_id, min(r.scheduled_for) AS scheduled_for, o.time_zone
FROM released r JOIN organization o ON o.id = r.organization_id GROUP BY r.case_id, o.time_zone
"""
