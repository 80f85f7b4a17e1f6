"""Open collection cases in bulk: idempotent by external reference, all or nothing."""

import json
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dunlin.domain.actions.register_mandates import Told, check_owners, store_mandates
from dunlin.domain.actions.stop_for_deceased import mark_deceased
from dunlin.domain.actions.store_customers import follow_addresses, upsert_customers, use_countries_of
from dunlin.domain.actions.under_way import OF_CUSTOMERS, until_nothing_is_under_way
from dunlin.domain.choices import AuditAction, CaseState, Permission, ReturnReaction
from dunlin.domain.errors import Problem, ProblemCode, Refusal, not_found
from dunlin.domain.idempotency import Once, RowsOf, by_key
from dunlin.domain.rules.case_input import NewCase, check_cases, normalized
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
    content = {"cycle": cycle.id, "cases": [asdict(case) for case in checked]}

    def work(transaction: Transaction) -> Awaitable[list[CollectionCase]]:
        return _open_unknown(transaction, viewer, organization, cycle, checked, now)

    answer = RowsOf(CollectionCase)
    opened = await store.transact(by_key(viewer, organization.id, once, "openCollectionCases", content, work, answer))
    dead = [
        case.customer_id for case, given in zip(opened, checked, strict=True) if given.return_reason_code == DECEASED
    ]
    if dead:
        await until_nothing_is_under_way(store, OF_CUSTOMERS, dead)
    return opened


async def _open_unknown(
    transaction: Transaction,
    viewer: Viewer,
    organization: Organization,
    cycle: CollectionCycle,
    cases: Sequence[NewCase],
    now: datetime,
) -> list[CollectionCase]:
    """Return the cases, in their order; those that there are not are opened."""
    references = [case.external_reference for case in cases]
    await hold_integrations(transaction, organization.id)  # or a disconnect could miss the steps copied here
    # The organization's row is the queue: two calls with the same references open each case once.
    await Organization.select_for_update(no_key=True).get(id=organization.id)
    steps = await hold_steps(transaction, cycle)
    known = await _by_reference(organization.id, references)
    new = [case for case in cases if case.external_reference not in known]
    if problems := await _conflicts(organization.id, cases, known):
        raise Refusal(problems)
    told = await _told_dead(cases, known)
    of_new = [case.customer for case in new]
    await follow_addresses(transaction, organization.id, of_new, told, now)
    if new:
        customers = await upsert_customers(transaction, organization.id, of_new)
        await store_mandates(transaction, organization.id, _mandates(cases, known), customers, now)
        await insert_cases(transaction, organization, cycle, steps, new, customers, now)
        await use_countries_of(transaction, organization.id, of_new, now)
        transaction.plans_due = True
        _audit_opening(transaction, viewer, cycle, new)
    await _stop_for_deceased(transaction, viewer, organization.id, new, told, now)
    opened = await _by_reference(organization.id, references)
    return [opened[reference] for reference in references]


async def hold_steps(transaction: Transaction, cycle: CollectionCycle) -> list[CollectionStep]:
    """Return the steps that are copied, which nobody changes, adds or removes before commit."""
    held = await transaction.rows(
        "SELECT step.id FROM collection_cycle cycle JOIN collection_step step ON step.cycle_id = cycle.id"
        " WHERE cycle.id = $1 ORDER BY step.id FOR SHARE",
        cycle.id,
    )
    if not held:
        raise Refusal([Problem(ProblemCode.INVALID, "The cycle has no steps.", ("cycleId",))])
    return await CollectionStep.filter(cycle_id=cycle.id).order_by("position")


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


async def _conflicts(
    organization_id: int, cases: Sequence[NewCase], known: Mapping[str, CollectionCase]
) -> list[Problem]:
    """Return what new cases say of direct debits and mandates that are known as those of others."""
    given = {
        case.end_to_end_id: place
        for place, case in enumerate(cases)
        if case.end_to_end_id and case.external_reference not in known
    }
    taken = await rows(_TAKEN_DEBITS, organization_id, list(given)) if given else []
    return [
        Problem(
            ProblemCode.DUPLICATE,
            f"The case {row['external_reference']} has this end-to-end id already.",
            ("cases", str(given[row["end_to_end_id"]]), "endToEndId"),
        )
        for row in taken
    ] + await check_owners(organization_id, _mandates(cases, known))


def _mandates(cases: Sequence[NewCase], known: Mapping[str, CollectionCase]) -> list[Told]:
    """Return what new cases tell of mandates."""
    return [
        Told(
            ("cases", str(place), "customer", "mandateReferences", str(nth)),
            reference,
            case.customer.external_reference,
        )
        for place, case in enumerate(cases)
        if case.external_reference not in known
        for nth, reference in enumerate(case.customer.mandate_references)
    ]


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
    customers = await Customer.filter(organization_id=organization_id, external_reference__in=references)
    deceased = {one.id for one in customers if one.deceased_at is not None or one.external_reference in told}
    await mark_deceased(transaction, viewer, organization_id, deceased, now)


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


async def insert_cases(
    transaction: Transaction,
    organization: Organization,
    cycle: CollectionCycle,
    steps: Sequence[CollectionStep],
    cases: Sequence[NewCase],
    customers: Mapping[str, int],
    now: datetime,
) -> None:
    """Insert checked cases that are not known; `customers` are stored, by external reference.

    The caller holds the integrations, the organization and the steps.
    """
    openings = await _openings(organization.id, cases)
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
            "end_to_end_id": case.end_to_end_id,
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
    chosen = await reactions_of(organization_id)
    return {
        (code, is_refund): opening_of(code, chosen, is_refund=is_refund)
        for code, is_refund in {(case.return_reason_code, case.is_refund) for case in cases}
    }


async def reactions_of(organization_id: int) -> dict[str, ReturnReaction]:
    """Return the organization's own reactions to return reasons, by code."""
    return {row.code: row.reaction for row in await ReturnReasonChoice.filter(organization_id=organization_id)}


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


_TAKEN_DEBITS = """
SELECT c.end_to_end_id, c.external_reference FROM unnest($2::text[]) AS given(id)
JOIN collection_case c ON c.organization_id = $1 AND c.end_to_end_id = given.id
"""

_INSERT_CASES = """
WITH new AS (
  SELECT * FROM jsonb_to_recordset($4::text::jsonb) AS n(
    number text, external_reference text, end_to_end_id text, customer_id bigint, origin text, return_reason_code text,
    reaction text, state text, pause_reason text, attention_reason text, amount_due numeric, currency text,
    due_on date, payment_link text, next_action_at timestamptz, due_at timestamptz[])
), opened AS (
  INSERT INTO collection_case (organization_id, cycle_id, number, external_reference, end_to_end_id, customer_id,
    origin, return_reason_code, reaction, state, pause_reason, paused_at, attention_reason, amount_due, currency,
    due_on, payment_link, opened_at, next_action_at)
  SELECT $1, $2, number, external_reference, end_to_end_id, customer_id, origin, return_reason_code, reaction, state,
    pause_reason, CASE WHEN state = 'PAUSED' THEN $3::timestamptz END, attention_reason, amount_due, currency, due_on,
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
