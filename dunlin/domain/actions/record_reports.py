"""Record what a carrier reports of its messages: many reports in one commit, each once, in any order."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dunlin.domain.actions.address_state import hold_organizations, hold_recipients
from dunlin.domain.actions.change_status import StatusChange, change_of, change_status
from dunlin.domain.actions.follow_up import Failed, block_or_hold, follow_up, take_back
from dunlin.domain.actions.hold_reminders import hold_integrations_of
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


async def find_attempts(correlations: Sequence[str]) -> dict[str, ReportedAttempt]:
    """Return the attempts of callback addresses, but those that there are not, and whose keys are destroyed."""
    found = await rows(
        "SELECT a.correlation, a.organization_id, a.reminder_id, k.sealed_credentials FROM send_attempt a"
        " JOIN connection k ON k.id = a.connection_id"
        " WHERE a.correlation = ANY($1) AND k.sealed_credentials IS NOT NULL",
        correlations,
    )
    return {row.pop("correlation"): ReportedAttempt(**row) for row in found}


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
    store: Store, reports: Sequence[Reported], now: datetime | None, *, patience: timedelta | None = None
) -> list[Reported]:
    """Store reports that concern nothing but their reminders, in one commit; return the others, untouched.

    These are failures and what takes failures back: each needs `record_report`, and locks of its own. Without `now` it
    is the database's time when the reminders are held. With `patience`, raise `Busy` instead of waiting longer than
    that for others.
    """
    failures = [one for one in reports if _is_failure(one.report)]
    plain = [one for one in reports if not _is_failure(one.report)] if failures else reports

    async def record(transaction: Transaction) -> list[Reported]:
        found = await _take_in(transaction, plain, now, with_failed=False)
        new, time = await _bind(transaction, _new(found)), found[0].row["time"]
        await change_status(transaction, _changes(new), time)
        await settle(transaction, _unsettled(new), time)
        return [one.said for one in found if one.row["fault"] is not None]

    return failures + (await store.transact(record, patience=patience) if plain else [])


def _is_failure(report: StatusReport) -> bool:
    return _outcome(report) is not None and report.fault is not None


def _outcome(report: StatusReport) -> Outcome | None:
    return outcome_of_report(report.status, report) if report.status is not None else None


@dataclass(frozen=True, slots=True)
class _Found:
    """A report with the row of `_TAKE_IN` about it: its attempt, its reminder, which is held, and its inbox."""

    said: Reported
    row: dict[str, Any]

    @property
    def message_id(self) -> str:
        return self.said.report.provider_message_id

    @property
    def is_bound(self) -> bool:
        return (self.row["attempt_message_id"], self.row["provider_message_id"]) == (self.message_id, self.message_id)

    @property
    def is_about_another_message(self) -> bool:
        return self.row["attempt_message_id"] not in (None, self.message_id)


async def _take_in(
    transaction: Transaction, reports: Sequence[Reported], now: datetime | None, *, with_failed: bool
) -> list[_Found]:
    """Hold the reminders of reports and put these into the inbox; `with_failed` also what is about a failed one."""
    keys = [(one.correlation, *_key(one.report)) for one in reports]
    distinct = list(dict.fromkeys(keys))
    stored = await transaction.rows(_TAKE_IN, *zip(*distinct, strict=True), now, with_failed)
    by_key = {distinct[row["place"] - 1]: row for row in stored}
    return [_Found(one, by_key[key]) for one, key in zip(reports, keys, strict=True)]


def _key(report: StatusReport) -> tuple[str, str, int]:
    return report.provider_message_id, report.state or f"{report.status}", report.error_code or 0


def _new(found: Sequence[_Found]) -> list[_Found]:
    """Return the reports that were not in the inbox; of one said twice, the first."""
    first = {one.row["place"]: one for one in reversed(found)}
    return [one for one in found if one.row["is_new"] and first[one.row["place"]] is one]


async def _bind(transaction: Transaction, new: Sequence[_Found]) -> list[_Found]:
    """Store which messages the attempts became, where that is not known yet; return the reports of these messages."""
    # Read before its reminder was held, which does no harm: what an attempt once became never changes.
    unbound = {
        one.said.correlation: one.message_id
        for one in reversed(new)
        if not one.is_bound and not one.is_about_another_message
    }
    bound = await transaction.rows(_BIND, *zip(*sorted(unbound.items()), strict=True)) if unbound else []
    is_of = {(row["correlation"], row["provider_message_id"]) for row in bound}
    certain: list[_Found] = []
    for one in new:
        if one.is_bound or (one.said.correlation, one.message_id) in is_of:
            certain.append(one)
        else:
            # One attempt, two messages: the carrier has it twice. Never overwrite the first; a person must see it.
            _log.error("carrier reports a second message for attempt: %s", one.message_id)
    return certain


def _changes(new: Sequence[_Found]) -> list[StatusChange]:
    """Return the way that each reminder goes by these reports, forward only."""
    changes: list[StatusChange] = []
    reached = {one.row["id"]: ReminderStatus(one.row["status"]) for one in new}
    for one in new:
        row_id, outcome = one.row["id"], _outcome(one.said.report)
        if outcome is not None and moves_forward(reached[row_id], outcome.status):
            changes.append(change_of(one.row, outcome.status, outcome.reason, outcome.error_code))
            reached[row_id] = outcome.status
    return changes


def _unsettled(new: Sequence[_Found]) -> set[int]:
    return {one.row["id"] for one in new if one.row["settlement"] in (Settlement.RESERVED, Settlement.RELEASED)}


async def _record_with_consequences(store: Store, reported: Reported, now: datetime) -> None:
    outcome = _outcome(reported.report)

    async def record(transaction: Transaction) -> None:
        await _hold_for(transaction, reported, outcome)
        (found,) = await _take_in(transaction, [reported], now, with_failed=True)
        new, row = await _bind(transaction, _new([found])), found.row
        if new and outcome is not None and moves_forward(ReminderStatus(row["status"]), outcome.status):
            await _record_outcome(transaction, row, outcome, now)
        await settle(transaction, _unsettled(new), now)

    await store.transact(record)


async def _hold_for(transaction: Transaction, reported: Reported, outcome: Outcome | None) -> None:
    """Lock, before the reminder, what this report may lead to."""
    (attempt,) = await transaction.rows(_WHOSE, reported.correlation)
    fault = outcome.fault if outcome is not None else None
    is_blamed = fault is not None and consequence_of(fault).touches_account
    await hold_integrations_of(transaction, [attempt["reminder_id"]], alone=is_blamed)
    if fault is not None:
        await hold_organizations(transaction, [attempt["organization_id"]])
    await hold_recipients(transaction, [attempt["reminder_id"]])


async def _record_outcome(transaction: Transaction, row: dict[str, Any], outcome: Outcome, now: datetime) -> None:
    change = change_of(row, outcome.status, outcome.reason, outcome.error_code, fault=outcome.fault)
    if outcome.fault is None:
        undone = await take_back(transaction, row["id"]) if row["fault"] is not None else []
        await change_status(transaction, [change, *undone], now)
        return
    await block_or_hold(transaction, row["connection_id"], outcome, now)
    followed = await follow_up(transaction, [Failed(change, outcome)], now)
    await change_status(transaction, followed.changes, now)
    transaction.record(followed.events)


async def forget_reports(store: Store, now: datetime, *, limit: int = 1_000) -> int:
    """Empty the inbox of at most `limit` reports that have lain there for long; return how many."""

    async def forget(transaction: Transaction) -> int:
        return len(await transaction.rows(_FORGET, now - INBOX_KEPT, limit))

    return await store.transact(forget)


_WHOSE = "SELECT reminder_id, organization_id FROM send_attempt WHERE correlation = $1"

# One statement, because what comes is many reports at once, each of them small. The reminders are held before the
# inbox, in which an equal report that is not committed yet keeps us waiting.
_TAKE_IN = """
WITH said AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[])
    WITH ORDINALITY AS t(correlation, message_id, state, error_code, place)
), held AS MATERIALIZED (
  SELECT a.correlation, a.id AS attempt_id, a.connection_id, a.settlement,
         a.provider_message_id AS attempt_message_id,
         r.id, r.organization_id, r.case_id, r.case_step_id, r.status, r.fault, r.provider_message_id
  FROM send_attempt a JOIN reminder r ON r.id = a.reminder_id WHERE a.correlation = ANY($1)
  ORDER BY r.id FOR NO KEY UPDATE OF r
), clock AS MATERIALIZED (
  SELECT coalesce($5::timestamptz, clock_timestamp()) AS time FROM (SELECT count(*) FROM held) AS are_held
), added AS (
  INSERT INTO received_report (attempt_id, provider_message_id, state, error_code, organization_id, received_at)
  SELECT held.attempt_id, said.message_id, said.state, said.error_code, held.organization_id, clock.time
  FROM said JOIN held USING (correlation) CROSS JOIN clock WHERE held.fault IS NULL OR $6::boolean
  ON CONFLICT DO NOTHING RETURNING attempt_id, provider_message_id, state, error_code
)
SELECT said.place, held.*, clock.time, added.attempt_id IS NOT NULL AS is_new
FROM said JOIN held USING (correlation) CROSS JOIN clock LEFT JOIN added
  ON added.attempt_id = held.attempt_id AND added.provider_message_id = said.message_id
  AND added.state = said.state AND added.error_code = said.error_code
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
