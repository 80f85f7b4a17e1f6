"""What a text costs, as far as it can be known before it is sent."""

from dataclasses import dataclass
from decimal import Decimal

from dunlin.domain.carrier import SegmentPrice


@dataclass(frozen=True, slots=True)
class Cost:
    amount: Decimal
    currency: str


def estimate(price: SegmentPrice | None, segments: int) -> Cost | None:
    """Return the cost of a text of `segments`; None where no price is known, never a guess."""
    return Cost(price.amount * segments, price.currency) if price is not None else None
