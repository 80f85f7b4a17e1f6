"""What a payment may be, and what it makes of an amount due."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from dunlin.domain.errors import Problem, ProblemCode
from dunlin.domain.rules.case_input import DECIMALS, MAX_AMOUNT, SMALLEST

MAX_REFERENCE = 200
_AHEAD = timedelta(days=1)  # clocks and zones differ; a payment to come is none yet
_FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True)
class NewPayment:
    """Money that has come in. `paid_at` None: just now."""

    amount: Decimal
    currency: str
    paid_at: datetime | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class Applied:
    """What is still due, and by how much more was paid than was due."""

    amount_due: Decimal
    overpaid: Decimal


def apply(amount_due: Decimal, paid: Decimal) -> Applied:
    left = amount_due - paid
    return Applied(max(left, Decimal(0)), max(-left, Decimal(0)))


def check_payment(payment: NewPayment, now: datetime) -> list[Problem]:
    return [*_check(payment, now)]


def _check(payment: NewPayment, now: datetime) -> Iterator[Problem]:
    amount, path = payment.amount, ("amount", "amount")
    if not amount.is_finite() or not 0 < amount < MAX_AMOUNT:
        yield Problem(ProblemCode.INVALID, "A payment is more than 0 and less than 10^14.", path)
    elif amount != amount.quantize(SMALLEST):
        yield Problem(ProblemCode.INVALID, f"An amount has at most {DECIMALS} decimals.", path)
    if payment.paid_at is not None and not (payment.paid_at.year >= _FIRST_YEAR and payment.paid_at <= now + _AHEAD):
        message = f"A payment was made since {_FIRST_YEAR} and does not lie ahead."
        yield Problem(ProblemCode.INVALID, message, ("paidAt",))
    if payment.reference is not None and not (
        len(payment.reference) <= MAX_REFERENCE and payment.reference.isprintable()
    ):
        message = f"A reference has at most {MAX_REFERENCE} printable characters."
        yield Problem(ProblemCode.INVALID, message, ("reference",))
