"""Choose an organization's own reaction to a return reason. It counts for cases that are opened from then on."""

from dunlin.domain.choices import AuditAction, Permission, ReturnReaction
from dunlin.domain.errors import Refusal
from dunlin.domain.rules.return_reason import check_choice
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import Organization, ReturnReasonChoice
from dunlin.domain.viewer import Viewer


async def set_return_reason(
    store: Store, viewer: Viewer, *, organization_id: int, code: str, reaction: ReturnReaction | None
) -> Organization:
    """Return the organization. Without a `reaction` the table's counts again. Refuses with NOT_FOUND or INVALID."""
    viewer.require(Permission.CONFIGURE)
    organization = await viewer.organization(organization_id, "organizationId")
    if problems := check_choice(code):
        raise Refusal(problems)

    async def choose(transaction: Transaction) -> Organization:
        await hold_integrations(transaction, organization.id)
        locked = await Organization.select_for_update(no_key=True).get(id=organization.id)
        existing = await ReturnReasonChoice.get_or_none(organization_id=locked.id, code=code)
        before = existing.reaction if existing else None
        if before is reaction:
            return locked
        if existing is not None:
            await existing.delete()
        if reaction is not None:
            await ReturnReasonChoice.create(organization_id=locked.id, code=code, reaction=reaction)
        transaction.audit(
            viewer,
            AuditAction.RETURN_REASON_SET,
            ("Organization", locked.id),
            organization_id=locked.id,
            before={code: before},
            after={code: reaction},
        )
        return locked

    return await store.transact(choose)
