"""Open collection cases in bulk: idempotent by external reference, all or nothing."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dunlin.domain.actions.change_numbers import change_numbers
from dunlin.domain.actions.stop_for_deceased import hold_cases_of, stop_for_deceased
from dunlin.domain.actions.under_way import OF_CUSTOMERS, until_nothing_is_under_way
from dunlin.domain.choices import AuditAction, CaseState, Permission
from dunlin.domain.errors import Problem, ProblemCode, Refusal, not_found
from dunlin.domain.idempotency import Once, RowsOf, by_key
from dunlin.domain.price_list import use_countries
from dunlin.domain.rules.case_input import NewCase, check_cases, normalized
from dunlin.domain.rules.phone import country_of
from dunlin.domain.rules.return_reason import DECEASED, Opening, opening_of
from dunlin.domain.rules.schedule import SendWindow, starts_at, step_dates, window_of
from dunlin.domain.store import Store, Transaction, hold_integrations, rows
from dunlin.domain.tables import (
    CollectionCase,
    CollectionCycle,
    CollectionStep,
    Customer,
    Organization,
    ReturnReasonChoice,
)
from dunlin.domain.viewer import Viewer


async def open_cases(
    store: Store,
    viewer: Viewer,
    *,
    organization_id: int,
    cycle_id: int,
    cases: list[NewCase],
    now: datetime,
    once: Once | None = None,
) -> list[CollectionCase]:
    """Return one case per entry, in their order; a case that exists is returned as it is.

    But a death (MD07) counts also where it is told of a case that exists: every case of that customer stops.
    Refuses with NOT_FOUND, IDEMPOTENCY_KEY_REUSED, or with every problem of every entry under its path; nothing is
    opened then.
    """
    viewer.require(Permission.COLLECT)
    organization = await viewer.organization(organization_id, "organizationId")
    cycle = await CollectionCycle.get_or_none(id=cycle_id, organization_id=organization.id)
    if cycle is None:
        raise not_found("collection cycle", "cycleId")
    if problems := check_cases(cases, organization.country):
        raise Refusal(problems)
    checked = [normalized(case, organization.country) for case in cases]
    references = [case.external_reference for case in checked]

    content = {"cycle": cycle.id, "cases": [asdict(case) for case in checked]}

    async def open_unknown(transaction: Transaction) -> list[CollectionCase]:
        await hold_integrations(transaction, organization.id)  # or a disconnect could miss the steps copied here
        # The organization's row is the queue: two calls with the same references open each case once.
        await Organization.select_for_update(no_key=True).get(id=organization.id)
        steps = await _hold_steps(transaction, cycle)
        known = await _by_reference(organization.id, references)
        new = [case for case in checked if case.external_reference not in known]
        told = await _told_dead(checked, known)
        await _follow_numbers(transaction, organization.id, new, told, now)
        if new:
            await _insert(transaction, organization, cycle, steps, new, now)
            await _use_countries(transaction, organization.id, new, now)
            transaction.plans_due = True
            _audit_opening(transaction, viewer, cycle, new)
        await _stop_for_deceased(transaction, viewer, organization.id, new, told, now)
        opened = await _by_reference(organization.id, references)
        return [opened[reference] for reference in references]

    answer = RowsOf(CollectionCase)
    opened = await store.transact(
        by_key(viewer, organization.id, once, "openCollectionCases", content, open_unknown, answer)
    )
    dead = [
        case.customer_id for case, given in zip(opened, checked, strict=True) if given.return_reason_code == DECEASED
    ]
    if dead:
        await until_nothing_is_under_way(store, OF_CUSTOMERS, dead)
    return opened


async def _hold_steps(transaction: Transaction, cycle: CollectionCycle) -> list[CollectionStep]:
    """Return the steps that are copied, which nobody changes, adds or removes before commit."""
    held = await transaction.rows(
        "SELECT step.id FROM collection_cycle cycle JOIN collection_step step ON step.cycle_id = cycle.id"
        " WHERE cycle.id = $1 ORDER BY step.id FOR SHARE",
        cycle.id,
    )
    if not held:
        raise Refusal([Problem(ProblemCode.INVALID, "The cycle has no steps.", ("cycleId",))])
    return await CollectionStep.filter(cycle_id=cycle.id).order_by("position")


async def _follow_numbers(
    transaction: Transaction, organization_id: int, new: Sequence[NewCase], told: Collection[str], now: datetime
) -> None:
    """Hold the cases of customers who have died or move, before the customers, and give these their other numbers."""
    latest = {case.customer.external_reference: case.customer.phone for case in new}
    moved = await transaction.rows(_MOVED_CUSTOMERS, organization_id, list(latest), list(latest.values()))
    await hold_cases_of(transaction, organization_id, {*told, *(row["external_reference"] for row in moved)})
    await change_numbers(transaction, {row["id"]: row["phone"] for row in moved}, now)


async def _use_countries(
    transaction: Transaction, organization_id: int, cases: Sequence[NewCase], now: datetime
) -> None:
    countries = {country_of(case.customer.phone) for case in cases if case.customer.phone is not None}
    await use_countries(transaction, [(organization_id, country) for country in countries if country], now)


def _audit_opening(transaction: Transaction, viewer: Viewer, cycle: CollectionCycle, new: Sequence[NewCase]) -> None:
    transaction.audit(
        viewer,
        AuditAction.CASES_OPENED,
        ("CollectionCycle", cycle.id),
        organization_id=cycle.organization_id,
        after={"cases": len(new), "first": new[0].external_reference, "last": new[-1].external_reference},
    )


async def _told_dead(cases: Sequence[NewCase], known: Mapping[str, CollectionCase]) -> set[str]:
    """Return the references of the customers of whose death these cases tell, and nobody told before."""
    dead = [case for case in cases if case.return_reason_code == DECEASED]
    ids = [known[case.external_reference].customer_id for case in dead if case.external_reference in known]
    of_known = await Customer.filter(id__in=ids, deceased_at=None) if ids else []
    return {case.customer.external_reference for case in dead if case.external_reference not in known} | {
        customer.external_reference for customer in of_known
    }


async def _stop_for_deceased(
    transaction: Transaction,
    viewer: Viewer,
    organization_id: int,
    new: Sequence[NewCase],
    told: Collection[str],
    now: datetime,
) -> None:
    """Stop the cases of those customers of new cases who have died, and of those whose death was told now."""
    references = {case.customer.external_reference for case in new} | set(told)
    customers = await Customer.filter(organization_id=organization_id, external_reference__in=references).order_by("id")
    deceased = [one for one in customers if one.deceased_at is not None or one.external_reference in told]
    for customer in deceased:
        if customer.deceased_at is None:
            transaction.audit(
                viewer,
                AuditAction.CUSTOMER_DECEASED,
                ("Customer", customer.id),
                organization_id=organization_id,
                after={"deceasedAt": now},
            )
    await stop_for_deceased(transaction, {customer.id for customer in deceased}, now)


async def _by_reference(organization_id: int, references: list[str]) -> dict[str, CollectionCase]:
    # Joined, not IN (...): before the first ANALYZE the planner would compare each of them with every case there is.
    found = await rows(
        "SELECT c.id FROM unnest($2::text[]) AS given(reference) JOIN collection_case c"
        " ON c.organization_id = $1 AND c.external_reference = given.reference",
        organization_id,
        references,
    )
    cases = await CollectionCase.filter(id__in=[row["id"] for row in found]) if found else []
    return {case.external_reference: case for case in cases}


async def _insert(
    transaction: Transaction,
    organization: Organization,
    cycle: CollectionCycle,
    steps: Sequence[CollectionStep],
    cases: Sequence[NewCase],
    now: datetime,
) -> None:
    openings = await _openings(organization.id, cases)
    customers = await _upsert_customers(transaction, organization.id, cases)
    last = await transaction.rows(
        "UPDATE organization SET last_case_number = last_case_number + $2 WHERE id = $1 RETURNING last_case_number",
        organization.id,
        len(cases),
    )
    first_number = last[0]["last_case_number"] - len(cases) + 1
    schedules = _schedules(organization, steps, cases, now)
    rows = [
        {
            "number": f"DC-{first_number + place}",
            "external_reference": case.external_reference,
            "customer_id": customers[case.customer.external_reference],
            "origin": case.origin,
            "return_reason_code": case.return_reason_code,
            "amount_due": str(case.amount),
            "currency": case.currency,
            "due_on": case.due_on.isoformat(),
            "payment_link": case.payment_link,
            "reaction": opening.reaction,
            "state": CaseState.PAUSED if opening.is_paused else CaseState.ACTIVE,
            "pause_reason": opening.attention if opening.is_paused else None,
            "attention_reason": opening.attention,
            "next_action_at": None if opening.is_paused else schedules[case.due_on][0].isoformat(),
            "due_at": [moment.isoformat() for moment in schedules[case.due_on]],
        }
        for place, case in enumerate(cases)
        for opening in [openings[case.return_reason_code, case.is_refund]]
    ]
    await transaction.rows(_INSERT_CASES, organization.id, cycle.id, now, json.dumps(rows))


async def _openings(organization_id: int, cases: Sequence[NewCase]) -> Mapping[tuple[str | None, bool], Opening]:
    """Return how cases begin, for each return reason that occurs, whether refunded or not."""
    chosen = {row.code: row.reaction for row in await ReturnReasonChoice.filter(organization_id=organization_id)}
    return {
        (code, is_refund): opening_of(code, chosen, is_refund=is_refund)
        for code, is_refund in {(case.return_reason_code, case.is_refund) for case in cases}
    }


def _schedules(
    organization: Organization, steps: Sequence[CollectionStep], cases: Sequence[NewCase], now: datetime
) -> dict[date, list[datetime]]:
    """Return the moments of all steps for each due date that occurs."""
    zone = ZoneInfo(organization.time_zone)
    window: SendWindow = window_of(organization.window_start, organization.window_end, organization.window_days)
    today = now.astimezone(zone).date()
    days = [step.trigger_days for step in steps]
    return {
        due_on: [starts_at(day, window, zone) for day in step_dates(due_on, days, today)]
        for due_on in {case.due_on for case in cases}
    }


async def _upsert_customers(transaction: Transaction, organization_id: int, cases: Sequence[NewCase]) -> dict[str, int]:
    """Store what the newest case says of each customer; return their ids by external reference."""
    latest = {case.customer.external_reference: case.customer for case in cases}
    rows = [
        {
            "external_reference": customer.external_reference,
            "name": customer.name,
            "language": customer.language,
            "phone": customer.phone,
            "email": customer.email,
            "time_zone": customer.time_zone,
        }
        for _, customer in sorted(latest.items())
    ]
    stored = await transaction.rows(_UPSERT_CUSTOMERS, organization_id, json.dumps(rows))
    return {row["external_reference"]: row["id"] for row in stored}


# Nobody changes numbers meanwhile: whoever does holds the organization, as we do.
_MOVED_CUSTOMERS = """
SELECT customer.id, customer.external_reference, new.phone
FROM unnest($2::text[], $3::text[]) AS new(external_reference, phone)
JOIN customer ON customer.organization_id = $1 AND customer.external_reference = new.external_reference
WHERE customer.phone IS DISTINCT FROM new.phone
"""

_UPSERT_CUSTOMERS = """
INSERT INTO customer (organization_id, external_reference, name, language, phone, email, time_zone, created_at,
  sms_opted_out_at)
