"""Close an organization: all that disconnecting does, for every integration, and its cases end."""

from datetime import datetime

from dunlin.domain.actions.disconnect_integration import disconnect_held
from dunlin.domain.actions.end_cases import end_cases
from dunlin.domain.actions.under_way import OF_FORMER_CONNECTIONS, until_nothing_is_under_way
from dunlin.domain.choices import AuditAction, CaseClosedReason, Permission
from dunlin.domain.errors import ProblemCode, refuse
from dunlin.domain.store import Store, Transaction, require_open
from dunlin.domain.tables import Integration, Organization
from dunlin.domain.viewer import Viewer

_NOTE = "The organization was closed."


async def close_organization(
    store: Store, viewer: Viewer, *, organization_id: int, confirmed: bool, now: datetime
) -> Organization:
    """Return the closed organization. It can be read as before; nothing goes out for it any more.

    Refuses with NOT_FOUND, CONFIRMATION_REQUIRED or WRONG_STATE (closed already); nothing is changed then.
    """
    viewer.require(Permission.ADMIN)
    found = await viewer.organization(organization_id, "organizationId")
    if not confirmed:
        message = (
            "Closing needs confirmed: true. It disconnects everything, ends every open case, and cannot be undone."
        )
        raise refuse(ProblemCode.CONFIRMATION_REQUIRED, message, "confirmed")

    async def close(transaction: Transaction) -> Organization:
        for integration in await Integration.filter(organization_id=found.id).order_by("id").select_for_update():
            if integration.connection_id is not None:
                await disconnect_held(transaction, viewer, integration, now)
        await require_open(transaction, found.id)
        organization = await Organization.select_for_update(no_key=True).get(id=found.id)
        ended = await _end_cases(transaction, found.id, now)
        organization.closed_at = now
        await organization.save(update_fields=["closed_at"])
        transaction.audit(
            viewer,
            AuditAction.ORGANIZATION_CLOSED,
            ("Organization", organization.id),
            organization_id=organization.id,
            after={"closedAt": now, "casesClosed": ended},
        )
        return organization

    try:
        return await store.transact(close)
    finally:  # also for who comes second, while the first one still waits
        await until_nothing_is_under_way(store, OF_FORMER_CONNECTIONS, found.id)


async def _end_cases(transaction: Transaction, organization_id: int, now: datetime) -> int:
    """Close every open case; return how many there were."""
    held = await transaction.rows(
        "SELECT id FROM collection_case WHERE organization_id = $1 AND state <> 'CLOSED' ORDER BY id FOR NO KEY UPDATE",
        organization_id,
    )
    await end_cases(transaction, [row["id"] for row in held], CaseClosedReason.MANUAL, _NOTE, now)
    return len(held)
