"""The one place where a reminder's status is changed, with everything that follows from it."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dunlin.domain.actions.complete_cases import MAY_END, complete_held
from dunlin.domain.carrier import Fault
from dunlin.domain.choices import Check
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.finding import Finding, failed
from dunlin.domain.rules.trace import decision
from dunlin.domain.store import Change, Transaction

_FINAL = {
    ReminderStatus.DELIVERED,
    ReminderStatus.UNDELIVERED,
    ReminderStatus.FAILED,
    ReminderStatus.CANCELED,
}
_NEEDS_PERSON = {ReminderStatus.UNDELIVERED, ReminderStatus.FAILED}
_ARRIVING = {ReminderStatus.SENT, ReminderStatus.DELIVERED}
# Of a step `s` whose reminder is canceled: that it was not sent before, and is canceled as sent again only.
SENT_NOTHING = (
    "NOT EXISTS (SELECT 1 FROM reminder other WHERE other.case_step_id = s.id AND other.status <> 'CANCELED')"
)
_ATTENTION = "A reminder may not have arrived: "


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A reminder's next status. The caller holds the reminder's row locked and has checked the way.

    `scheduled_for` moves a reminder that goes again; `lease` is how long the holder of a SENDING one has; `fault` is
    what a failure is about; without `needs_person` nobody is asked to look, because something else is done about it;
    `is_last_word` where nothing more will be heard, though more could be; `provider_message_id` is the carrier's, where
    it is news.
    """

    organization_id: int
    case_id: int
    case_step_id: int
    reminder_id: int
    status: ReminderStatus
    reason: str | None = None
    error_code: int | None = None
    scheduled_for: datetime | None = None
    lease: timedelta | None = None
    burned_tries: int = 0
    findings: tuple[Finding, ...] = ()  # with CANCELED: of the checks that said so; none where a person did
    fault: Fault | None = None
    needs_person: bool = True
    is_last_word: bool = False
    provider_message_id: str | None = None


def canceled(row: Mapping[str, Any], why: Finding) -> StatusChange:
    """Return the end of a reminder that a check forbids; `row` is of the table, as far as it says whose it is."""
    return change_of(row, ReminderStatus.CANCELED, why.sentence, findings=(why,))


def change_of(
    row: Mapping[str, Any],
    status: ReminderStatus,
    reason: str | None = None,
    error_code: int | None = None,
    *,
    scheduled_for: datetime | None = None,
    lease: timedelta | None = None,
    burned_tries: int = 0,
    findings: tuple[Finding, ...] = (),
    fault: Fault | None = None,
    is_last_word: bool = False,
    provider_message_id: str | None = None,
) -> StatusChange:
    """Return a change of the reminder in `row`, which is of the table as far as it says whose it is."""
    return StatusChange(
        organization_id=row["organization_id"],
        case_id=row["case_id"],
        case_step_id=row["case_step_id"],
        reminder_id=row["id"],
        status=status,
        reason=reason,
        error_code=error_code,
        scheduled_for=scheduled_for,
        lease=lease,
        burned_tries=burned_tries,
        findings=findings,
        fault=fault,
        is_last_word=is_last_word,
        provider_message_id=provider_message_id,
    )


async def change_status(transaction: Transaction, changes: Sequence[StatusChange], now: datetime) -> None:
    """Store the changes and append their events. A reminder may stand twice: the last status remains."""
    if not changes:
        return
    last = {change.reminder_id: change for change in changes}.values()
    await transaction.rows(
        _UPDATE,
        *zip(*(_columns(change) for change in last), strict=True),
        now,
        transaction.times.look_ups[0],
        transaction.times.polls[0],
    )
    transaction.record([_event(change, now) for change in changes])
    await _explain_steps(transaction, [one for one in last if one.status is ReminderStatus.CANCELED], now)
    await _ask_for_attention(transaction, [one for one in last if one.status in _NEEDS_PERSON and one.needs_person])
    await _close_matters(
        transaction,
        arrived={one.case_id for one in last if one.status in _ARRIVING},
        ended={one.case_id for one in last if one.status in _FINAL or one.is_last_word},
        now=now,
    )


def _columns(change: StatusChange) -> tuple[object, ...]:
    return (
        change.reminder_id,
        change.status.value,
        change.reason,
        change.error_code,
        change.scheduled_for,
        change.lease,
        change.burned_tries,
        change.fault,
        change.provider_message_id,
    )


