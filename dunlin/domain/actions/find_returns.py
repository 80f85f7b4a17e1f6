"""Find what is known of returned direct debits: their cases, their mandates, and what was taken of them before."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from dunlin.domain.actions.register_mandates import mandates_by
from dunlin.domain.choices import CaseClosedReason, DateBasis
from dunlin.domain.rules.bank_return import Found, FoundCase, Taken, ToldReturn, mandate_key
from dunlin.domain.rules.return_reason import DECEASED
from dunlin.domain.store import Transaction


async def find_returns(transaction: Transaction, organization_id: int, run: Sequence[ToldReturn]) -> list[Found]:
    """Return what is known of each return. The cases found, and those of customers who have died, are held then.

    The caller holds the integrations and the organization.
    """
    returns = [(place, one) for place, one in enumerate(run) if one.why_unused is None and one.reference is not None]
    places, references = [place for place, _ in returns], [one.reference for _, one in returns]
    debits = [one.end_to_end_id for _, one in returns]
    found = await transaction.rows(_CANDIDATES, organization_id, places, references, debits)
    owners = {
        mandate.folded: mandate.customer_id
        for mandate in await mandates_by(
            organization_id, [one.mandate_reference for _, one in returns if one.mandate_reference]
        )
    }
    dead = {
        owners[mandate_key(one)] for _, one in returns if one.reason_code == DECEASED and mandate_key(one) in owners
    }
    dead |= {row["customer_id"] for row in found if run[row["place"]].reason_code == DECEASED}
    await transaction.rows(_HOLD, sorted({row["id"] for row in found}), sorted(dead))
    # Read when they are held: a payment may have come in between.
    cases = {
        row["id"]: _found_case(row) for row in await transaction.rows(_CASES, sorted({row["id"] for row in found}))
    }
    of_place: defaultdict[int, list[FoundCase]] = defaultdict(list)
    for row in found:
        of_place[row["place"]].append(cases[row["id"]])
    by_bank = {mandate_key(one) for _, one in returns if one.end_to_end_id is None} - {""}
    taken = [_taken(row) for row in await transaction.rows(_TAKEN, organization_id, references, sorted(by_bank))]
    by_reference, by_mandate = _grouped(taken)
    return [
        Found(
            of_place[place],
            owners.get(mandate_key(one)),
            by_reference[one.reference or ""] + ([] if one.end_to_end_id else by_mandate[mandate_key(one)]),
        )
        for place, one in enumerate(run)
    ]


def _grouped(taken: Sequence[Taken]) -> tuple[defaultdict[str, list[Taken]], defaultdict[str, list[Taken]]]:
    by_reference: defaultdict[str, list[Taken]] = defaultdict(list)
    by_mandate: defaultdict[str, list[Taken]] = defaultdict(list)
    for one in taken:
        by_reference[one.reference].append(one)
        if one.mandate:
            by_mandate[one.mandate].append(one)
    return by_reference, by_mandate


def _found_case(row: dict[str, Any]) -> FoundCase:
    closed_reason = row.pop("closed_reason")
    return FoundCase(
        **row,
        closed_reason=None if closed_reason is None else CaseClosedReason(closed_reason),
    )


def _taken(row: dict[str, Any]) -> Taken:
    return Taken(**row | {"basis": DateBasis(row["basis"])})


# A return is named by the end-to-end id of its case, or by what the case is called by its organization.
_CANDIDATES = """
SELECT DISTINCT given.place, c.id, c.customer_id
FROM unnest($2::int[], $3::text[], $4::text[]) AS given(place, reference, debit)
CROSS JOIN LATERAL (
  SELECT id, customer_id FROM collection_case WHERE organization_id = $1 AND external_reference = given.reference
  UNION ALL
  SELECT id, customer_id FROM collection_case WHERE organization_id = $1 AND end_to_end_id = given.debit
) c
ORDER BY given.place, c.id
"""

_HOLD = """
SELECT id FROM collection_case WHERE id = ANY($1) OR (customer_id = ANY($2) AND state <> 'CLOSED')
ORDER BY id FOR NO KEY UPDATE
"""

_CASES = """
SELECT c.id, c.number, c.customer_id, c.amount_due, c.currency, c.return_reason_code, c.closed_reason,
  c.amount_due - c.overpaid + coalesce((SELECT sum(p.amount) FROM payment p WHERE p.case_id = c.id), 0) AS original
FROM collection_case c WHERE c.id = ANY($1)
"""

_TAKEN = """
SELECT reference, mandate, amount, currency, dated_on, basis, case_id FROM returned_debit
WHERE organization_id = $1 AND (reference = ANY($2) OR mandate = ANY($3))
"""
