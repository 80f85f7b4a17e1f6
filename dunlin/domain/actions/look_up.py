"""Ask the carrier what became of texts that it keeps silent about: whether it has them, and how they ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from dunlin.domain.actions.attempt import Attempt
from dunlin.domain.actions.change_status import ask_about
from dunlin.domain.actions.record import record_answers
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.carrier import (
    Absent,
    CarrierUnavailable,
    Sender,
    SenderKind,
    Traces,
)
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.look_up import Doubtful, Found, Missing, is_looking_for_proof, is_proven, judge
from dunlin.domain.store import Store, Transaction
from dunlin.domain.times import waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry(Attempt):
    """One attempt that the carrier is to be asked about. What it answers is true as of `asked_at`, by the database."""

    provider: IntegrationProvider
    sealed_credentials: bytes | None  # None: they are destroyed
    sender: Sender
    to: str
    text: str
    provider_message_id: str | None
    began_at: datetime
    asked_at: datetime


async def claim_unconfirmed(store: Store, *, limit: int) -> list[Inquiry]:
    """Take at most `limit` UNCONFIRMED texts about which the carrier is to be asked now."""
    return await _claim(store, ReminderStatus.UNCONFIRMED, store.times.look_ups, limit)


async def claim_silent(store: Store, *, limit: int) -> list[Inquiry]:
    """Take at most `limit` SENT texts about whose end the carrier has been silent for too long."""
    return await _claim(store, ReminderStatus.SENT, store.times.polls, limit)


async def _claim(store: Store, status: ReminderStatus, ages: tuple[timedelta, ...], limit: int) -> list[Inquiry]:
    async def claim(transaction: Transaction) -> list[Inquiry]:
        # Who dies over one leaves it to whoever finds it at its next age.
        claimed = await transaction.rows(_CLAIM.format(status.value), limit, waits(ages), _after_last(status, ages))
        found = await transaction.rows(_INQUIRIES, [row["id"] for row in claimed]) if claimed else []
        return [_inquiry(row) for row in found]

    return await store.transact(claim)


def _after_last(status: ReminderStatus, ages: tuple[timedelta, ...]) -> str | None:
    """Return what stands with a reminder that the carrier is asked about for the last time."""
    if status is not ReminderStatus.SENT:
        return None
    return f"The carrier took it and has not said within {ages[-1] / timedelta(hours=1):.0f} hours whether it arrived."


def _inquiry(row: dict[str, Any]) -> Inquiry:
    sender = Sender(SenderKind(row.pop("sender_kind")), row.pop("sender"))
    return Inquiry(provider=IntegrationProvider(row.pop("provider")), sender=sender, **row)


async def record_look_up(store: Store, inquiry: Inquiry, seen: Traces | CarrierUnavailable, now: datetime) -> None:
    """Settle an UNCONFIRMED text by what the carrier's list holds, or leave it so; in the end a person is asked."""
    known, has_rival = await _own_texts(store, inquiry, seen)
    verdict = judge(seen, known, has_rival=has_rival)
    match verdict:
        case Found(report):
            await record_report(store, inquiry.correlation, report, now)
        case Missing():
            if await _is_absent(store, inquiry):
                await record_answers(store, [(inquiry, Absent())], now)
        case Doubtful(reason):
            await _doubt(store, inquiry, reason)
        case _:
            assert_never(verdict)


async def _own_texts(store: Store, inquiry: Inquiry, seen: Traces | CarrierUnavailable) -> tuple[set[str], bool]:
    """Return which of the listed messages belong to other texts of ours, and whether one more may."""
    if isinstance(seen, CarrierUnavailable):
        return set(), False
    listed = [report.provider_message_id for report in seen.same] + list(seen.other)

    async def find(transaction: Transaction) -> tuple[set[str], bool]:
        known = await transaction.rows(_KNOWN, listed, inquiry.correlation)
        apart = 2 * transaction.times.taken_within
        rivals = await transaction.rows(
            _RIVALS,
            inquiry.reminder_id,
            inquiry.to,
            inquiry.text,
            inquiry.began_at - apart,
            inquiry.began_at + apart,
            inquiry.organization_id,
        )
        return {row["provider_message_id"] for row in known}, bool(rivals)

    return await store.transact(find) if listed else (set(), False)


async def _is_absent(store: Store, inquiry: Inquiry) -> bool:
    """Note that the carrier's list lacks the text; return whether that is a proof by now."""

    async def note(transaction: Transaction) -> bool:
        row = await _hold(transaction, inquiry)
        if row is None:
            return False
        await _ask_if_old(transaction, row, "The carrier does not have it in its list.")
        if not is_looking_for_proof(row["age"], store.times):
            return False
        if is_proven(row["missing_for"], store.times):
            return True
        await transaction.rows(_NOTE_ABSENCE, inquiry.reminder_id, inquiry.asked_at)
        return False

    return await store.transact(note)


