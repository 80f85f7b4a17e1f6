"""Deliver: mark what is claimed SENDING, before the first byte leaves. Recording is in `record`.

The call to the carrier happens in between, with no transaction open.
"""

import json
import secrets
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dunlin.domain.actions.attempt import Attempt
from dunlin.domain.actions.change_status import change_of, change_status
from dunlin.domain.actions.claim_reminders import A_MOMENT, Claim
from dunlin.domain.actions.contacts import LIMITS_COLUMNS, Contacts, contacts_of, limits_of
from dunlin.domain.actions.customer_hours import HOURS_COLUMNS, hours_of, narrowest_hours_of
from dunlin.domain.actions.drafts import DRAFT_COLUMNS
from dunlin.domain.actions.recipients import RECIPIENT_COLUMNS, recipient_of
from dunlin.domain.actions.reword import address_of, reword, write_anew
from dunlin.domain.actions.spending import (
    RESERVING,
    SPENDING_COLUMNS,
    Books,
    attempt_columns,
    open_books,
)
from dunlin.domain.carrier import Letter, Sender, SenderKind
from dunlin.domain.choices import CaseClosedReason, CaseState, IntegrationKind, IntegrationProvider, IntegrationStatus
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.caps import NO_LIMITS
from dunlin.domain.rules.closing import why_closed
from dunlin.domain.rules.handover import Cancel, Go, Situation, Wait, may_hand_over
from dunlin.domain.rules.return_reason import WHY_DECEASED
from dunlin.domain.rules.trace import followed_by
from dunlin.domain.rules.writing import Written
from dunlin.domain.store import Store, Transaction
from dunlin.domain.times import SendingTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover(Attempt):
    """One reminder marked SENDING: what is needed to hand it over once, and to record the answer."""

    integration_id: int
    kind: IntegrationKind
    provider: IntegrationProvider
    sealed_credentials: bytes
    sender: Sender
    to: str
    text: str
    letter: Letter | None


@dataclass(frozen=True, slots=True)
class Marked:
    """What came of claims: those that are SENDING now, and those that somebody else held, or has claimed since.

    The others have been canceled or put back.
    """

    handovers: Sequence[Handover] = ()
    passed_over: Sequence[Claim] = ()


async def mark_sending(store: Store, claims: Sequence[Claim], now: datetime) -> Marked:
    """Mark claimed reminders SENDING, committed, and return them; cancel or put back the others.

    Integration, case and customer are held until commit: a disconnect, a payment or an opt-out comes before
    this, and is seen, or after it, and sees SENDING. What others hold is passed over, and still claimed.
    """

    async def mark(transaction: Transaction) -> Marked:
        found = await transaction.rows(_HOLD, *zip(*((c.reminder_id, c.fence) for c in claims), strict=True))
        texts = {row["id"]: write_anew(row) for row in found}
        books = await open_books(transaction, found, texts, now)
        decided = await _decide(found, texts, books, now)
        written = [
            (row, text)
            for row, decision in decided
            if isinstance(decision, Go) and isinstance(text := texts[row["id"]], Written)
        ]
        going = [_handover(row, text) for row, text in written]
        costs = await reword(transaction, written, books, now)
        changes = [change_of(row, ReminderStatus.SENDING, lease=store.times.lease) for row, _ in written]
        changes += [
            change_of(row, ReminderStatus.CANCELED, decision.reason, findings=decision.findings)
            for row, decision in decided
            if isinstance(decision, Cancel)
        ]
        await change_status(transaction, changes, now)
        await _ask_for_attention(transaction, [(row["case_id"], d) for row, d in decided if isinstance(d, Cancel)])
        await _trace(transaction, [(row, d) for row, d in decided if not isinstance(d, Cancel)], now)
        await _put_back(transaction, [(row["id"], d) for row, d in decided if isinstance(d, Wait)], store.times)
        spending = [attempt_columns(row, costs[row["id"]], now) for row, _ in written]
        await _begin_attempts(transaction, list(zip(going, spending, strict=True)))
        held = {row["id"] for row in found}
        return Marked(going, [claim for claim in claims if claim.reminder_id not in held])

    return await store.transact(mark) if claims else Marked()


