"""Change when an organization's reminders may leave."""

import re
from datetime import datetime
from typing import TypeVar

from dunlin.domain.choices import AuditAction, Permission, Weekday
from dunlin.domain.errors import Problem, ProblemCode, Refusal
from dunlin.domain.rules.caps import MAX_GAP_HOURS, MAX_PER_WEEK
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import Organization
from dunlin.domain.viewer import Viewer

T = TypeVar("T")

_START = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_END = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


async def update_sending_policy(
    store: Store,
    viewer: Viewer,
    *,
    organization_id: int,
    start: str,
    end: str,
    days: list[Weekday],
    skip_holidays: bool | None = None,
    minimum_gap_hours: int | None = None,
    maximum_per_week: int | None = None,
    now: datetime,
) -> Organization:
    """Return the organization with its new policy; None leaves a part as it is.

    What is scheduled is looked at anew and moves to a moment that the policy allows.

    Refuses with NOT_FOUND, INVALID or REQUIRED.
    """
    viewer.require(Permission.CONFIGURE)
    organization = await viewer.organization(organization_id, "organizationId")
    if problems := _problems(start, end, days) + _limit_problems(minimum_gap_hours, maximum_per_week):
        raise Refusal(problems)

    async def update(transaction: Transaction) -> Organization:
        await hold_integrations(transaction, organization.id)
        locked = await Organization.select_for_update(no_key=True).get(id=organization.id)
        before = _told(locked)
        locked.window_start, locked.window_end = start, end
        locked.window_days = [day.value for day in Weekday if day in days]
        locked.skip_holidays = _new(skip_holidays, locked.skip_holidays)
        locked.minimum_gap_hours = _new(minimum_gap_hours, locked.minimum_gap_hours)
        locked.maximum_per_week = _new(maximum_per_week, locked.maximum_per_week)
        await locked.save()
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


def _new(given: T | None, current: T) -> T:
    return current if given is None else given


def _told(organization: Organization) -> dict[str, object]:
    return {
        "windowStart": organization.window_start,
        "windowEnd": organization.window_end,
        "days": organization.window_days,
        "skipHolidays": organization.skip_holidays,
        "minimumGapHours": organization.minimum_gap_hours,
        "maximumPerWeek": organization.maximum_per_week,
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


def _limit_problems(minimum_gap_hours: int | None, maximum_per_week: int | None) -> list[Problem]:
    problems: list[Problem] = []
    if minimum_gap_hours is not None and not 0 <= minimum_gap_hours <= MAX_GAP_HOURS:
        message = f"The gap is 0 (none) to {MAX_GAP_HOURS} hours."
        problems.append(Problem(ProblemCode.INVALID, message, ("minimumGapHours",)))
    if maximum_per_week is not None and not 0 <= maximum_per_week <= MAX_PER_WEEK:
        message = f"The most a week is 1 to {MAX_PER_WEEK}, or 0 for no limit."
        problems.append(Problem(ProblemCode.INVALID, message, ("maximumPerWeek",)))
    return problems
