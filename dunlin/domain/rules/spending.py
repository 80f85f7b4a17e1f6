"""What an organization may spend on texts in one month of its own calendar: nothing goes out beyond that."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision

from dunlin.domain.errors import Problem, ProblemCode
from dunlin.domain.rules.case_input import MAX_AMOUNT
from dunlin.domain.rules.price import Cost

# How the reason of whatever waits for a limit begins; by it they are found when they may go.
WAITS_FOR_LIMIT = "The monthly spending limit of "


@dataclass(frozen=True, slots=True)
class Budget:
    """An organization's limit in one month, which `ends_at`, in the organization's zone.

    `committed` was spent, or is reserved for what is on its way.
    """

    limit: Cost
    committed: Decimal
    ends_at: datetime

    def has_room_for(self, cost: Cost | None) -> bool:
        """Return whether a text of this cost may go: not without a known price, and not in another currency.

        A dearer text waits, and a cheaper one may go past it.
        """
        if cost is None or cost.currency != self.limit.currency:
            return False
        return self.committed + cost.amount <= self.limit.amount

    def reserving(self, cost: Cost) -> "Budget":
        return replace(self, committed=self.committed + cost.amount)


def month_of(now: datetime, zone: ZoneInfo) -> date:
    """Return the first day of the month that `now` lies in."""
    return now.astimezone(zone).date().replace(day=1)


def end_of_month(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which the next month begins, in `zone`."""
    beyond = month_of(now, zone) + timedelta(days=31)
    return datetime.combine(beyond.replace(day=1), time.min, zone)


def why_no_room(budget: Budget, cost: Cost | None, goes_at: datetime) -> str:
    """Say in plain words why a text waits; `goes_at` is when it may go in the next month."""
    limit = f"{WAITS_FOR_LIMIT}{written(budget.limit)}"
    if cost is None:
        return f"{limit} cannot be kept: what this text costs is not known yet. It goes when the price is known."
    if cost.currency != budget.limit.currency:
        return f"{limit} cannot be kept: this text costs {written(cost)}. It goes when the limit is in that currency."
    if cost.amount > budget.limit.amount:
        return f"{limit} is less than this text costs, {written(cost)}. It goes when the limit is raised."
    day = goes_at.astimezone(budget.ends_at.tzinfo)
    return f"{limit} is used up. It goes on {day.day} {day:%B}, or when the limit is raised."


def waits_for_month(budget: Budget, cost: Cost | None) -> bool:
    """Return whether a text without room waits for money; else for a price, which may be known soon."""
    return cost is not None and cost.currency == budget.limit.currency


def written(cost: Cost) -> str:
    """Write an amount with the decimals of its currency, and more where it has more: 50.00 USD, 0.0524 USD."""
    places = max(get_currency_precision(cost.currency), -int(cost.amount.normalize().as_tuple().exponent))
    return f"{cost.amount:.{places}f} {cost.currency}"


def check_limit(limit: Cost) -> list[Problem]:
    return [*_check(limit)]


def _check(limit: Cost) -> Iterator[Problem]:
    path, decimals = ("limit", "amount"), get_currency_precision(limit.currency)
    if not limit.amount.is_finite() or not 0 < limit.amount < MAX_AMOUNT:
        message = "A spending limit is more than 0 and less than 10^14. For no limit, give null."
        yield Problem(ProblemCode.INVALID, message, path)
    elif limit.amount != limit.amount.quantize(Decimal(1).scaleb(-decimals)):
        yield Problem(ProblemCode.INVALID, f"An amount in {limit.currency} has at most {decimals} decimals.", path)