async def _doubt(store: Store, inquiry: Inquiry, reason: str) -> None:
    """Leave a text UNCONFIRMED; that it was missing before proves nothing any more."""

    async def doubt(transaction: Transaction) -> None:
        row = await _hold(transaction, inquiry)
        if row is not None:
            await transaction.rows("UPDATE reminder SET absent_at = NULL WHERE id = $1", inquiry.reminder_id)
            await _ask_if_old(transaction, row, reason)

    await store.transact(doubt)


async def _ask_if_old(transaction: Transaction, row: dict[str, Any], reason: str) -> None:
    if row["age"] >= transaction.times.ask_after:
        await ask_about(transaction, row["case_id"], f"whether it went out could not be found out. {reason}")


async def _hold(transaction: Transaction, inquiry: Inquiry) -> dict[str, Any] | None:
    """Lock the case and the reminder of an attempt; None if it is not the one that is UNCONFIRMED any more."""
    await transaction.rows(_HOLD_CASE, inquiry.reminder_id)
    found = await transaction.rows(
        _HOLD_REMINDER, inquiry.reminder_id, inquiry.correlation, inquiry.fence, inquiry.asked_at
    )
    return found[0] if found else None


_CLAIM = """
WITH picked AS MATERIALIZED (
  SELECT id FROM reminder WHERE status = '{0}' AND check_at <= (SELECT clock_timestamp())
  ORDER BY check_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE reminder r SET check_at = clock_timestamp() + ($2::interval[])[r.checks + 2], checks = r.checks + 1,
    status_reason = CASE WHEN r.checks + 2 > cardinality($2) THEN coalesce($3, r.status_reason) ELSE r.status_reason END
FROM picked WHERE r.id = picked.id RETURNING r.id
"""

# Of a SENT one the attempt that the carrier has, of an UNCONFIRMED one the last.
_INQUIRIES = """
SELECT r.id AS reminder_id, r.organization_id, a.connection_id, a.fence, a.correlation, k.provider,
       k.sealed_credentials, k.sender_kind, k.sender, r."to", r.text, a.provider_message_id, a.began_at,
       clock_timestamp() AS asked_at
FROM reminder r
CROSS JOIN LATERAL (
  SELECT * FROM send_attempt WHERE reminder_id = r.id
    AND (provider_message_id = r.provider_message_id OR r.provider_message_id IS NULL AND fence = r.fence)
  ORDER BY id DESC LIMIT 1
) a
JOIN connection k ON k.id = a.connection_id
WHERE r.id = ANY($1)
"""

_KNOWN = "SELECT provider_message_id FROM send_attempt WHERE provider_message_id = ANY($1) AND correlation <> $2"

# Other texts of which nobody knows, handed over at about the same time: also another organization's, as two may share
# an account. Each of these statuses has an index of its own, which holds few. And those of the number that a person
# has called sent: the message may be theirs.
_RIVALS = """
SELECT 1 FROM (
  SELECT id, fence, "to", text FROM reminder WHERE status = 'UNCONFIRMED'
  UNION ALL SELECT id, fence, "to", text FROM reminder WHERE status = 'SENDING'
  UNION ALL SELECT sent.id, sent.fence, sent."to", sent.text
  FROM customer JOIN collection_case c ON c.customer_id = customer.id JOIN reminder sent ON sent.case_id = c.id
  WHERE customer.organization_id = $6 AND customer.phone = $2
    AND sent.status = 'SENT' AND sent.provider_message_id IS NULL
) r JOIN send_attempt a ON a.reminder_id = r.id AND a.fence = r.fence
WHERE r.id <> $1 AND r."to" = $2 AND r.text = $3 AND a.began_at BETWEEN $4 AND $5 LIMIT 1
"""

_NOTE_ABSENCE = "UPDATE reminder SET absent_at = coalesce(absent_at, $2) WHERE id = $1"

_HOLD_CASE = """
SELECT 1 FROM collection_case WHERE id = (SELECT case_id FROM reminder WHERE id = $1) FOR NO KEY UPDATE
"""

# By when the carrier was asked: a worker may be frozen for long before it records the answer.
_HOLD_REMINDER = """
SELECT r.case_id, $4::timestamptz - a.began_at AS age, $4::timestamptz - r.absent_at AS missing_for
FROM reminder r JOIN send_attempt a ON a.reminder_id = r.id AND a.correlation = $2
WHERE r.id = $1 AND r.fence = $3 AND r.status = 'UNCONFIRMED' FOR NO KEY UPDATE OF r
"""
