"""What handing over costs: reserved when a reminder is marked SENDING, then spent or given back, once each.

Rows of `monthly_spending` are locked after everything else but the delivery sequences, and always in one order: those
of organizations with a limit first, because marking must know what is left of these before it decides.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dunlin.domain.actions.estimates import estimates, sized
from dunlin.domain.choices import Settlement
from dunlin.domain.rules.price import Cost
from dunlin.domain.rules.spending import WAITS_FOR_LIMIT, Budget, end_of_month, month_of, written
from dunlin.domain.rules.writing import Written
from dunlin.domain.store import Transaction, rows

# Of the tables `reminder r` and `integration i`. Beside `HOURS_COLUMNS`, for the zone and the number.
SPENDING_COLUMNS = "r.estimated_cost, r.estimated_cost_currency, i.spending_limit, i.spending_limit_currency"


def limit_of(row: Mapping[str, Any]) -> Cost | None:
    return Cost(row["spending_limit"], row["spending_limit_currency"]) if row["spending_limit"] is not None else None


def planned_cost(row: Mapping[str, Any]) -> Cost | None:
    """Return what a reminder was expected to cost when it was written last."""
    return Cost(row["estimated_cost"], row["estimated_cost_currency"]) if row["estimated_cost_currency"] else None


@dataclass(slots=True)
class Books:
    """The budgets of organizations that have a limit, by organization, and what their reminders cost now."""

    budgets: dict[int, Budget] = field(default_factory=dict)
    costs: dict[int, Cost | None] = field(default_factory=dict)

    def reserve(self, organization_id: int, reminder_id: int) -> None:
        cost = self.costs.get(reminder_id)
        if cost is not None and organization_id in self.budgets:
            self.budgets[organization_id] = self.budgets[organization_id].reserving(cost)


async def open_books(
    transaction: Transaction, found: Sequence[Mapping[str, Any]], texts: Mapping[int, Written | str], now: datetime
) -> Books:
    """Return the books for rows with `SPENDING_COLUMNS`; until commit nobody else reserves of these budgets.

    Nothing is asked of the database for organizations without a limit.
    """
    limited = [row for row in found if row["spending_limit"] is not None]
    if not limited:
        return Books()
    costs = await _price_anew(transaction, limited, texts, now)
    return Books(await _hold_budgets(transaction, limited, now), costs)


async def _price_anew(
    transaction: Transaction, limited: Sequence[Mapping[str, Any]], texts: Mapping[int, Written | str], now: datetime
) -> dict[int, Cost | None]:
    """Return what each reminder costs by today's prices: what was planned may be months old, or not known then."""
    written = [(row, text) for row in limited if row["phone"] and isinstance(text := texts[row["id"]], Written)]
    messages = [sized(row["organization_id"], row["phone"], text.encoded) for row, text in written]
    costs = await estimates(transaction, messages, now)
    return {row["id"]: cost for (row, _), cost in zip(written, costs, strict=True)}


async def _hold_budgets(
    transaction: Transaction, limited: Sequence[Mapping[str, Any]], now: datetime
) -> dict[int, Budget]:
    by_organization = {row["organization_id"]: row for row in limited}
    held = await transaction.rows(
        _HOLD_BUDGETS,
        *zip(
            *(
                (organization_id, _month(row, now), row["spending_limit_currency"])
                for organization_id, row in sorted(by_organization.items())
            ),
            strict=True,
        ),
    )
    return {row["organization_id"]: _budget(by_organization[row["organization_id"]], row, now) for row in held}


def _budget(row: Mapping[str, Any], sums: Mapping[str, Any], now: datetime) -> Budget:
    limit = limit_of(row)
    assert limit is not None, "only those with a limit have a budget"
    return Budget(limit, sums["reserved"] + sums["spent"], end_of_month(now, ZoneInfo(row["time_zone"])))


def _month(row: Mapping[str, Any], now: datetime) -> date:
    return month_of(now, ZoneInfo(row["time_zone"]))


def attempt_columns(row: Mapping[str, Any], cost: Cost | None, now: datetime) -> tuple[object, ...]:
    """Return what an attempt stores of its cost, for `RESERVING`; nothing where none is known."""
    if cost is None:
        return None, None, None, None
    return cost.amount, cost.currency, _month(row, now), Settlement.RESERVED.value


# Behind `WITH begun AS (INSERT INTO send_attempt ... RETURNING organization_id, spending_month, cost_currency, cost)`:
# one statement, so that reserving asks nothing more of the database.
RESERVING = """
INSERT INTO monthly_spending AS m (organization_id, month, currency, reserved, spent)
SELECT b.organization_id, b.spending_month, b.cost_currency, sum(b.cost), 0
FROM begun b JOIN integration i ON i.organization_id = b.organization_id AND i.kind = 'SMS'
WHERE b.cost IS NOT NULL
GROUP BY 1, 2, 3, i.spending_limit IS NULL ORDER BY i.spending_limit IS NULL, 1, 2, 3
ON CONFLICT (organization_id, month, currency) DO UPDATE SET reserved = m.reserved + excluded.reserved
"""


