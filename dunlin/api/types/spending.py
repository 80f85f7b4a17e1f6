"""What an organization spends on texts in a month."""

from datetime import date
from typing import Self

import strawberry

from dunlin.api.context import Info
from dunlin.api.scalars import CurrencyCode
from dunlin.api.types.node import Money
from dunlin.domain.actions import spending
from dunlin.domain.rules.price import Cost


@strawberry.type(
    description="What an organization spends on texts in the present month of its calendar, by the prices that were "
    "known when each went out; the carrier's bill may differ. Texts without a known price are in none of the sums: "
    "with a limit there are none."
)
class Spending:
    month: date = strawberry.field(description="The first day of the month.")
    limit: Money | None = strawberry.field(
        description="What the month's texts may cost; null for no limit. No text begins its way that would exceed it."
    )
    reserved: list[Money] = strawberry.field(
        description="What texts cost that are on their way to the carrier or UNCONFIRMED, one sum per currency."
    )
    spent: list[Money] = strawberry.field(
        description="What texts cost that the carrier has taken, one sum per currency."
    )
    left: Money | None = strawberry.field(
        description="What is neither spent nor reserved of the limit; null without a limit."
    )
    waiting_reminders: int = strawberry.field(
        description="Reminders that stay SCHEDULED because of the limit, for want of money or of a known price. The "
        "statusReason of each says which. They go when the month ends, the limit is raised, or the price is known."
    )
    attention_reason: str | None = strawberry.field(
        description="For people: that reminders wait because of the limit; null while none does."
    )

    @classmethod
    def of(cls, found: spending.Spending) -> Self:
        return cls(
            month=found.month,
            limit=_money(found.limit),
            reserved=[_sum(cost) for cost in found.reserved],
            spent=[_sum(cost) for cost in found.spent],
            left=_money(found.left),
            waiting_reminders=found.waiting,
            attention_reason=found.attention_reason,
        )


async def load_spending(info: Info, organization_id: int) -> Spending:
    return Spending.of(await info.context.loaders.spending.load(organization_id))


def _money(cost: Cost | None) -> Money | None:
    return _sum(cost) if cost is not None else None


def _sum(cost: Cost) -> Money:
    return Money(amount=cost.amount, currency=CurrencyCode(cost.currency))
