"""What the next days will bring, added up by day: reminders and their cost, and what does not go out and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from dunlin.domain.choices import Check, CommunicationMethod
from dunlin.domain.rules.finding import Finding
from dunlin.domain.rules.price import Cost

MAX_DAYS = 60
MOST_REASONS = 20  # a day


@dataclass(slots=True)
class Sending:
    """Of one method. `unpriced` reminders are among `reminders`, and in none of `costs` (by currency).

    What costs nothing is not unpriced.
    """

    reminders: int = 0
    costs: dict[str, Decimal] = field(default_factory=dict)
    unpriced: int = 0

    def add(self, count: int, cost: Cost | None, *, is_free: bool) -> None:
        self.reminders += count
        if cost is None:
            self.unpriced += 0 if is_free else count
        else:
            self.costs[cost.currency] = self.costs.get(cost.currency, Decimal(0)) + cost.amount


@dataclass(slots=True)
class Day:
    """`uncounted`: steps that are due on this day and were not looked at, because there are too many."""

    day: date
    sending: dict[CommunicationMethod, Sending] = field(default_factory=dict)
    not_sending: Counter[tuple[Check, str]] = field(default_factory=Counter)
    uncounted: int = 0

    def reasons(self) -> list[tuple[Check, str, int]]:
        """Return why something does not go out, the commonest first; what is rare is added up by check."""
        common = self.not_sending.most_common()
        rest: Counter[Check] = Counter()
        for (check, _), count in common[MOST_REASONS:]:
            rest[check] += count
        told = [(check, reason, count) for (check, reason), count in common[:MOST_REASONS]]
        return told + [(check, "Various other reasons.", count) for check, count in rest.most_common()]


class Forecast:
    """Days from `first` on. What lies outside is left out."""

    def __init__(self, first: date, days: int) -> None:
        self.days = [Day(first + timedelta(days=offset)) for offset in range(days)]
        self._by_date = {day.day: day for day in self.days}

    @property
    def is_complete(self) -> bool:
        return not any(day.uncounted for day in self.days)

    def send(self, day: date, method: CommunicationMethod, cost: Cost | None, *, count: int = 1) -> None:
        """Count reminders; `cost` is that of all of them together, None where it is known of none, or nothing."""
        if (found := self._by_date.get(day)) is not None:
            is_free = method is not CommunicationMethod.SMS
            found.sending.setdefault(method, Sending()).add(count, cost, is_free=is_free)

    def keep(self, day: date, why: Finding, *, count: int = 1) -> None:
        if (found := self._by_date.get(day)) is not None:
            found.not_sending[why.check, why.sentence] += count

    def pass_over(self, counts: Iterable[tuple[date, int]]) -> None:
        for day, count in counts:
            if (found := self._by_date.get(day)) is not None:
                found.uncounted += count
