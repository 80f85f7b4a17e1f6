"""Change when an organization's reminders may leave."""

from datetime import datetime

from dunlin.domain.choices import AuditAction, Permission, Weekday
from dunlin.domain.errors import Refusal
from dunlin.domain.rules.policy_input import PolicyEdit, check_policy
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import Organization
from dunlin.domain.viewer import Viewer


async def update_sending_policy(
    store: Store, viewer: Viewer, *, organization_id: int, edit: PolicyEdit, now: datetime
) -> Organization:
    """Return the organization with its new policy.

    What is scheduled is looked at anew and moves to a moment that the policy allows.

    Refuses with NOT_FOUND, INVALID, REQUIRED or WRONG_STATE (closed).
    """
    viewer.require(Permission.CONFIGURE)
    organization = await viewer.organization(organization_id, "organizationId")
    if problems := check_policy(edit):
        raise Refusal(problems)

    async def update(transaction: Transaction) -> Organization:
        await hold_integrations(transaction, organization.id)
        locked = await Organization.select_for_update(no_key=True).get(id=organization.id)
        before = _told(locked)
        await _change(locked, edit)
        # Each waits for the hours of its own customer, so all are looked at anew when they are claimed.
        await transaction.rows(
            "UPDATE reminder SET scheduled_for = $2 WHERE organization_id = $1 AND status = 'SCHEDULED'",
            organization.id,
            now,
        )
        transaction.reminders_due = True
        transaction.audit(
            viewer,
            AuditAction.SENDING_POLICY_UPDATED,
            ("Organization", locked.id),
            organization_id=locked.id,
            before=before,
            after=_told(locked),
        )
        return locked

    return await store.transact(update)


async def _change(organization: Organization, edit: PolicyEdit) -> None:
    organization.window_start, organization.window_end = edit.start, edit.end
    organization.window_days = [day.value for day in Weekday if day in edit.days]
    if edit.skip_holidays is not None:
        organization.skip_holidays = edit.skip_holidays
    if edit.minimum_gap_hours is not None:
        organization.minimum_gap_hours = edit.minimum_gap_hours
    if edit.maximum_per_week is not None:
        organization.maximum_per_week = edit.maximum_per_week
    await organization.save()


def _told(organization: Organization) -> dict[str, object]:
    return {
        "windowStart": organization.window_start,
        "windowEnd": organization.window_end,
        "days": organization.window_days,
        "skipHolidays": organization.skip_holidays,
        "minimumGapHours": organization.minimum_gap_hours,
        "maximumPerWeek": organization.maximum_per_week,
    }