_UPDATE = """
UPDATE reminder r
SET status = t.status, status_reason = t.reason, error_code = t.error_code, fault = t.fault,
    tries = r.tries + t.burned_tries,
    scheduled_for = coalesce(t.scheduled_for, r.scheduled_for), lease_until = clock_timestamp() + t.lease,
    provider_message_id = coalesce(t.provider_message_id, r.provider_message_id),
    handed_over_at = CASE WHEN t.status = 'SENDING' THEN $10 ELSE r.handed_over_at END,
    sent_at = CASE WHEN t.status IN ('SENT', 'DELIVERED', 'UNDELIVERED') THEN coalesce(r.sent_at, $10)
                   ELSE r.sent_at END,
    delivered_at = CASE WHEN t.status = 'DELIVERED' THEN $10 ELSE r.delivered_at END,
    check_at = clock_timestamp()
      + CASE WHEN t.status = 'UNCONFIRMED' THEN $11::interval
             WHEN t.status = 'SENT' AND r.method = 'SMS' THEN $12::interval END,  -- no mail server can be asked
    checks = 0, absent_at = NULL
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::interval[], $7::int[],
            $8::text[], $9::text[])
  AS t(id, status, reason, error_code, scheduled_for, lease, burned_tries, fault, provider_message_id)
WHERE r.id = t.id
"""


def _event(change: StatusChange, now: datetime) -> Change:
    return Change(
        change.organization_id,
        change.case_id,
        change.reminder_id,
        change.status,
        now,
        change.reason,
        change.error_code,
    )


async def _explain_steps(transaction: Transaction, canceled: Sequence[StatusChange], now: datetime) -> None:
    if canceled:
        await transaction.rows(
            "UPDATE case_step s SET state = 'SKIPPED', skipped_reason = t.reason,"
            " trace = coalesce(s.trace, '[]') || jsonb_build_array(t.decision::jsonb)"
            " FROM unnest($1::bigint[], $2::text[], $3::text[]) AS t(id, reason, decision)"
            f" WHERE s.id = t.id AND {SENT_NOTHING}",
            [change.case_step_id for change in canceled],
            [change.reason for change in canceled],
            [json.dumps(decision(change.findings or _of_the_case(change), now)) for change in canceled],
        )


def _of_the_case(change: StatusChange) -> tuple[Finding, ...]:
    return (failed(Check.CASE, change.reason or "The reminder was canceled."),)


async def _ask_for_attention(transaction: Transaction, failed: Sequence[StatusChange]) -> None:
    if failed:
        await transaction.rows(
            "UPDATE collection_case c SET attention_reason = t.reason"
            " FROM unnest($1::bigint[], $2::text[]) AS t(id, reason)"
            " WHERE c.id = t.id AND (c.state <> 'CLOSED' OR c.closed_reason = 'COMPLETED')",
            [change.case_id for change in failed],
            [_ATTENTION + (change.reason or "the carrier gives no reason.") for change in failed],
        )


async def ask_about(transaction: Transaction, case_id: int, reason: str) -> None:
    """Ask a person to look at a case because of a reminder of its, unless they are asked about something else."""
    await transaction.rows(
        "UPDATE collection_case SET attention_reason = $2 WHERE id = $1 AND state <> 'CLOSED'"
        " AND (attention_reason IS NULL OR starts_with(attention_reason, $3))",
        case_id,
        _ATTENTION + reason,
        _ATTENTION,
    )


async def _close_matters(
    transaction: Transaction, *, arrived: Collection[int], ended: Collection[int], now: datetime
) -> None:
    """Take back the calls in cases whose reminders have arrived, and complete those that have come to their end."""
    if not arrived and not ended:
        return
    held = await transaction.rows(_HOLD_CASES, sorted(arrived), _ATTENTION, sorted(ended))
    await take_back_call(transaction, [row["id"] for row in held if row["is_called"]])
    await complete_held(transaction, [row["id"] for row in held if row["may_end"]], now)


# By their ids: with an empty list, half of an OR fits any partial index, and was seen to go by that of paused cases.
_HOLD_CASES = f"""
SELECT id, id = ANY($1) AND coalesce(starts_with(attention_reason, $2), false) AS is_called,
       id = ANY($3) AND {MAY_END} AS may_end
FROM collection_case
WHERE id = ANY($1 || $3) AND (id = ANY($1) AND starts_with(attention_reason, $2) OR id = ANY($3) AND {MAY_END})
ORDER BY id FOR NO KEY UPDATE
"""


async def take_back_call(transaction: Transaction, case_ids: Sequence[int]) -> None:
    """Take back the call for a person about a reminder that may not have arrived: it did, or it goes again."""
    if case_ids:
        await transaction.rows(
            "UPDATE collection_case SET attention_reason = NULL"
            " WHERE id = ANY($1) AND starts_with(attention_reason, $2)",
            case_ids,
            _ATTENTION,
        )
