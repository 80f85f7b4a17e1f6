"""What the next days will bring."""

import datetime
from typing import Self

import strawberry

from dunlin.api.scalars import CurrencyCode
from dunlin.api.types.node import Money
from dunlin.domain.choices import Check, CommunicationMethod
from dunlin.domain.rules import forecast


@strawberry.type(description="Reminders of one method that will go out on a day.")
class ForecastSending:
    method: CommunicationMethod = strawberry.field(description="How they go out.")
    reminders: int = strawberry.field(description="How many.")
    estimated_costs: list[Money] | None = strawberry.field(
        description="What they cost, one sum per currency; null where no price is known of any of them."
    )
    unpriced: int = strawberry.field(description="How many of them have no known price and are in none of the sums.")

    @classmethod
    def of(cls, method: CommunicationMethod, sending: forecast.Sending) -> Self:
        costs = [Money(amount=sending.costs[one], currency=CurrencyCode(one)) for one in sorted(sending.costs)]
        return cls(method=method, reminders=sending.reminders, estimated_costs=costs or None, unpriced=sending.unpriced)


@strawberry.type(description="Why steps that are due on a day will send nothing.")
class ForecastReason:
    check: Check = strawberry.field(description="Which check does not pass.")
    reason: str = strawberry.field(description="The same in plain words.")
    steps: int = strawberry.field(description="How many steps or scheduled reminders.")


@strawberry.type(description="One day of a forecast, on the organization's calendar.")
class ForecastDay:
    date: datetime.date = strawberry.field(description="The day.")
    sending: list[ForecastSending] = strawberry.field(description="What will go out, by method.")
    not_sending: list[ForecastReason] = strawberry.field(
        description="What will not go out and why, the commonest reasons first."
    )
    uncounted: int = strawberry.field(
        description="Steps due on this day that were not looked at, because more are due before than a forecast takes."
    )

    @classmethod
    def of(cls, day: forecast.Day) -> Self:
        return cls(
            date=day.day,
            sending=[ForecastSending.of(method, day.sending[method]) for method in sorted(day.sending)],
            not_sending=[
                ForecastReason(check=check, reason=reason, steps=steps) for check, reason, steps in day.reasons()
            ],
            uncounted=day.uncounted,
        )


@strawberry.type(description="What the next days will bring, as far as it can be known today.")
class Forecast:
    days: list[ForecastDay] = strawberry.field(description="Every day, today first.")
    is_complete: bool = strawberry.field(description="False if days have uncounted steps.")

    @classmethod
    def of(cls, found: forecast.Forecast) -> Self:
        return cls(days=[ForecastDay.of(day) for day in found.days], is_complete=found.is_complete)