async def _decide(
    found: Sequence[dict[str, Any]], texts: Mapping[int, Written | str], books: Books, now: datetime
) -> list[tuple[dict[str, Any], Go | Cancel | Wait]]:
    """Decide about the oldest first; what is decided about one counts for the next, of its customer and its budget.

    Their customers are held, so that nobody else reminds them meanwhile.
    """
    limited = {row["customer_id"] for row in found if limits_of(row).are_set}
    contacts = await contacts_of(limited, now)
    decided: list[tuple[dict[str, Any], Go | Cancel | Wait]] = []
    for row in sorted(found, key=lambda row: (row["scheduled_for"], row["id"])):
        own = contacts[row["customer_id"]]
        own.planned.pop(row["case_step_id"], None)
        situation = _situation(row, texts[row["id"]], own, books, now)
        decision = may_hand_over(situation, now)
        if not isinstance(decision, Go):
            decision = may_hand_over(replace(situation, hours=hours_of(row)), now)
        if isinstance(decision, Go):
            insort(own.reminded, now)
            books.reserve(row["organization_id"], row["id"])
        elif isinstance(decision, Wait) and decision.until is not None:
            own.planned[row["case_step_id"]] = decision.until
        decided.append((row, decision))
    return decided


def _situation(row: dict[str, Any], text: Written | str, contacts: Contacts, books: Books, now: datetime) -> Situation:
    return Situation(
        connected=row["connection_id"] is not None,
        needs_attention=row["integration_status"] != IntegrationStatus.CONNECTED or row["sealed_credentials"] is None,
        case_state=CaseState(row["case_state"]),
        recipient=recipient_of(row, IntegrationKind(row["method"])),
        hours=narrowest_hours_of(row),  # whoever may go within these may go
        # What a person has decided to send again does not wait for its turn.
        limits=NO_LIMITS if row["resend_number"] and not row["is_retry"] else limits_of(row),
        reminded=contacts.reminded,
        planned=contacts.planned_after(now),
        never_because=WHY_DECEASED if row["deceased_at"] is not None else None,
        is_resent=row["is_resent"],
        bad_text=text if isinstance(text, str) else None,
        budget=books.budgets.get(row["organization_id"]),
        cost=books.costs.get(row["id"]),
        closed_because=row["closed_reason"] and why_closed(CaseClosedReason(row["closed_reason"]), row["closed_note"]),
    )


def _handover(row: dict[str, Any], text: Written) -> Handover:
    return Handover(
        reminder_id=row["id"],
        organization_id=row["organization_id"],
        connection_id=row["connection_id"],
        integration_id=row["integration_id"],
        kind=IntegrationKind(row["method"]),
        provider=IntegrationProvider(row["provider"]),
        fence=row["fence"],
        correlation=secrets.token_urlsafe(32),
        sealed_credentials=row["sealed_credentials"],
        sender=Sender(SenderKind(row["sender_kind"]), row["sender"]),
        to=address_of(row),
        text=text.text,
        letter=_letter(row, text) if text.subject is not None else None,
    )


def _letter(row: dict[str, Any], written: Written) -> Letter:
    assert written.subject is not None
    return Letter(
        subject=written.subject,
        language=written.language,
        sender_name=row["organization_name"],
        reply_to=row["reply_to"],
        reminder_id=row["id"],
    )


async def _trace(transaction: Transaction, decided: Sequence[tuple[dict[str, Any], Go | Wait]], now: datetime) -> None:
    """Store with the case steps why reminders wait, and that they go after they waited."""
    traces = {
        row["case_step_id"]: trace
        for row, decision in decided
        if (trace := followed_by(json.loads(row["trace"] or "[]"), decision.findings, now)) is not None
    }
    if traces:
        await transaction.rows(
            "UPDATE case_step s SET trace = t.trace::jsonb FROM unnest($1::bigint[], $2::text[]) AS t(id, trace)"
            " WHERE s.id = t.id",
            list(traces),
            [json.dumps(trace) for trace in traces.values()],
        )


