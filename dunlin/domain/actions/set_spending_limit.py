"""Set, change or remove what an organization may spend on texts a month."""

from datetime import datetime

from dunlin.domain.actions.spending import let_go, limit_of
from dunlin.domain.choices import AuditAction, IntegrationKind, Permission
from dunlin.domain.errors import ProblemCode, Refusal, refuse
from dunlin.domain.idempotency import Once, RowOf, by_key
from dunlin.domain.price_list import prices_of
from dunlin.domain.rules.price import Cost
from dunlin.domain.rules.spending import check_limit, written
from dunlin.domain.store import Store, Transaction, require_open
from dunlin.domain.tables import Integration, Organization
from dunlin.domain.viewer import Viewer


async def set_spending_limit(
    store: Store,
    viewer: Viewer,
    *,
    organization_id: int,
    limit: Cost | None,
    now: datetime,
    once: Once | None = None,
) -> Organization:
    """Return the organization. What waits for the limit is looked at again; None removes it.

    When this returns, nothing begins any more by the former limit. What was spent in the month before counts.

    Refuses with NOT_FOUND, INVALID (also for a currency that its texts are not billed in) or WRONG_STATE (closed).
    """
    viewer.require(Permission.CONFIGURE)
    organization = await viewer.organization(organization_id, "organizationId")
    if limit is not None and (problems := check_limit(limit)):
        raise Refusal(problems)

    async def change(transaction: Transaction) -> Organization:
        # Held FOR SHARE by whoever marks: they are through, or they will see this limit.
        integration = await Integration.select_for_update(no_key=True).get(
            organization_id=organization.id, kind=IntegrationKind.SMS
        )
        await require_open(transaction, organization.id)
        if limit is not None:
            await _require_billed_in(limit.currency, organization.id)
        before = limit_of({name: getattr(integration, name) for name in _COLUMNS})
        if before != limit:
            integration.spending_limit = limit.amount if limit else None
            integration.spending_limit_currency = limit.currency if limit else None
            await integration.save(update_fields=_COLUMNS)
            await let_go(transaction, organization.id, now)
            transaction.audit(
                viewer,
                AuditAction.SPENDING_LIMIT_SET,
                ("Organization", organization.id),
                organization_id=organization.id,
                before={"spendingLimit": before and written(before)},
                after={"spendingLimit": limit and written(limit)},
            )
        return await Organization.get(id=organization.id)

    content = {"organization": organization.id, "limit": limit and written(limit)}
    answer = RowOf(Organization)
    return await store.transact(by_key(viewer, organization.id, once, "setSpendingLimit", content, change, answer))


_COLUMNS = ("spending_limit", "spending_limit_currency")


async def _require_billed_in(currency: str, organization_id: int) -> None:
    """Refuse a limit that would stop every text; where no price is known, nobody knows."""
    billed = {listed.price.currency for listed in await prices_of([organization_id])}
    if billed and currency not in billed:
        message = f"Texts are billed in {', '.join(sorted(billed))}. Give the limit in that currency."
        raise refuse(ProblemCode.INVALID, message, "limit", "currency")
