"""What follows from failures of reminders beyond their status: numbers marked, texts sent once more, accounts held."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from dunlin.domain.actions.address_state import mark_address, trust_addresses
from dunlin.domain.actions.change_status import StatusChange, canceled
from dunlin.domain.actions.opt_outs import Statement, opt_out_address
from dunlin.domain.actions.recipients import REACHES
from dunlin.domain.carrier import Fault
from dunlin.domain.choices import CaseState, Check, IntegrationKind, OptOutSource, PhoneProblemKind
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.consequence import consequence_of
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.outcome import Outcome
from dunlin.domain.rules.recipient import words_of
from dunlin.domain.rules.retry import Failure, Retry, is_given_up, may_retry
from dunlin.domain.store import Change, Transaction

_log = logging.getLogger(__name__)

_USUAL_HOLD = timedelta(hours=1)
_ARRIVED = "An earlier reminder of this step has arrived after all."


@dataclass(frozen=True, slots=True)
class Failed:
    """One reminder that fails now. Its row, its case, and all of its number are held; see `hold_recipients`."""

    change: StatusChange
    outcome: Outcome


@dataclass(slots=True)
class FollowUp:
    """What is to be changed, and the events to append behind that."""

    changes: list[StatusChange] = field(default_factory=list)
    events: list[Change] = field(default_factory=list)


async def follow_up(transaction: Transaction, failures: Sequence[Failed], now: datetime) -> FollowUp:
    """Do what the failures ask for beyond their reminders, and return them with all that comes of it."""
    result = FollowUp()
    if not failures:
        return result
    found = await transaction.rows(_SITUATIONS, [one.change.reminder_id for one in failures])
    situations = {row["id"]: row for row in found}
    retries: list[tuple[int, datetime]] = []
    for one in failures:
        situation = situations[one.change.reminder_id]
        reach = REACHES[IntegrationKind(situation["method"])]
        if _opts_out(one.outcome):
            statement = Statement(now, OptOutSource.CARRIER, _as_the_carrier_says(one.outcome), by=None)
            result.changes += await opt_out_address(
                transaction, reach, situation["organization_id"], situation["to"], statement
            )
            result.changes.append(replace(one.change, needs_person=not situation["is_same_address"]))
            continue
        mark = _mark(one.outcome, situation)
        if mark is not None:
            organization_id, address = situation["organization_id"], situation["to"]
            result.changes += await mark_address(transaction, reach, organization_id, address, *mark, now)
        # A mark calls somebody in the cases that are open; of one that has ended, only this reminder can.
        is_told = mark is not None and situation["case_state"] != CaseState.CLOSED
        result.changes.append(_explained(one, situation, retries, now, is_marked=mark is not None, is_told=is_told))
        _report(one)
    result.events = await _send_again(transaction, retries, now)
    return result


def _as_the_carrier_says(outcome: Outcome) -> str:
    return f"{outcome.reason} (error {outcome.error_code})"


def _opts_out(outcome: Outcome) -> bool:
    return outcome.fault is not None and consequence_of(outcome.fault).opts_out


def _mark(outcome: Outcome, situation: dict[str, Any]) -> tuple[PhoneProblemKind, str] | None:
    assert outcome.fault is not None
    if not situation["is_same_address"]:
        return None  # the customer's address was corrected while this was under way
    if kind := consequence_of(outcome.fault).marks:
        return kind, outcome.reason or ""
    earlier = [Fault(name) if name else None for name in situation["earlier_faults"]]
    if is_given_up([outcome.fault, *earlier]):
        return PhoneProblemKind.UNREACHABLE, words_of(IntegrationKind(situation["method"])).unreachable
    return None


def _explained(
    one: Failed,
    situation: dict[str, Any],
    retries: list[tuple[int, datetime]],
    now: datetime,
    *,
    is_marked: bool,
    is_told: bool,
) -> StatusChange:
    """Return the change with what becomes of the reminder; put it among `retries` if it goes once more."""
    assert one.outcome.fault is not None
    if not consequence_of(one.outcome.fault).may_pass:
        return replace(one.change, needs_person=not is_told)
    failure = Failure(
        lasts=one.outcome.lasts,
        retries=situation["retries"],
        case_state=CaseState(situation["case_state"]),
        next_step_at=situation["next_step_at"],
        is_connected=situation["is_connected"],
        kind=IntegrationKind(situation["method"]),
        is_same_address=situation["is_same_address"],
        is_resent=situation["is_resent"],
        may_be_reached=situation["may_be_reached"] and not is_marked,
    )
    decision = may_retry(failure, now)
    if isinstance(decision, Retry):
        retries.append((one.change.reminder_id, decision.at))
        return replace(one.change, reason=f"{one.change.reason} It is sent once more.", needs_person=False)
    reason = f"{one.change.reason} It is not sent again: {decision.reason}"
    return replace(one.change, reason=reason, needs_person=not is_told)


def _report(one: Failed) -> None:
    assert one.outcome.fault is not None
    if consequence_of(one.outcome.fault).is_ours:
        _log.error("carrier error %s of reminder %s", one.outcome.error_code, one.change.reminder_id)


async def _send_again(transaction: Transaction, retries: Sequence[tuple[int, datetime]], now: datetime) -> list[Change]:
    """Schedule a reminder anew, in the failed one's words; return the events."""
    if not retries:
        return []
    created = await transaction.rows(_INSERT_RETRIES, *zip(*retries, strict=True), now)
    return [Change(row["organization_id"], row["case_id"], row["id"], ReminderStatus.SCHEDULED, now) for row in created]


