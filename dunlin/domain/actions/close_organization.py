"""Close an organization: all that disconnecting does, for every integration, and its cases end."""

import json
from datetime import datetime

from dunlin.domain.actions.disconnect_integration import disconnect_held
from dunlin.domain.actions.under_way import OF_FORMER_CONNECTIONS, until_nothing_is_under_way
from dunlin.domain.choices import AuditAction, Check, Permission
from dunlin.domain.errors import ProblemCode, refuse
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.trace import decision
from dunlin.domain.store import Store, Transaction, require_open
from dunlin.domain.tables import Integration, Organization
from dunlin.domain.viewer import Viewer

_REASON = "The organization was closed."


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
        await until_nothing_is_under_way(OF_FORMER_CONNECTIONS, found.id)


async def _end_cases(transaction: Transaction, organization_id: int, now: datetime) -> int:
    """Close every open case; return how many there were. Nothing is scheduled any more: all is disconnected."""
    closed = await transaction.rows(
        "UPDATE collection_case SET state = 'CLOSED', closed_reason = 'MANUAL', closed_note = $2, closed_at = $3,"
        " next_action_at = NULL, paused_at = NULL, paused_until = NULL, pause_reason = NULL"
        " WHERE organization_id = $1 AND state <> 'CLOSED' RETURNING id",
        organization_id,
        _REASON,
        now,
    )
    await transaction.rows(
        "UPDATE case_step SET state = 'SKIPPED', skipped_reason = $2,"
        " trace = coalesce(trace, '[]') || jsonb_build_array($3::text::jsonb)"
        " WHERE organization_id = $1 AND state = 'PENDING'",
        organization_id,
        _REASON,
        json.dumps(decision([failed(Check.CASE, _REASON)], now)),
    )
    return len(closed)
