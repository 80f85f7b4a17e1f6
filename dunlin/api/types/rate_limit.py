"""What a caller may still ask for."""

from datetime import datetime
from typing import Self

import strawberry

from dunlin.api.limits.cost import MOST
from dunlin.runtime.allowance import Taken


@strawberry.type(
    description="What whoever asks may still ask for: a token, or a person who has signed in. Every operation costs "
    "points: one for each object with an id that it can show, a tenth for each other field and object, more for what "
    "takes long, and 10 for a mutation. A page counts by its first or last, whatever is on it. The points come back "
    f"evenly, all of them within a minute. One operation costs at most {MOST:,}."
)
class RateLimit:
    cost: int = strawberry.field(description="The points of this operation. To ask for rateLimit alone costs 1.")
    limit: int = strawberry.field(
        description="The most that there can be, and what comes back in a minute; 0: no limit."
    )
    remaining: int = strawberry.field(description="What is left, after this operation; 0 without a limit.")
    reset_at: datetime = strawberry.field(description="When all of it is there again, if nothing else is asked for.")

    @classmethod
    def of(cls, taken: Taken) -> Self:
        return cls(cost=taken.cost, limit=taken.limit, remaining=taken.remaining, reset_at=taken.full_again_at)
