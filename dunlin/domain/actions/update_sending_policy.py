"""Change when an organization's reminders may leave."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from dunlin.domain.choices import AuditAction, Permission, Weekday
from dunlin.domain.errors import Problem, ProblemCode, Refusal
from dunlin.domain.rules.schedule import SendWindow, next_opening
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import Organization
from dunlin.domain.viewer import Viewer

_START = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_END = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


async def update_sending_policy(
    store: Store, viewer: Viewer, *, organization_id: int, start: str, end: str, days: list[Weekday], now: datetime
) -> Organization:
    """Return the organization with its new window; what is scheduled moves to the next moment it allows.

    Refuses with NOT_FOUND, INVALID or REQUIRED.
    """
    viewer.require(Permission.CONFIGURE)
    organization = await viewer.organization(organization_id, "organizationId")
    if problems := _problems(start, end, days):
        raise Refusal(problems)
    opening = next_opening(now, SendWindow(start, end, frozenset(days)), ZoneInfo(organization.time_zone))

    async def update(transaction: Transaction) -> Organization:
        await hold_integrations(transaction, organization.id)
        locked = await Organization.select_for_update(no_key=True).get(id=organization.id)
        before = _told(locked)
        locked.window_start, locked.window_end = start, end
        locked.window_days = [day.value for day in Weekday if day in days]
        await locked.save(update_fields=["window_start", "window_end", "window_days"])
        await transaction.rows(
            "UPDATE reminder SET scheduled_for = $2 WHERE organization_id = $1 AND status = 'SCHEDULED'",
            organization.id,
            opening,
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


def _told(organization: Organization) -> dict[str, object]:
    return {
        "windowStart": organization.window_start,
        "windowEnd": organization.window_end,
        "days": organization.window_days,
    }


def _problems(start: str, end: str, days: list[Weekday]) -> list[Problem]:
    problems: list[Problem] = []
    if not _START.fullmatch(start):
        problems.append(Problem(ProblemCode.INVALID, "A window starts at 00:00 to 23:59.", ("windowStart",)))
    if not _END.fullmatch(end):
        problems.append(Problem(ProblemCode.INVALID, "A window ends at 00:01 to 24:00.", ("windowEnd",)))
    if not problems and start >= end:
        problems.append(Problem(ProblemCode.INVALID, "A window ends after its start.", ("windowEnd",)))
    if not days:
        problems.append(Problem(ProblemCode.REQUIRED, "A window needs at least one day.", ("days",)))
    return problems