async def _ask_for_attention(transaction: Transaction, canceled: Sequence[tuple[int, Cancel]]) -> None:
    reasons = {case_id: decision.reason for case_id, decision in canceled if decision.needs_attention}
    if reasons:
        await transaction.rows(
            "UPDATE collection_case c SET attention_reason = t.reason"
            " FROM unnest($1::bigint[], $2::text[]) AS t(id, reason) WHERE c.id = t.id",
            *zip(*reasons.items(), strict=True),
        )


async def _begin_attempts(transaction: Transaction, handovers: Sequence[tuple[Handover, tuple[object, ...]]]) -> None:
    """Store the attempts with what each reserves. Last of all: this locks what many wait for."""
    if handovers:
        await transaction.rows(
            _INSERT_ATTEMPTS,
            *zip(
                *(
                    (h.organization_id, h.reminder_id, h.connection_id, h.fence, h.correlation, *spending)
                    for h, spending in handovers
                ),
                strict=True,
            ),
        )


async def _put_back(transaction: Transaction, waiting: Sequence[tuple[int, Wait]], times: SendingTimes) -> None:
    """Leave reminders SCHEDULED with the reason: until the moment given, or to be looked at again in a while."""
    if waiting:
        await transaction.rows(
            "UPDATE reminder r SET scheduled_for = coalesce(t.until, r.scheduled_for), status_reason = t.reason,"
            " lease_until = clock_timestamp() + CASE WHEN t.until IS NULL THEN $4::interval ELSE $5::interval END"
            " FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS t(id, until, reason) WHERE r.id = t.id",
            *zip(*((reminder_id, wait.until, wait.reason) for reminder_id, wait in waiting), strict=True),
            times.look_again,
            A_MOMENT,  # not at once: our clock may be behind the database's
        )


# Rows of an integration that is being changed at this moment are passed over, so that one organization never holds up
# the others. Of a customer there is one holder at a time: else two reminders could each be the last that the limits
# allow.
_HOLD = f"""
SELECT r.id, r.fence, r.scheduled_for, r.resend_number, r.organization_id, r.case_id, r.case_step_id, r.method,
       r."to", r.text, r.subject, r.language, r.is_fallback_language, step.trace, i.status AS integration_status,
       i.id AS integration_id, i.connection_id, k.provider, k.sealed_credentials, k.sender_kind, k.sender,
       k.reply_to, c.state AS case_state, c.closed_reason, c.closed_note, customer.deceased_at, r.is_retry,
       {RECIPIENT_COLUMNS},
       {HOURS_COLUMNS}, {LIMITS_COLUMNS}, {DRAFT_COLUMNS}, {SPENDING_COLUMNS},
       EXISTS (SELECT 1 FROM reminder newer WHERE newer.case_step_id = r.case_step_id
               AND newer.resend_number > r.resend_number) AS is_resent
FROM unnest($1::bigint[], $2::int[]) AS claim(id, fence)
JOIN reminder r ON r.id = claim.id AND r.fence = claim.fence AND r.status = 'SCHEDULED'
JOIN case_step step ON step.id = r.case_step_id
JOIN step_texts texts ON texts.id = step.texts_id
JOIN integration i ON i.id = r.integration_id
LEFT JOIN connection k ON k.id = i.connection_id
JOIN collection_case c ON c.id = r.case_id
JOIN customer ON customer.id = c.customer_id
JOIN organization o ON o.id = r.organization_id
ORDER BY r.id
FOR NO KEY UPDATE OF r, c, customer SKIP LOCKED
FOR SHARE OF i SKIP LOCKED
"""

_INSERT_ATTEMPTS = f"""
WITH begun AS (
  INSERT INTO send_attempt (organization_id, reminder_id, connection_id, fence, correlation, cost, cost_currency,
    spending_month, settlement, began_at, outcome)
  SELECT t.*, clock_timestamp(), 'Open'
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::int[], $5::text[], $6::numeric[], $7::text[], $8::date[],
              $9::text[]) AS t
  RETURNING organization_id, spending_month, cost_currency, cost
)
{RESERVING}
"""
