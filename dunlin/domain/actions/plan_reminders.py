"""Plan what is due: one transaction turns due steps into reminders, or says why there is none."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dunlin.domain.actions.case_calendar import Delay, delay_steps, point_to_next_step
from dunlin.domain.actions.complete_cases import complete_cases
from dunlin.domain.actions.contacts import LIMITS_COLUMNS, contacts_of, limits_of
from dunlin.domain.actions.customer_hours import HOURS_COLUMNS, hours_of
from dunlin.domain.actions.drafts import DRAFT_COLUMNS, draft_of
from dunlin.domain.actions.estimates import estimates, sized
from dunlin.domain.actions.hold_due import hold_due
from dunlin.domain.actions.recipients import RECIPIENT_COLUMNS, recipient_of
from dunlin.domain.choices import Check, CommunicationMethod, IntegrationStatus, ReturnReaction
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.plan import DueStep, Remind, Skip, decide
from dunlin.domain.rules.recipient import kind_of
from dunlin.domain.rules.return_reason import why_never
from dunlin.domain.rules.schedule import days_late
from dunlin.domain.rules.trace import decision
from dunlin.domain.store import Change, Store, Transaction

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A due step with the keys of what it touches."""

    case_step_id: int
    organization_id: int
    case_id: int
    position: int
    integration_id: int | None
    days_late: int
    customer_id: int
    step: DueStep


async def plan_reminders(store: Store, now: datetime, *, limit: int = 500) -> int:
    """Plan at most `limit` due steps, the next one of each due case; return how many there were.

    Several processes may plan at once: each takes other cases.
    """

    async def plan(transaction: Transaction) -> int:
        organizations = await hold_due(transaction, _DUE, now, limit)
        due = [due_of(row, now) for row in await transaction.rows(_SELECT_DUE, now, limit, organizations)]
        outcomes = await _decide_in_turn(due, now)
        await schedule_reminders(transaction, [(one, o) for one, o in outcomes if isinstance(o, Remind)], now)
        await _skip(transaction, [(one, o) for one, o in outcomes if isinstance(o, Skip)], now)
        await _move_on(transaction, due, now)
        return len(due)

    return await store.transact(plan)


def due_of(row: dict[str, Any], now: datetime) -> Due:
    zone = ZoneInfo(row["time_zone"])
    reaction = ReturnReaction(row["reaction"])
    method = CommunicationMethod(row["communication_method"])
    kind = kind_of(method)
    draft = draft_of(row, kind)
    step = DueStep(
        communication_method=method,
        integration_status=IntegrationStatus(row["integration_status"]) if row["integration_status"] else None,
        never_because=why_never(row["return_reason_code"], reaction, is_deceased=row["deceased_at"] is not None),
        recipient=recipient_of(row, kind),
        texts=draft.texts,
        customer_language=draft.customer_language,
        default_language=draft.default_language,
        filling=draft.filling,
        hours=hours_of(row),
        limits=limits_of(row),
        reset_reason=row["skipped_reason"],
    )
    return Due(
        case_step_id=row["case_step_id"],
        organization_id=row["organization_id"],
        case_id=row["case_id"],
        position=row["position"],
        integration_id=row["integration_id"],
        days_late=days_late(row["due_at"], now, zone),
        customer_id=row["customer_id"],
        step=step,
    )


async def _decide_in_turn(due: Sequence[Due], now: datetime) -> list[tuple[Due, Remind | Skip]]:
    """Decide about the oldest first; what is planned for one counts for the next to the same customer.

    Another process may plan for the same customer at this moment: the limits are kept when a reminder is marked.
    """
    contacts = await contacts_of({one.customer_id for one in due if one.step.limits.are_set}, now)
    outcomes: list[tuple[Due, Remind | Skip]] = []
    for one in due:
        own = contacts[one.customer_id]
        outcome = decide_one(replace(one, step=replace(one.step, others=own.all_from(now))), now)
        if isinstance(outcome, Remind):
            own.planned[one.case_step_id] = outcome.scheduled_for
        outcomes.append((one, outcome))
    return outcomes


def decide_one(due: Due, now: datetime) -> Remind | Skip:
    """Decide, and let one step that cannot be decided hold up nobody else's."""
    try:
        return decide(due.step, now)
    except Exception:
        _log.exception("cannot plan case step %s", due.case_step_id)
        error = failed(Check.PLANNING, "This step could not be planned because of an error on our side.")
        return Skip(error.sentence, findings=(error,))


