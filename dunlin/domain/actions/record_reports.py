"""Record what a carrier reports of its messages: many reports in one commit, each once, in any order."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dunlin.domain.actions.address_state import hold_organizations, hold_recipients
from dunlin.domain.actions.change_status import StatusChange, change_of, change_status
from dunlin.domain.actions.follow_up import Failed, block_or_hold, follow_up, take_back
from dunlin.domain.actions.hold_reminders import hold_integrations_of, hold_reminders
from dunlin.domain.actions.spending import settle
from dunlin.domain.carrier import StatusReport
from dunlin.domain.choices import Settlement
from dunlin.domain.reminder_status import ReminderStatus, moves_forward
from dunlin.domain.rules.consequence import consequence_of
from dunlin.domain.rules.outcome import Outcome, outcome_of_report
from dunlin.domain.store import Store, Transaction, rows

_log = logging.getLogger(__name__)

INBOX_KEPT = timedelta(days=7)  # far longer than a carrier repeats itself


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


@dataclass(frozen=True, slots=True)
class Reported:
    """A genuine report about the attempt of `correlation`."""

    correlation: str
    report: StatusReport


async def record_report(store: Store, correlation: str, report: StatusReport, now: datetime) -> None:
    """Store a genuine status report with all that follows from it. Repeated, late and overtaken ones change nothing."""
    for left in await record_reports(store, [Reported(correlation, report)], now):
        await _record_with_consequences(store, left, now)


async def record_reports(
    store: Store, reports: Sequence[Reported], now: datetime, *, patience: timedelta | None = None
) -> list[Reported]:
    """Store reports that concern nothing but their reminders, in one commit; return the others, untouched.

    These are failures and what takes failures back: each needs `record_report`, and locks of its own. With
    `patience`, raise `Busy` instead of waiting longer than that for others.
    """

    async def record(transaction: Transaction) -> list[Reported]:
        attempts = {
            row["correlation"]: row for row in await transaction.rows(_ATTEMPTS, [one.correlation for one in reports])
        }
        plain = [one for one in reports if _is_plain(one.report, attempts[one.correlation]["fault"])]
        ids = [attempts[one.correlation]["reminder_id"] for one in plain]
        held = {row["id"]: row for row in await hold_reminders(transaction, sorted(set(ids)))}
        plain = [one for one, row_id in zip(plain, ids, strict=True) if held[row_id]["fault"] is None]
        new = await _bind(transaction, await _take_in(transaction, plain, attempts, now))
        await change_status(transaction, _changes(new, attempts, held), now)
        await settle(transaction, _unsettled(new, attempts), now)
        taken = {id(one) for one in plain}
        return [one for one in reports if id(one) not in taken]

    return await store.transact(record, patience=patience) if reports else []


def _is_plain(report: StatusReport, earlier_fault: str | None) -> bool:
    return earlier_fault is None and (_outcome(report) is None or report.fault is None)


def _outcome(report: StatusReport) -> Outcome | None:
    return outcome_of_report(report.status, report) if report.status is not None else None


async def _take_in(
    transaction: Transaction, reports: Sequence[Reported], attempts: dict[str, dict[str, Any]], now: datetime
) -> list[Reported]:
    """Put reports into the inbox and return those that were not there; of one said twice, the first."""
    first: dict[tuple[int, str, str, int], Reported] = {}
    for one in reports:
        first.setdefault(_key(attempts[one.correlation]["id"], one.report), one)
    if not first:
        return []
    columns = sorted((*key, attempts[one.correlation]["organization_id"]) for key, one in first.items())
    added = await transaction.rows(_TAKE_IN, *zip(*columns, strict=True), now)
    new = {(row["attempt_id"], row["provider_message_id"], row["state"], row["error_code"]) for row in added}
    return [one for key, one in first.items() if key in new]


def _key(attempt_id: int, report: StatusReport) -> tuple[int, str, str, int]:
    return attempt_id, report.provider_message_id, report.state or f"{report.status}", report.error_code or 0


async def _bind(transaction: Transaction, reports: Sequence[Reported]) -> list[Reported]:
    """Store which messages the attempts became; return the reports of these."""
    first = {one.correlation: one.report.provider_message_id for one in reversed(reports)}
    if not first:
        return []
    bound = await transaction.rows(_BIND, *zip(*sorted(first.items()), strict=True))
    is_of = {(row["correlation"], row["provider_message_id"]) for row in bound}
    for one in reports:
        if (one.correlation, one.report.provider_message_id) not in is_of:
            # One attempt, two messages: the carrier has it twice. Never overwrite the first; a person must see it.
            _log.error("carrier reports a second message for attempt: %s", one.report.provider_message_id)
    return [one for one in reports if (one.correlation, one.report.provider_message_id) in is_of]


def _changes(
    reports: Sequence[Reported], attempts: dict[str, dict[str, Any]], held: dict[int, dict[str, Any]]
) -> list[StatusChange]:
    """Return the way that each reminder goes by these reports, forward only."""
    changes: list[StatusChange] = []
    reached = {row_id: ReminderStatus(row["status"]) for row_id, row in held.items()}
    for one in reports:
        row_id, outcome = attempts[one.correlation]["reminder_id"], _outcome(one.report)
        if outcome is not None and moves_forward(reached[row_id], outcome.status):
            changes.append(change_of(held[row_id], outcome.status, outcome.reason, outcome.error_code))
            reached[row_id] = outcome.status
    return changes


def _unsettled(reports: Sequence[Reported], attempts: dict[str, dict[str, Any]]) -> set[int]:
    touched = [attempts[one.correlation] for one in reports]
    return {row["reminder_id"] for row in touched if row["settlement"] in (Settlement.RESERVED, Settlement.RELEASED)}


async def _record_with_consequences(store: Store, reported: Reported, now: datetime) -> None:
    async def record(transaction: Transaction) -> None:
        attempts = {row["correlation"]: row for row in await transaction.rows(_ATTEMPTS, [reported.correlation])}
        attempt, outcome = attempts[reported.correlation], _outcome(reported.report)
        await _hold_for(transaction, attempt, outcome)
        (row,) = await hold_reminders(transaction, [attempt["reminder_id"]])
        new = await _bind(transaction, await _take_in(transaction, [reported], attempts, now))
        if new and outcome is not None and moves_forward(ReminderStatus(row["status"]), outcome.status):
            await _record_outcome(transaction, row, attempt["connection_id"], outcome, now)
        await settle(transaction, _unsettled(new, attempts), now)

    await store.transact(record)


async def _hold_for(transaction: Transaction, attempt: dict[str, Any], outcome: Outcome | None) -> None:
    """Lock, before the reminder, what this report may lead to."""
    fault = outcome.fault if outcome is not None else None
    is_blamed = fault is not None and consequence_of(fault).touches_account
    await hold_integrations_of(transaction, [attempt["reminder_id"]], alone=is_blamed)
    if fault is not None:
        await hold_organizations(transaction, [attempt["organization_id"]])
    await hold_recipients(transaction, [attempt["reminder_id"]])


async def _record_outcome(
    transaction: Transaction, row: dict[str, Any], connection_id: int, outcome: Outcome, now: datetime
) -> None:
    change = change_of(row, outcome.status, outcome.reason, outcome.error_code, fault=outcome.fault)
    if outcome.fault is None:
        undone = await take_back(transaction, row["id"]) if row["fault"] is not None else []
        await change_status(transaction, [change, *undone], now)
        return
    await block_or_hold(transaction, connection_id, outcome, now)
    followed = await follow_up(transaction, [Failed(change, outcome)], now)
    await change_status(transaction, followed.changes, now)
    transaction.record(followed.events)


async def forget_reports(store: Store, now: datetime, *, limit: int = 1_000) -> int:
    """Empty the inbox of at most `limit` reports that have lain there for long; return how many."""

    async def forget(transaction: Transaction) -> int:
        return len(await transaction.rows(_FORGET, now - INBOX_KEPT, limit))

    return await store.transact(forget)


_ATTEMPTS = """
SELECT a.id, a.correlation, a.reminder_id, a.organization_id, a.connection_id, a.settlement, r.fault
FROM send_attempt a JOIN reminder r ON r.id = a.reminder_id WHERE a.correlation = ANY($1)
"""

_TAKE_IN = """
INSERT INTO received_report (attempt_id, provider_message_id, state, error_code, organization_id, received_at)
SELECT t.*, $6::timestamptz FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::bigint[]) AS t
ON CONFLICT DO NOTHING RETURNING attempt_id, provider_message_id, state, error_code
"""

_BIND = """
WITH bound AS (
  UPDATE send_attempt a SET provider_message_id = t.provider_message_id
  FROM unnest($1::text[], $2::text[]) AS t(correlation, provider_message_id)
  WHERE a.correlation = t.correlation
    AND (a.provider_message_id IS NULL OR a.provider_message_id = t.provider_message_id)
  RETURNING a.reminder_id, a.correlation, a.provider_message_id
)
UPDATE reminder r SET provider_message_id = bound.provider_message_id FROM bound WHERE r.id = bound.reminder_id
RETURNING bound.correlation, bound.provider_message_id
"""

_FORGET = """
DELETE FROM received_report WHERE id IN (SELECT id FROM received_report WHERE received_at < $1 LIMIT $2) RETURNING id
"""
