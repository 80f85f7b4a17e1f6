"""Write reminders anew in the moment they leave: much may have changed since they were planned."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dunlin.domain.actions.drafts import draft_of
from dunlin.domain.actions.estimates import estimates, sized
from dunlin.domain.actions.recipients import REACHES
from dunlin.domain.actions.spending import Books, planned_cost
from dunlin.domain.choices import IntegrationKind
from dunlin.domain.rules.price import Cost
from dunlin.domain.rules.texts import BadText
from dunlin.domain.rules.writing import Written, write
from dunlin.domain.store import Transaction

_log = logging.getLogger(__name__)


def write_anew(row: dict[str, Any]) -> Written | str:
    """Return what a reminder says as things are now, or why it says nothing."""
    try:
        return write(draft_of(row, IntegrationKind(row["method"])))
    except BadText as error:
        return str(error)
    except Exception:  # one that cannot be written holds up nobody else's
        _log.exception("cannot write reminder %s", row["id"])
        return "The text could not be written because of an error on our side."


async def reword(
    transaction: Transaction, going: Sequence[tuple[dict[str, Any], Written]], books: Books, now: datetime
) -> dict[int, Cost | None]:
    """Store what goes out where it is not what was planned: the text, the number, and what it will cost.

    Return what each of them is expected to cost.
    """
    planned = {row["id"]: planned_cost(row) for row, _ in going}
    costs = planned | {row["id"]: books.costs[row["id"]] for row, _ in going if row["id"] in books.costs}
    reworded = {row["id"] for row, text in going if _is_reworded(row, text)}
    unpriced = [(row, text) for row, text in going if row["id"] in reworded and row["id"] not in books.costs]
    if unpriced:
        texts = [sized(row["organization_id"], row["phone"], text.encoded) for row, text in unpriced]
        priced = await estimates(transaction, texts, now)
        costs |= {row["id"]: cost for (row, _), cost in zip(unpriced, priced, strict=True)}
    changed = [(row, text) for row, text in going if row["id"] in reworded or costs[row["id"]] != planned[row["id"]]]
    if changed:
        columns = (_reworded(row, text, costs[row["id"]]) for row, text in changed)
        await transaction.rows(_REWORD, *zip(*columns, strict=True))
    return costs


def _is_reworded(row: dict[str, Any], text: Written) -> bool:
    planned = (row["text"], row["subject"], row["language"], row["is_fallback_language"], row["to"])
    return (text.text, text.subject, text.language, text.is_fallback, address_of(row)) != planned


def address_of(row: dict[str, Any]) -> str:
    """Return where a reminder goes as things are now. It has been looked at that there is such a place."""
    address: str = row[REACHES[row["method"]].address]
    return address


def _reworded(row: dict[str, Any], text: Written, cost: Cost | None) -> tuple[object, ...]:
    return (
        row["id"],
        address_of(row),
        text.text,
        text.language,
        text.is_fallback,
        text.encoded.encoding.value if text.encoded else None,
        text.encoded.segments if text.encoded else None,
        cost.amount if cost else None,
        cost.currency if cost else None,
        text.subject,
    )


_REWORD = """
UPDATE reminder r
SET "to" = t.to, text = t.text, language = t.language, is_fallback_language = t.is_fallback, encoding = t.encoding,
    segments = t.segments, estimated_cost = t.cost, estimated_cost_currency = t.currency, subject = t.subject
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::text[], $7::int[], $8::numeric[],
            $9::text[], $10::text[])
  AS t(id, "to", text, language, is_fallback, encoding, segments, cost, currency, subject)
WHERE r.id = t.id
"""