@dataclass(frozen=True, slots=True)
class Closed:
    """That an attempt has ended: how, and as which message of the carrier's, if as one."""

    correlation: str
    outcome: str
    provider_message_id: str | None


async def settle(
    transaction: Transaction, reminder_ids: Collection[int], now: datetime, *, closed: Sequence[Closed] = ()
) -> None:
    """Book what is known by now of the attempts of these reminders, which the caller holds: spent, or given back.

    What the attempts themselves say decides, so whoever learns something calls this, however often; those that are
    `closed` by now are stored with it. A message that exists costs money, also where it was held for refused before.
    Call it last: nothing is locked behind it.
    """
    if not reminder_ids:
        return
    ended = [[one.correlation, one.outcome, one.provider_message_id] for one in closed]
    columns = zip(*ended, strict=True) if ended else ([], [], [])
    freed = await transaction.rows(_SETTLE, sorted(set(reminder_ids)), *columns)
    for row in freed:
        await let_go(transaction, row["organization_id"], now, most=row["released"])


async def let_go(transaction: Transaction, organization_id: int, now: datetime, *, most: int | None = None) -> None:
    """Have what waits for an organization's limit looked at again, `most` reminders or all, the oldest first."""
    going = await transaction.rows(_LET_GO, organization_id, WAITS_FOR_LIMIT, now, most)
    transaction.reminders_due = transaction.reminders_due or bool(going)


@dataclass(frozen=True, slots=True)
class Spending:
    """What an organization spends in a month, which begins on `month`: the sums by currency, and who waits for it."""

    month: date
    limit: Cost | None
    reserved: list[Cost]
    spent: list[Cost]
    waiting: int

    @property
    def left(self) -> Cost | None:
        """What may still be reserved; None without a limit."""
        if self.limit is None:
            return None
        same = (one.amount for one in (*self.reserved, *self.spent) if one.currency == self.limit.currency)
        return Cost(max(self.limit.amount - sum(same, Decimal(0)), Decimal(0)), self.limit.currency)

    @property
    def attention_reason(self) -> str | None:
        if self.limit is None or not self.waiting:
            return None
        who = "A reminder waits" if self.waiting == 1 else f"{self.waiting:,} reminders wait"
        return f"{who} because of the monthly spending limit of {written(self.limit)}."


async def spending_of(organization_ids: Collection[int], now: datetime) -> dict[int, Spending]:
    """Return the spending of each organization in its present month."""
    found = await rows(_SELECT_LIMITS, list(organization_ids), WAITS_FOR_LIMIT)
    months = {row["organization_id"]: _month(row, now) for row in found}
    sums = await rows(_SELECT_SUMS, list(months), list(months.values()))
    return {
        organization_id: Spending(
            month=months[organization_id],
            limit=limit_of(row),
            reserved=[Cost(one["reserved"], one["currency"]) for one in sums if _is_of(one, row) and one["reserved"]],
            spent=[Cost(one["spent"], one["currency"]) for one in sums if _is_of(one, row) and one["spent"]],
            waiting=row["waiting"],
        )
        for row in found
        for organization_id in [row["organization_id"]]
    }


def _is_of(sums: Mapping[str, Any], organization: Mapping[str, Any]) -> bool:
    return bool(sums["organization_id"] == organization["organization_id"])


# Makes the row where it is missing, and locks it either way.
_HOLD_BUDGETS = """
INSERT INTO monthly_spending AS m (organization_id, month, currency, reserved, spent)
SELECT *, 0, 0 FROM unnest($1::bigint[], $2::date[], $3::text[])
ON CONFLICT (organization_id, month, currency) DO UPDATE SET reserved = m.reserved
RETURNING m.organization_id, m.reserved, m.spent
"""

