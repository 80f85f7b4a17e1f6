"""What every object with an id of its own shares."""

from decimal import Decimal
from typing import Self

import strawberry

from dunlin.api.scalars import CurrencyCode
from dunlin.domain.errors import ProblemCode, Refusal


@strawberry.interface(description="An object with a global id, by which Query.node finds it.")
class Node:
    id: strawberry.ID = strawberry.field(description="A global id, opaque: give it back unchanged.")


@strawberry.type(description="An amount of money.")
class Money:
    amount: Decimal = strawberry.field(description='The exact amount, e.g. "12.50".')
    currency: CurrencyCode = strawberry.field(description="Its currency, e.g. EUR.")

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Self:
        return cls(amount=amount, currency=CurrencyCode(currency))


@strawberry.type(description="One thing that was wrong with a mutation's input.")
class UserError:
    code: ProblemCode = strawberry.field(description="What is wrong, for programs.")
    message: str = strawberry.field(description="What is wrong and what is allowed, for people.")
    path: list[str] | None = strawberry.field(
        description='The place in the input, e.g. ["cases", "2", "dueOn"]; places in lists count from 0. Null where no '
        "field of the input is to blame."
    )


def user_errors(refusal: Refusal) -> list[UserError]:
    return [
        UserError(code=problem.code, message=problem.message, path=list(problem.path) or None)
        for problem in refusal.problems
    ]
