"""Tell cases that exist that their direct debits came back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from dunlin.domain.actions.end_cases import stop_sending
from dunlin.domain.choices import Check, ReturnReaction
from dunlin.domain.rules.bank_return import FoundCase, ToldReturn
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.return_reason import opening_of, why_never
from dunlin.domain.store import Transaction


async def update_returned(
    transaction: Transaction,
    returns: Sequence[tuple[ToldReturn, int]],
    chosen: Mapping[str, ReturnReaction],
    now: datetime,
) -> list[int]:
    """Give open cases their return reason, and do what it asks for as opening would; return those that wait now.

    What reminds goes on where it is: neither the schedule nor a pause of somebody's is changed. The caller holds the
    integrations and the cases.
    """
    if not returns:
        return []
    openings = [opening_of(one.reason_code, chosen, is_refund=one.is_refund) for one, _ in returns]
    await transaction.rows(
        _UPDATE,
        [case_id for _, case_id in returns],
        [one.reason_code for one, _ in returns],
        [opening.reaction.value for opening in openings],
        [opening.attention for opening in openings],
        [opening.is_paused for opening in openings],
        now,
    )
    for_good: defaultdict[str, list[int]] = defaultdict(list)
    for (one, case_id), opening in zip(returns, openings, strict=True):
        if never := why_never(one.reason_code, opening.reaction, is_deceased=False):
            for_good[never].append(case_id)
    for never, case_ids in for_good.items():
        await stop_sending(transaction, case_ids, failed(Check.DEBTOR, never), now)
    return [case_id for (_, case_id), opening in zip(returns, openings, strict=True) if opening.is_paused]


async def ask_about_closed(transaction: Transaction, returns: Sequence[tuple[ToldReturn, FoundCase]]) -> None:
    """Let a person look at cases that have ended, and whose money came back. The caller holds them."""
    if returns:
        sentences = [_came_back(one, case) for one, case in returns]
        await transaction.rows(_ASK, [case.id for _, case in returns], sentences)


def _came_back(one: ToldReturn, case: FoundCase) -> str:
    assert one.amount is not None
    return (
        f"{one.amount.normalize():f} {one.currency} came back from the bank ({one.reason_code}) after the case was "
        f"closed as {case.closed_reason}: open another one if it is still due."
    )


_ASK = """
UPDATE collection_case c SET attention_reason = new.sentence
FROM unnest($1::bigint[], $2::text[]) AS new(id, sentence) WHERE c.id = new.id
"""

_UPDATE = """
UPDATE collection_case c
SET origin = 'DIRECT_DEBIT_RETURN', return_reason_code = new.code, reaction = new.reaction,
    attention_reason = coalesce(new.attention, c.attention_reason),
    state = CASE WHEN new.is_paused THEN 'PAUSED' ELSE c.state END,
    paused_at = CASE WHEN new.is_paused THEN coalesce(c.paused_at, $6::timestamptz) ELSE c.paused_at END,
    paused_until = CASE WHEN new.is_paused THEN NULL ELSE c.paused_until END,
    pause_reason = CASE WHEN new.is_paused THEN new.attention ELSE c.pause_reason END,
    next_action_at = CASE WHEN new.is_paused THEN NULL ELSE c.next_action_at END
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::boolean[])
  AS new(id, code, reaction, attention, is_paused)
WHERE c.id = new.id
"""
