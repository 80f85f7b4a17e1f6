"""Record what a carrier answers to our calls. Its status reports are in `record_reports`."""

import logging
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dunlin.domain.actions.address_state import hold_organizations, hold_recipients
from dunlin.domain.actions.attempt import Attempt
from dunlin.domain.actions.change_status import StatusChange, change_of, change_status
from dunlin.domain.actions.follow_up import Failed, block_or_hold, follow_up
from dunlin.domain.actions.hold_reminders import hold_integrations_of, hold_reminders
from dunlin.domain.actions.spending import Closed, settle
from dunlin.domain.carrier import Absent, Accepted, Answer, Refused
from dunlin.domain.choices import CaseClosedReason, Check, CommunicationMethod
from dunlin.domain.reminder_status import ReminderStatus, moves_forward
from dunlin.domain.rules.closing import why_closed
from dunlin.domain.rules.consequence import consequence_of
from dunlin.domain.rules.finding import Finding, failed
from dunlin.domain.rules.outcome import Outcome, outcome_of
from dunlin.domain.rules.recipient import words_of
from dunlin.domain.store import Store, Transaction

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
        held = {row["id"]: row for row in await hold_reminders(transaction, _ids(answers))}
        outcomes = [
            (
                attempt,
                answer,
                outcome_of(answer, tries=held[attempt.reminder_id]["tries"], jitter=random.random()),
            )
            for attempt, answer in answers
        ]
        changes: list[StatusChange] = []
        failures: list[Failed] = []
        for attempt, answer, outcome in outcomes:
            row = held[attempt.reminder_id]
            if isinstance(answer, Accepted):
                changes += _accepted(row, answer)
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
        # After the reminders, of which nothing is written twice: PostgreSQL would look at all that they refer to again.
        await settle(transaction, _ids(answers), now, closed=[_closed(*answered) for answered in answers])

    if answers:
        await store.transact(record, patience=patience)


_OPEN = {ReminderStatus.SENDING, ReminderStatus.UNCONFIRMED}


def _ids(answers: Sequence[tuple[Attempt, Answer | Absent]]) -> list[int]:
    return [attempt.reminder_id for attempt, _ in answers]


async def _hold_what_follows(transaction: Transaction, refused: Sequence[tuple[Attempt, Answer | Absent]]) -> None:
    """Lock, before the reminders, what answers that are no acceptance may lead to."""
    if not refused:
        return
    await hold_integrations_of(transaction, _ids(refused), alone=any(_blames_account(one) for _, one in refused))
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
        row["reminder_id"]: failed(Check.INTEGRATION, f"{words_of(row['kind']).name} was disconnected.")
        for row in disconnected
    }


def _blames_account(answer: Answer | Absent) -> bool:
    return isinstance(answer, Refused) and consequence_of(answer.fault).touches_account


def _accepted(row: dict[str, Any], answer: Accepted) -> list[StatusChange]:
    if not moves_forward(ReminderStatus(row["status"]), ReminderStatus.SENT):
        return []  # a callback was faster than the answer
    # No mail server tells that an e-mail has arrived.
    is_last_word = row["method"] == CommunicationMethod.EMAIL
    message_id = answer.provider_message_id
    return [change_of(row, ReminderStatus.SENT, is_last_word=is_last_word, provider_message_id=message_id)]


def _settled(row: dict[str, Any], outcome: Outcome, *, unwanted: Finding | None, now: datetime) -> list[StatusChange]:
    if outcome.status == row["status"]:
        return []
    again = now + outcome.wait if outcome.wait is not None else None
    settled = change_of(
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
        return [settled, change_of(row, ReminderStatus.CANCELED, unwanted.sentence, findings=(unwanted,))]
    return [settled]


def _closed(attempt: Attempt, answer: Answer | Absent) -> Closed:
    message_id = answer.provider_message_id if isinstance(answer, Accepted) else None
    return Closed(attempt.correlation, type(answer).__name__, message_id)


_CLOSED_CASES = """
SELECT r.id AS reminder_id, c.closed_reason, c.closed_note
FROM reminder r JOIN collection_case c ON c.id = r.case_id WHERE r.id = ANY($1) AND c.closed_reason IS NOT NULL
"""

_DISCONNECTED = """
SELECT a.reminder_id, i.kind FROM send_attempt a
JOIN connection k ON k.id = a.connection_id JOIN integration i ON i.id = k.integration_id
WHERE a.correlation = ANY($1) AND k.disconnected_at IS NOT NULL
"""
