"""Disconnect an integration: at once, whole, and reported done only when nothing more goes out."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dunlin.domain.actions.change_status import SENT_NOTHING
from dunlin.domain.actions.complete_cases import complete_cases
from dunlin.domain.actions.under_way import OF_FORMER_CONNECTIONS, until_nothing_is_under_way
from dunlin.domain.choices import AuditAction, Check, IntegrationKind, IntegrationStatus, Permission
from dunlin.domain.errors import ProblemCode, refuse
from dunlin.domain.idempotency import once, request_of
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.impact import Impact
from dunlin.domain.rules.recipient import words_of
from dunlin.domain.rules.trace import decision
from dunlin.domain.store import Change, Store, Transaction, rows
from dunlin.domain.tables import Connection, Integration
from dunlin.domain.viewer import Viewer


async def impacts_of(integration_ids: Collection[int]) -> dict[int, Impact]:
    """Return what disconnecting each of these integrations now would do."""
    return {
        row["id"]: Impact(
            row["connection_id"],
            row["steps"],
            row["cases"],
            row["reminders"],
            row["under_way"],
            IntegrationKind(row["kind"]),
        )
        for row in await rows(_FIGURES, list(integration_ids))
    }


async def disconnect_integration(
    store: Store,
    viewer: Viewer,
    *,
    organization_id: int,
    kind: IntegrationKind,
    confirmed: bool,
    impact_token: str | None,
    now: datetime,
    idempotency_key: str | None = None,
) -> tuple[Integration, Impact]:
    """Return the integration and what has really been changed.

    Refuses with NOT_FOUND, CONFIRMATION_REQUIRED, NOT_CONNECTED, IMPACT_CHANGED or IDEMPOTENCY_KEY_REUSED; nothing is
    changed then.
    """
    viewer.require(Permission.CONFIGURE)
    organization = await viewer.organization(organization_id, "organizationId")
    if not confirmed:
        raise refuse(
            ProblemCode.CONFIRMATION_REQUIRED,
            "Disconnecting needs confirmed: true. Read disconnectImpact first: what it says cannot be undone.",
            "confirmed",
        )

    content = {"organization": organization.id, "kind": kind, "impactToken": impact_token}
    request = request_of(viewer, organization.id, idempotency_key, "disconnectIntegration", content)

    async def disconnect(transaction: Transaction) -> tuple[Integration, Impact]:
        return await once(transaction, request, now, lambda: work(transaction), _Disconnected())

    async def work(transaction: Transaction) -> tuple[Integration, Impact]:
        integration = await Integration.select_for_update().get(organization_id=organization.id, kind=kind)
        if integration.connection_id is None:
            raise refuse(ProblemCode.NOT_CONNECTED, f"{words_of(kind).name} is not connected.", "kind")
        if impact_token is not None:
            await _require_current(integration, impact_token)
        return integration, await disconnect_held(transaction, viewer, integration, now)

    try:
        return await store.transact(disconnect)
    finally:  # also for who comes second, while the first one still waits
        await until_nothing_is_under_way(store, OF_FORMER_CONNECTIONS, organization.id)


class _Disconnected:
    def keep(self, result: tuple[Integration, Impact]) -> Mapping[str, Any]:
        integration, impact = result
        return {"integration": integration.id, "impact": asdict(impact)}

    async def recall(self, kept: Mapping[str, Any]) -> tuple[Integration, Impact]:
        return await Integration.get(id=kept["integration"]), Impact(
            **{**kept["impact"], "kind": IntegrationKind(kept["impact"].get("kind", "SMS"))}
        )


async def disconnect_held(transaction: Transaction, viewer: Viewer, integration: Integration, now: datetime) -> Impact:
    """Disconnect an integration that is connected and locked; return what has been changed."""
    connection = await Connection.get(id=integration.connection_id)
    status = integration.status
    impact = await _reset(transaction, integration, now)
    await Connection.filter(integration_id=integration.id, disconnected_at=None).update(disconnected_at=now)
    integration.status = IntegrationStatus.DISCONNECTED
    integration.connection_id = None
    integration.disconnected_at = now
    integration.attention_reason = None
    integration.held_until = None
    integration.held_reason = None
    await integration.save()
    transaction.audit(
        viewer,
        AuditAction.INTEGRATION_DISCONNECTED,
        ("Integration", integration.id),
        organization_id=integration.organization_id,
        before={"status": status, "provider": connection.provider, "sender": connection.sender},
        after={
            "status": integration.status,
            "stepsReset": impact.steps,
            "casesReset": impact.cases,
            "remindersCanceled": impact.reminders,
        },
    )
    return impact


async def _require_current(integration: Integration, impact_token: str) -> None:
    fresh = (await impacts_of([integration.id]))[integration.id]
    if fresh.token != impact_token:
        raise refuse(
            ProblemCode.IMPACT_CHANGED,
            f"The figures have changed: now {fresh.steps} steps, {fresh.cases} open cases and "
            f"{fresh.reminders} scheduled reminders. Show disconnectImpact again before confirming.",
            "impactToken",
        )


async def _reset(transaction: Transaction, integration: Integration, now: datetime) -> Impact:
    """Set steps and pending case steps to NONE and cancel what is scheduled; return the figures."""
    method, organization_id = integration.kind.value, integration.organization_id
    reason = f"{words_of(integration.kind).name} was disconnected."
    steps = await transaction.rows(
        "UPDATE collection_step SET communication_method = 'NONE', version = version + 1"
        " WHERE organization_id = $1 AND communication_method = $2 RETURNING id",
        organization_id,
        method,
    )
    cases = await transaction.rows(
        "WITH reset AS (UPDATE case_step SET communication_method = 'NONE', skipped_reason = $3"
        " WHERE organization_id = $1 AND communication_method = $2 AND state = 'PENDING' RETURNING case_id)"
        " SELECT count(DISTINCT case_id) AS n FROM reset",
        organization_id,
        method,
        reason,
    )
    canceled = await transaction.rows(
        "UPDATE reminder SET status = 'CANCELED', status_reason = $2, fence = fence + 1, lease_until = NULL"
        " WHERE integration_id = $1 AND status = 'SCHEDULED' RETURNING id, case_id, case_step_id",
        integration.id,
        reason,
    )
    await transaction.rows(
        "UPDATE case_step s SET state = 'SKIPPED', skipped_reason = $2,"
        f" trace = coalesce(trace, '[]') || jsonb_build_array($3::text::jsonb) WHERE id = ANY($1) AND {SENT_NOTHING}",
        [row["case_step_id"] for row in canceled],
        reason,
        json.dumps(decision([failed(Check.INTEGRATION, reason)], now)),
    )
    transaction.record(
        [Change(organization_id, row["case_id"], row["id"], ReminderStatus.CANCELED, now, reason) for row in canceled]
    )
    await complete_cases(transaction, {row["case_id"] for row in canceled}, now)
    (sending,) = await transaction.rows(
        "SELECT count(*) AS n FROM reminder WHERE integration_id = $1 AND status = 'SENDING'", integration.id
    )
    return Impact(integration.connection_id, len(steps), cases[0]["n"], len(canceled), sending["n"], integration.kind)


_FIGURES = """
SELECT i.id, i.connection_id, i.kind,
  (SELECT count(*) FROM collection_step s
   WHERE s.organization_id = i.organization_id AND s.communication_method = i.kind) AS steps,
  (SELECT count(DISTINCT s.case_id) FROM case_step s
   WHERE s.organization_id = i.organization_id AND s.communication_method = i.kind AND s.state = 'PENDING') AS cases,
  (SELECT count(*) FROM reminder r WHERE r.integration_id = i.id AND r.status = 'SCHEDULED') AS reminders,
  (SELECT count(*) FROM reminder r WHERE r.integration_id = i.id AND r.status = 'SENDING') AS under_way
FROM integration i WHERE i.id = ANY($1)
"""