async def schedule_reminders(
    transaction: Transaction, reminders: Sequence[tuple[Due, Remind]], now: datetime, *, resend_number: int = 0
) -> None:
    """Store reminders as SCHEDULED, one per step and `resend_number`; their steps are DONE."""
    if not reminders:
        return
    texts = [sized(due.organization_id, remind.to, remind.encoded) for due, remind in reminders]
    costs = await estimates(transaction, texts, now)
    created = await transaction.rows(
        _INSERT_REMINDERS,
        *zip(
            *(
                (
                    due.organization_id,
                    due.case_id,
                    due.case_step_id,
                    due.integration_id,
                    due.step.communication_method.value,
                    remind.to,
                    remind.text,
                    remind.language,
                    remind.encoded.encoding.value if remind.encoded else None,
                    remind.encoded.segments if remind.encoded else None,
                    remind.scheduled_for,
                    cost.amount if cost else None,
                    cost.currency if cost else None,
                    remind.waits_because,
                    remind.is_fallback,
                    remind.subject,
                )
                for (due, remind), cost in zip(reminders, costs, strict=True)
            ),
            strict=True,
        ),
        now,
        resend_number,
    )
    transaction.record(
        [Change(row["organization_id"], row["case_id"], row["id"], ReminderStatus.SCHEDULED, now) for row in created]
    )
    await transaction.rows(
        "UPDATE case_step s SET state = 'DONE',"
        " trace = coalesce(s.trace, '[]') || jsonb_build_array(t.decision::jsonb)"
        " FROM unnest($1::bigint[], $2::text[]) AS t(id, decision) WHERE s.id = t.id",
        [due.case_step_id for due, _ in reminders],
        [json.dumps(decision(remind.findings, now)) for _, remind in reminders],
    )
    transaction.reminders_due = True


async def _skip(transaction: Transaction, skips: Sequence[tuple[Due, Skip]], now: datetime) -> None:
    if not skips:
        return
    await transaction.rows(
        "UPDATE case_step s SET state = 'SKIPPED', skipped_reason = t.reason, trace = t.trace::jsonb"
        " FROM unnest($1::bigint[], $2::text[], $3::text[]) AS t(id, reason, trace) WHERE s.id = t.id",
        [due.case_step_id for due, _ in skips],
        [skip.reason for _, skip in skips],
        [json.dumps([decision(skip.findings, now)]) for _, skip in skips],
    )
    attention = [(due.case_id, skip.reason) for due, skip in skips if skip.needs_attention]
    if attention:
        await transaction.rows(
            "UPDATE collection_case c SET attention_reason = t.reason"
            " FROM unnest($1::bigint[], $2::text[]) AS t(id, reason) WHERE c.id = t.id",
            *zip(*attention, strict=True),
        )


async def _move_on(transaction: Transaction, due: Sequence[Due], now: datetime) -> None:
    """Point each case to its next step; steps after one that comes late move by the same number of days."""
    if not due:
        return
    await delay_steps(transaction, [Delay(one.case_id, one.position, one.days_late) for one in due if one.days_late])
    case_ids = [one.case_id for one in due]
    await point_to_next_step(transaction, case_ids)
    await complete_cases(transaction, case_ids, now)


_DUE = """
SELECT organization_id FROM collection_case
WHERE state = 'ACTIVE' AND next_action_at <= $2 AND organization_id <> ALL($1) ORDER BY next_action_at LIMIT $3
"""


# Of a case `c` and its step `s`: all that decides about the step; see `due_of`.
STEP_COLUMNS = f"""s.id AS case_step_id, s.organization_id, s.case_id, s.position, s.communication_method, s.due_at,
  s.skipped_reason, c.return_reason_code, customer.deceased_at, {RECIPIENT_COLUMNS},
  {DRAFT_COLUMNS}, {HOURS_COLUMNS}, {LIMITS_COLUMNS},
  i.id AS integration_id, i.status AS integration_status"""
STEP_JOINS = """JOIN step_texts texts ON texts.id = s.texts_id
JOIN customer ON customer.id = c.customer_id
JOIN organization o ON o.id = c.organization_id
LEFT JOIN integration i ON i.organization_id = c.organization_id AND i.kind = s.communication_method"""


def select_step(cases: str, steps: str) -> str:
    """Return the query of one step for each of `cases`, with all that decides about it; see `due_of`."""
    return f"SELECT {STEP_COLUMNS} FROM ({cases}) c CROSS JOIN LATERAL ({steps}) s {STEP_JOINS} ORDER BY s.due_at, s.id"


_SELECT_DUE = select_step(
    cases="SELECT * FROM collection_case WHERE state = 'ACTIVE' AND next_action_at <= $1 AND organization_id = ANY($3)"
    " ORDER BY next_action_at LIMIT $2 FOR UPDATE SKIP LOCKED",
    steps="SELECT * FROM case_step WHERE case_id = c.id AND state = 'PENDING' ORDER BY position LIMIT 1",
)

_INSERT_REMINDERS = """
INSERT INTO reminder (organization_id, case_id, case_step_id, integration_id, method, "to", text, language, encoding,
  segments, scheduled_for, estimated_cost, estimated_cost_currency, status_reason, is_fallback_language, subject,
  created_at, status, resend_number, fence, tries)
SELECT t.*, $17::timestamptz, 'SCHEDULED', $18::int, 0, 0
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::int[], $11::timestamptz[], $12::numeric[], $13::text[], $14::text[],
            $15::bool[], $16::text[]) AS t
ON CONFLICT (case_step_id, resend_number) DO NOTHING
RETURNING id, organization_id, case_id
"""
