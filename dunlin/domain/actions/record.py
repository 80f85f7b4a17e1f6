"""Record what a carrier says: its answers to our calls, and its status reports."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dunlin.domain.actions.attempt import Attempt
from dunlin.domain.actions.change_status import StatusChange, change_status
from dunlin.domain.actions.follow_up import Failed, block_or_hold, follow_up, take_back
from dunlin.domain.actions.phone_state import hold_organizations, hold_recipients
from dunlin.domain.actions.spending import settle
from dunlin.domain.carrier import Absent, Accepted, Answer, Fault, Refused, StatusReport
from dunlin.domain.choices import CaseClosedReason, Check, Settlement
from dunlin.domain.reminder_status import ReminderStatus, moves_forward
from dunlin.domain.rules.closing import why_closed
from dunlin.domain.rules.consequence import Consequence, consequence_of
from dunlin.domain.rules.finding import Finding, failed
from dunlin.domain.rules.outcome import Outcome, outcome_of, outcome_of_report
from dunlin.domain.store import Store, Transaction, rows

_log = logging.getLogger(__name__)


async def record_answers(
    store: Store,
    answers: Sequence[tuple[Attempt, Answer | Absent]],
    now: datetime,
    *,
    patience: timedelta | None = None,
) -> None:
    """Store what the carrier answered, many answers in one commit.

    That a message exists is a fact and is always stored. Everything else counts only for the attempt that is
    still the reminder's current one. With `patience`, raise `Busy` instead of waiting longer than that for others.
    """

    async def record(transaction: Transaction) -> None:
        refused = [(attempt, answer) for attempt, answer in answers if not isinstance(answer, Accepted)]
        await _hold_what_follows(transaction, refused)
        unwanted = await _no_longer_wanted(transaction, [attempt for attempt, _ in refused])
        held = {row["id"]: row for row in await transaction.rows(_HOLD_REMINDERS, _ids(answers))}
        outcomes = [
            (
                attempt,
                answer,
                outcome_of(answer, tries=held[attempt.reminder_id]["tries"], jitter=random.random()),
            )
            for attempt, answer in answers
        ]
        await _close_attempts(transaction, answers)
        changes: list[StatusChange] = []
        failures: list[Failed] = []
        for attempt, answer, outcome in outcomes:
            row = held[attempt.reminder_id]
            if isinstance(answer, Accepted):
                changes += _accepted(row)
            elif row["fence"] == attempt.fence and row["status"] in _OPEN:
                settled = _settled(row, outcome, unwanted=unwanted.get(row["id"]), now=now)
                if outcome.status is ReminderStatus.FAILED and outcome.fault is not None:
                    failures += [Failed(change, outcome) for change in settled]
                else:
                    changes += settled
            await block_or_hold(transaction, attempt.connection_id, outcome, now)
        followed = await follow_up(transaction, failures, now)
        await change_status(transaction, changes + followed.changes, now)
        transaction.record(followed.events)
        await settle(transaction, _ids(answers), now)

    if answers:
        await store.transact(record, patience=patience)


_OPEN = {ReminderStatus.SENDING, ReminderStatus.UNCONFIRMED}


def _ids(answers: Sequence[tuple[Attempt, Answer | Absent]]) -> list[int]:
    return [attempt.reminder_id for attempt, _ in answers]


async def _hold_what_follows(transaction: Transaction, refused: Sequence[tuple[Attempt, Answer | Absent]]) -> None:
    """Lock, before the reminders, what answers that are no acceptance may lead to."""
    if not refused:
        return
    lock = "FOR UPDATE" if any(_blames_account(answer) for _, answer in refused) else "FOR SHARE"
    await transaction.rows(f"{_INTEGRATIONS} {lock}", _ids(refused))
    # Or a case could be opened for a number between our looking at its cases and our marking it.
    await hold_organizations(
        transaction, {attempt.organization_id for attempt, answer in refused if isinstance(answer, Refused)}
    )
    await hold_recipients(transaction, _ids(refused))


async def _no_longer_wanted(transaction: Transaction, attempts: Sequence[Attempt]) -> dict[int, Finding]:
    """Return the reminders that must not go again, and why. Their integrations and cases are held.

    A disconnect or the end of a case leaves SENDING rows to us, so we ask here: not whether something is connected
    now, but whether nothing was disconnected since the attempt began, and whether the case is still open.
    """
    if not attempts:
        return {}
    closed = {
        row["reminder_id"]: failed(Check.CASE, why_closed(CaseClosedReason(row["closed_reason"]), row["closed_note"]))
        for row in await transaction.rows(_CLOSED_CASES, [attempt.reminder_id for attempt in attempts])
    }
    disconnected = await transaction.rows(_DISCONNECTED, [attempt.correlation for attempt in attempts])
    return closed | {
        row["reminder_id"]: failed(Check.INTEGRATION, f"{row['kind']} was disconnected.") for row in disconnected
    }


def _blames_account(answer: Answer | Absent) -> bool:
    return isinstance(answer, Refused) and _touches_account(consequence_of(answer.fault))


def _touches_account(consequence: Consequence) -> bool:
    return consequence.blocks or consequence.holds


def _accepted(row: dict[str, Any]) -> list[StatusChange]:
    if not moves_forward(ReminderStatus(row["status"]), ReminderStatus.SENT):
        return []  # a callback was faster than the answer
    return [_change(row, ReminderStatus.SENT)]


def _settled(row: dict[str, Any], outcome: Outcome, *, unwanted: Finding | None, now: datetime) -> list[StatusChange]:
    if outcome.status == row["status"]:
        return []
    again = now + outcome.wait if outcome.wait is not None else None
    settled = _change(
        row,
        outcome.status,
        outcome.reason,
        outcome.error_code,
        scheduled_for=again,
        burned_tries=int(outcome.burns_try),
        fault=outcome.fault,
    )
    if outcome.status is not ReminderStatus.SCHEDULED:
        return [settled]
    if unwanted is not None:
        return [settled, _change(row, ReminderStatus.CANCELED, unwanted.sentence, findings=(unwanted,))]
    return [settled]


def _change(
    row: dict[str, Any],
    status: ReminderStatus,
    reason: str | None = None,
    error_code: int | None = None,
    *,
    scheduled_for: datetime | None = None,
    burned_tries: int = 0,
    findings: tuple[Finding, ...] = (),
    fault: Fault | None = None,
) -> StatusChange:
    return StatusChange(
        organization_id=row["organization_id"],
        case_id=row["case_id"],
        case_step_id=row["case_step_id"],
        reminder_id=row["id"],
        status=status,
        reason=reason,
        error_code=error_code,
        scheduled_for=scheduled_for,
        burned_tries=burned_tries,
        findings=findings,
        fault=fault,
    )


async def _close_attempts(transaction: Transaction, answers: Sequence[tuple[Attempt, Answer | Absent]]) -> None:
    await transaction.rows(
        _CLOSE_ATTEMPTS,
        [attempt.correlation for attempt, _ in answers],
        [type(answer).__name__ for _, answer in answers],
        [answer.provider_message_id if isinstance(answer, Accepted) else None for _, answer in answers],
    )


@dataclass(frozen=True, slots=True)
class ReportedAttempt:
    """The attempt that a callback address belongs to, with what is needed to check the callback."""

    organization_id: int
    reminder_id: int
    sealed_credentials: bytes


async def find_attempt(correlation: str) -> ReportedAttempt | None:
    """Return the attempt of a callback address; None if there is none or its keys are destroyed."""
    found = await rows(
        "SELECT a.organization_id, a.reminder_id, k.sealed_credentials FROM send_attempt a"
        " JOIN connection k ON k.id = a.connection_id WHERE a.correlation = $1 AND k.sealed_credentials IS NOT NULL",
        correlation,
    )
    return ReportedAttempt(**found[0]) if found else None


async def record_report(store: Store, correlation: str, report: StatusReport, now: datetime) -> None:
    """Store a genuine status report. Repeated, late and overtaken ones change nothing."""

    async def record(transaction: Transaction) -> None:
        (attempt,) = await transaction.rows(_ATTEMPT, correlation)
        outcome = outcome_of_report(report.status, report) if report.status is not None else None
        await _hold_for(transaction, attempt, outcome)
        (row,) = await transaction.rows(_HOLD_REMINDERS, [attempt["reminder_id"]])
        if not await transaction.rows(_BIND_ATTEMPT, correlation, report.provider_message_id):
            # One attempt, two messages: the carrier has it twice. Never overwrite the first; a person must see it.
            _log.error("carrier reports a second message for attempt: %s", report.provider_message_id)
            return
        if outcome is not None and moves_forward(ReminderStatus(row["status"]), outcome.status):
            await _record_outcome(transaction, row, attempt["connection_id"], outcome, now)
        if attempt["settlement"] in (Settlement.RESERVED, Settlement.RELEASED):
            await settle(transaction, [row["id"]], now)

    await store.transact(record)


async def _hold_for(transaction: Transaction, attempt: dict[str, Any], outcome: Outcome | None) -> None:
    """Lock, before the reminder, what this report may lead to: little for a good one, which most are."""
    if outcome is None or (outcome.fault is None and attempt["fault"] is None):
        return
    is_blamed = outcome.fault is not None and _touches_account(consequence_of(outcome.fault))
    lock = "FOR UPDATE" if is_blamed else "FOR SHARE"
    await transaction.rows(f"{_INTEGRATIONS} {lock}", [attempt["reminder_id"]])
    if outcome.fault is not None:
        await hold_organizations(transaction, [attempt["organization_id"]])
    await hold_recipients(transaction, [attempt["reminder_id"]])


async def _record_outcome(
    transaction: Transaction, row: dict[str, Any], connection_id: int, outcome: Outcome, now: datetime
) -> None:
    change = _change(row, outcome.status, outcome.reason, outcome.error_code, fault=outcome.fault)
    if outcome.fault is None:
        undone = await take_back(transaction, row["id"]) if row["fault"] is not None else []
        await change_status(transaction, [change, *undone], now)
        return
    await block_or_hold(transaction, connection_id, outcome, now)
    followed = await follow_up(transaction, [Failed(change, outcome)], now)
    await change_status(transaction, followed.changes, now)
    transaction.record(followed.events)


# The integration before the case, the case before the reminder, and the reminder before its attempts, as everywhere.
_INTEGRATIONS = """
SELECT id FROM integration WHERE id IN (SELECT integration_id FROM reminder WHERE id = ANY($1)) ORDER BY id
"""


_CLOSED_CASES = """
SELECT r.id AS reminder_id, c.closed_reason, c.closed_note
FROM reminder r JOIN collection_case c ON c.id = r.case_id WHERE r.id = ANY($1) AND c.closed_reason IS NOT NULL
"""

_DISCONNECTED = """
SELECT a.reminder_id, i.kind FROM send_attempt a
JOIN connection k ON k.id = a.connection_id JOIN integration i ON i.id = k.integration_id
WHERE a.correlation = ANY($1) AND k.disconnected_at IS NOT NULL
"""

_ATTEMPT = """
SELECT a.reminder_id, a.organization_id, a.connection_id, a.settlement, r.fault
FROM send_attempt a JOIN reminder r ON r.id = a.reminder_id WHERE a.correlation = $1
"""

_HOLD_REMINDERS = """
SELECT r.id, r.organization_id, r.case_id, r.case_step_id, r.method, r.status, r.fence, r.tries, r.fault
FROM reminder r WHERE r.id = ANY($1) ORDER BY r.id FOR NO KEY UPDATE
"""

_CLOSE_ATTEMPTS = """
WITH closed AS (
  UPDATE send_attempt a
  SET outcome = t.outcome, provider_message_id = coalesce(a.provider_message_id, t.provider_message_id)
  FROM unnest($1::text[], $2::text[], $3::text[]) AS t(correlation, outcome, provider_message_id)
  WHERE a.correlation = t.correlation
  RETURNING a.reminder_id, a.provider_message_id
)
UPDATE reminder r SET provider_message_id = closed.provider_message_id
FROM closed WHERE r.id = closed.reminder_id AND closed.provider_message_id IS NOT NULL
"""

_BIND_ATTEMPT = """
WITH bound AS (
  UPDATE send_attempt SET provider_message_id = $2
  WHERE correlation = $1 AND (provider_message_id IS NULL OR provider_message_id = $2)
  RETURNING reminder_id
)
UPDATE reminder r SET provider_message_id = $2 FROM bound WHERE r.id = bound.reminder_id
RETURNING r.id AS reminder_id
"""
