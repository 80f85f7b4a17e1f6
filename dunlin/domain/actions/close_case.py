"""Close one case by a person's decision."""

from datetime import datetime

from dunlin.domain.actions.end_cases import end_cases
from dunlin.domain.actions.under_way import OF_CASES, until_nothing_is_under_way
from dunlin.domain.choices import AuditAction, CaseClosedReason, CaseState, Permission
from dunlin.domain.errors import ProblemCode, Refusal, not_found, refuse
from dunlin.domain.rules.remark import check_remark, remark_of
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCase
from dunlin.domain.viewer import Viewer


async def close_case(
    store: Store, viewer: Viewer, *, case_id: int, reason: str | None, now: datetime
) -> CollectionCase:
    """Return the closed case. When this returns, nothing more goes out for it.

    Refuses with NOT_FOUND, INVALID or CASE_CLOSED; nothing is changed then.
    """
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(CollectionCase.filter(id=case_id)).first()
    if found is None:
        raise not_found("collection case", "caseId")
    if problems := check_remark(reason, "reason"):
        raise Refusal(problems)

    async def close(transaction: Transaction) -> CollectionCase:
        await hold_integrations(transaction, found.organization_id)
        case = await CollectionCase.select_for_update(no_key=True).get(id=found.id)
        if case.state is CaseState.CLOSED:
            raise refuse(ProblemCode.CASE_CLOSED, "The case is closed already.", "caseId")
        await end_cases(transaction, [case.id], CaseClosedReason.MANUAL, remark_of(reason), now)
        closed = await CollectionCase.get(id=case.id)
        transaction.audit(
            viewer,
            AuditAction.CASE_CLOSED,
            ("CollectionCase", case.id),
            organization_id=case.organization_id,
            before={"state": case.state},
            after={"state": closed.state, "closedReason": closed.closed_reason, "closedNote": closed.closed_note},
        )
        return closed

    try:
        return await store.transact(close)
    finally:  # also for who comes second, while the first one still waits
        await until_nothing_is_under_way(store, OF_CASES, [found.id])