# The carrier has it where there is a message, or where a person has said so of an attempt without an answer.
# An attempt moves from RESERVED to RELEASED or SPENT, or from RELEASED to SPENT, and is added up as it moves. What it
# once was as a message it stays; a reminder is written only where its change of status has not told it already. Rows
# are found one by one, whatever the planner believes: it knows little of a table that grows all the time;
# all of them before they are joined with what has ended, or each would be compared with all of that.
_SETTLE = """
WITH begun AS MATERIALIZED (
  SELECT a.*, a.fence = r.fence AND r.status = 'SENT' AS is_said_to_be_sent
  FROM reminder r CROSS JOIN LATERAL (SELECT * FROM send_attempt WHERE reminder_id = r.id OFFSET 0) a
  WHERE r.id = ANY($1)
), known AS (
  SELECT a.id, a.reminder_id, a.organization_id, a.spending_month AS month, a.cost_currency AS currency, a.cost,
         a.settlement AS former, closed.correlation IS NOT NULL AS is_closed,
         coalesce(closed.outcome, a.outcome) AS outcome,
         coalesce(a.provider_message_id, closed.provider_message_id) AS provider_message_id,
         a.is_said_to_be_sent
  FROM begun a LEFT JOIN unnest($2::text[], $3::text[], $4::text[])
    AS closed(correlation, outcome, provider_message_id) ON closed.correlation = a.correlation
), judged AS (
  SELECT *, CASE
    WHEN former IN ('RESERVED', 'RELEASED')
      AND (provider_message_id IS NOT NULL OR is_said_to_be_sent AND outcome IN ('Open', 'Unknown')) THEN 'SPENT'
    WHEN former = 'RESERVED' AND outcome NOT IN ('Open', 'Unknown') THEN 'RELEASED' END AS settlement
  FROM known
), due AS (
  SELECT organization_id, month, currency, cost, former, settlement FROM judged WHERE settlement IS NOT NULL
), moved AS (
  UPDATE send_attempt a
  SET outcome = judged.outcome, provider_message_id = judged.provider_message_id,
      settlement = coalesce(judged.settlement, a.settlement)
  FROM judged WHERE a.id = ANY(ARRAY(SELECT id FROM judged WHERE is_closed OR settlement IS NOT NULL))
    AND a.id = judged.id
), told AS (
  UPDATE reminder r SET provider_message_id = judged.provider_message_id
  FROM judged WHERE r.id = ANY($1) AND r.id = judged.reminder_id AND judged.is_closed
    AND judged.provider_message_id <> coalesce(r.provider_message_id, '')
), summed AS (
  SELECT organization_id, month, currency,
         coalesce(sum(cost) FILTER (WHERE former = 'RESERVED'), 0) AS no_longer_reserved,
         coalesce(sum(cost) FILTER (WHERE settlement = 'SPENT'), 0) AS spent,
         count(*) FILTER (WHERE settlement = 'RELEASED') AS released
  FROM due GROUP BY 1, 2, 3
), limited AS (
  SELECT organization_id FROM integration WHERE kind = 'SMS' AND spending_limit IS NOT NULL
    AND organization_id IN (SELECT organization_id FROM summed)
), booked AS (
  INSERT INTO monthly_spending AS m (organization_id, month, currency, reserved, spent)
  SELECT organization_id, month, currency, -no_longer_reserved, spent FROM summed
  ORDER BY organization_id NOT IN (SELECT organization_id FROM limited), organization_id, month, currency
  ON CONFLICT (organization_id, month, currency)
    DO UPDATE SET reserved = m.reserved + excluded.reserved, spent = m.spent + excluded.spent
)
SELECT organization_id, sum(released)::int AS released FROM summed JOIN limited USING (organization_id)
GROUP BY 1 HAVING sum(released) > 0 ORDER BY 1
"""

# What somebody holds is passed over: it is being looked at. As a subquery of the UPDATE, the LIMIT would hold for each
# look at it: a plan may look once for every row, and then all would go.
_LET_GO = """
WITH picked AS MATERIALIZED (
  SELECT r.id FROM integration i JOIN reminder r ON r.integration_id = i.id
  WHERE i.organization_id = $1 AND r.status = 'SCHEDULED' AND starts_with(r.status_reason, $2)
  ORDER BY r.id LIMIT $4 FOR NO KEY UPDATE OF r SKIP LOCKED
)
UPDATE reminder r SET scheduled_for = $3, lease_until = NULL, status_reason = NULL
FROM picked WHERE r.id = picked.id RETURNING r.id
"""

_SELECT_LIMITS = """
SELECT o.id AS organization_id, o.time_zone, i.spending_limit, i.spending_limit_currency,
       CASE WHEN i.spending_limit IS NULL THEN 0 ELSE
         (SELECT count(*) FROM reminder r
          WHERE r.integration_id = i.id AND r.status = 'SCHEDULED' AND starts_with(r.status_reason, $2))
       END AS waiting
FROM organization o JOIN integration i ON i.organization_id = o.id AND i.kind = 'SMS' WHERE o.id = ANY($1)
"""

_SELECT_SUMS = """
SELECT m.organization_id, m.currency, m.reserved, m.spent
FROM unnest($1::bigint[], $2::date[]) AS t(organization_id, month)
JOIN monthly_spending m USING (organization_id, month) ORDER BY m.organization_id, m.currency
"""