SELECT $1, external_reference, name, language, phone, email, time_zone, now(),
  (SELECT o.opted_out_at FROM sms_opt_out o
   WHERE o.organization_id = $1 AND o.phone = new.phone AND o.lifted_at IS NULL)
FROM jsonb_to_recordset($2::text::jsonb)
  AS new(external_reference text, name text, language text, phone text, email text, time_zone text)
ON CONFLICT (organization_id, external_reference) DO UPDATE
SET name = excluded.name, language = excluded.language, phone = excluded.phone, email = excluded.email,
    time_zone = excluded.time_zone
RETURNING id, external_reference
"""

_INSERT_CASES = """
WITH new AS (
  SELECT * FROM jsonb_to_recordset($4::text::jsonb) AS n(
    number text, external_reference text, customer_id bigint, origin text, return_reason_code text,
    reaction text, state text, pause_reason text, attention_reason text, amount_due numeric, currency text,
    due_on date, payment_link text, next_action_at timestamptz, due_at timestamptz[])
), opened AS (
  INSERT INTO collection_case (organization_id, cycle_id, number, external_reference, customer_id, origin,
    return_reason_code, reaction, state, pause_reason, paused_at, attention_reason, amount_due, currency, due_on,
    payment_link, opened_at, next_action_at)
  SELECT $1, $2, number, external_reference, customer_id, origin, return_reason_code, reaction, state, pause_reason,
    CASE WHEN state = 'PAUSED' THEN $3::timestamptz END, attention_reason, amount_due, currency, due_on,
    payment_link, $3, next_action_at
  FROM new RETURNING id, external_reference
), ordered AS (
  SELECT s.*, row_number() OVER (ORDER BY s.position) AS place FROM collection_step s WHERE s.cycle_id = $2
)
INSERT INTO case_step (organization_id, case_id, step_id, position, name, trigger_days, communication_method,
  texts_id, due_at, state)
SELECT $1, opened.id, s.id, s.position, s.name, s.trigger_days, s.communication_method, s.texts_id,
  new.due_at[s.place], 'PENDING'
FROM opened JOIN new USING (external_reference) CROSS JOIN ordered s
"""