async def take_back(transaction: Transaction, reminder_id: int) -> list[StatusChange]:
    """Undo what followed from a failure of a reminder that has arrived after all; return what is to be canceled."""
    customers = await transaction.rows(_TO_TRUST, reminder_id)
    for reach in REACHES.values():
        ids = [row["id"] for row in customers if row["method"] == reach.kind]
        await trust_addresses(transaction, reach, ids)
    scheduled = await transaction.rows(_RETRIES_OF, reminder_id)
    return [canceled(row, failed(Check.CASE, _ARRIVED)) for row in scheduled]


async def block_or_hold(transaction: Transaction, connection_id: int, outcome: Outcome, now: datetime) -> None:
    """Let nothing go out of a connection that the carrier refuses: until a person connects again, or for a while.

    The caller holds its integration FOR UPDATE.
    """
    if outcome.fault is None:
        return
    consequence = consequence_of(outcome.fault)
    if consequence.blocks:
        await transaction.rows(
            "UPDATE integration SET status = 'NEEDS_ATTENTION', attention_reason = $2 WHERE connection_id = $1",
            connection_id,
            outcome.reason,
        )
    if consequence.holds:
        await transaction.rows(
            "UPDATE integration SET held_until = $2, held_reason = $3 WHERE connection_id = $1",
            connection_id,
            now + (outcome.lasts or _USUAL_HOLD),
            outcome.reason,
        )


_SITUATIONS = """
SELECT r.id, r.organization_id, r.method, r."to", c.state AS case_state,
       i.connection_id IS NOT NULL AND NOT EXISTS (
         SELECT 1 FROM send_attempt a JOIN connection former ON former.id = a.connection_id
         WHERE a.reminder_id = r.id AND former.disconnected_at IS NOT NULL) AS is_connected,
       coalesce(CASE r.method WHEN 'SMS' THEN customer.phone WHEN 'EMAIL' THEN customer.email END = r."to", false)
         AS is_same_address,
       CASE r.method WHEN 'SMS' THEN customer.sms_opted_out_at IS NULL AND customer.phone_problem IS NULL
         ELSE customer.email_opted_out_at IS NULL AND customer.email_problem IS NULL END AS may_be_reached,
       EXISTS (SELECT 1 FROM reminder newer WHERE newer.case_step_id = r.case_step_id
               AND newer.resend_number > r.resend_number) AS is_resent,
       (SELECT count(*) FROM reminder again WHERE again.case_step_id = r.case_step_id AND again.is_retry) AS retries,
       (SELECT min(s.due_at) FROM case_step s
        WHERE s.case_id = r.case_id AND s.state = 'PENDING' AND s.communication_method <> 'NONE') AS next_step_at,
       ARRAY(SELECT earlier.fault
             FROM customer same JOIN collection_case theirs ON theirs.customer_id = same.id
             JOIN reminder earlier ON earlier.case_id = theirs.id
             WHERE same.organization_id = r.organization_id AND (same.phone = r."to" OR same.email = r."to")
               AND earlier."to" = r."to"
               AND earlier.id <> r.id AND earlier.status IN ('DELIVERED', 'UNDELIVERED', 'FAILED')
             ORDER BY earlier.id DESC LIMIT 2) AS earlier_faults
FROM reminder r JOIN collection_case c ON c.id = r.case_id JOIN customer ON customer.id = c.customer_id
JOIN integration i ON i.id = r.integration_id
WHERE r.id = ANY($1)
"""

_INSERT_RETRIES = """
INSERT INTO reminder (organization_id, case_id, case_step_id, integration_id, method, "to", text, subject, language,
  is_fallback_language, encoding, segments, estimated_cost, estimated_cost_currency, scheduled_for, created_at,
  status, resend_number, is_retry, fence, tries)
SELECT r.organization_id, r.case_id, r.case_step_id, r.integration_id, r.method, r."to", r.text, r.subject, r.language,
  r.is_fallback_language, r.encoding, r.segments, r.estimated_cost, r.estimated_cost_currency, again.at, $3,
  'SCHEDULED',
  (SELECT max(every.resend_number) + 1 FROM reminder every WHERE every.case_step_id = r.case_step_id), true, 0, 0
FROM unnest($1::bigint[], $2::timestamptz[]) AS again(id, at) JOIN reminder r ON r.id = again.id
ORDER BY r.id
RETURNING id, organization_id, case_id
"""

_TO_TRUST = """
SELECT customer.id, r.method FROM customer JOIN reminder r ON r.organization_id = customer.organization_id
WHERE r.id = $1 AND (customer.phone = r."to" AND customer.phone_problem = 'UNREACHABLE'
                     OR customer.email = r."to" AND customer.email_problem = 'UNREACHABLE')
"""

_RETRIES_OF = """
SELECT again.id, again.organization_id, again.case_id, again.case_step_id
FROM reminder r JOIN reminder again ON again.case_step_id = r.case_step_id AND again.id > r.id
WHERE r.id = $1 AND again.is_retry AND again.status = 'SCHEDULED'
ORDER BY again.id FOR NO KEY UPDATE OF again
"""
