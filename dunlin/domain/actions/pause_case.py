"""Pause one case: it keeps its schedule, and nothing goes out."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from dunlin.domain.actions.under_way import OF_CASES, until_nothing_is_under_way
from dunlin.domain.choices import AuditAction, CaseState, Permission
from dunlin.domain.errors import Problem, ProblemCode, Refusal, not_found, refuse
from dunlin.domain.rules.remark import check_remark, remark_of
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCase, Organization
from dunlin.domain.viewer import Viewer

LAST_YEAR = 2100
_CHANGED = ["state", "next_action_at", "attention_reason", "paused_at", "pause_reason", "paused_until"]


async def pause_case(
    store: Store, viewer: Viewer, *, case_id: int, reason: str | None, until: date | None, now: datetime
) -> CollectionCase:
    """Return the paused case; it resumes by itself on the day `until` of its organization. Then nothing is under way.

    A case that is paused gets the new reason and day. Refuses with NOT_FOUND, INVALID or CASE_CLOSED.
    """
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(CollectionCase.filter(id=case_id)).first()
    if found is None:
        raise not_found("collection case", "caseId")
    organization = await Organization.get(id=found.organization_id)
    today = now.astimezone(ZoneInfo(organization.time_zone)).date()
    if problems := check_remark(reason, "reason") + _check_until(until, today):
        raise Refusal(problems)

    async def pause(transaction: Transaction) -> CollectionCase:
        await hold_integrations(transaction, found.organization_id)
        case = await CollectionCase.select_for_update(no_key=True).get(id=found.id)
        if case.state is CaseState.CLOSED:
            raise refuse(ProblemCode.CASE_CLOSED, "The case is closed.", "caseId")
        before = _told(case)
        if case.attention_reason == case.pause_reason:
            case.attention_reason = None  # who was asked to look has looked
        if case.state is CaseState.ACTIVE:
            case.paused_at = now
        case.state = CaseState.PAUSED
        case.next_action_at = None
        case.pause_reason = remark_of(reason)
        case.paused_until = until
        await case.save(update_fields=_CHANGED)
        transaction.audit(
            viewer,
            AuditAction.CASE_PAUSED,
            ("CollectionCase", case.id),
            organization_id=case.organization_id,
            before=before,
            after=_told(case),
        )
        return case

    try:
        return await store.transact(pause)
    finally:
        await until_nothing_is_under_way(store, OF_CASES, [found.id])


def _told(case: CollectionCase) -> dict[str, object]:
    """Return what the audit trail is told of a case that is paused."""
    return {"state": case.state, "pauseReason": case.pause_reason, "pausedUntil": case.paused_until}


def _check_until(until: date | None, today: date) -> list[Problem]:
    if until is None or (today < until and until.year <= LAST_YEAR):
        return []
    message = f"A case resumes on a day after today, {today}, and not after {LAST_YEAR}."
    return [Problem(ProblemCode.INVALID, message, ("until",))]
