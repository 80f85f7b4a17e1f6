from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.domain.errors import ProblemCode
from dunlin.domain.rules.payment import Applied, NewPayment, apply, check_payment

NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
PAYMENT = NewPayment(Decimal("84.50"), "EUR", NOW, "BANK-1")
AMOUNTS = st.decimals("0.0001", "99999999999999.9999", places=4)

APPLIED = {
    "all that is due": ("84.50", "84.50", Applied(Decimal(0), Decimal(0))),
    "a part": ("84.50", "50", Applied(Decimal("34.50"), Decimal(0))),
    "a part too small for coins": ("84.50", "0.0001", Applied(Decimal("84.4999"), Decimal(0))),
    "all but the smallest part": ("84.50", "84.4999", Applied(Decimal("0.0001"), Decimal(0))),
    "more than is due": ("84.50", "100", Applied(Decimal(0), Decimal("15.50"))),
}


@pytest.mark.parametrize(("due", "paid", "applied"), APPLIED.values(), ids=APPLIED.keys())
def test_a_payment_lowers_what_is_due_by(due: str, paid: str, applied: Applied) -> None:
    assert apply(Decimal(due), Decimal(paid)) == applied


@given(AMOUNTS, AMOUNTS)
def test_not_a_cent_is_lost(due: Decimal, paid: Decimal) -> None:
    applied = apply(due, paid)

    assert due - paid == applied.amount_due - applied.overpaid
    assert min(applied.amount_due, applied.overpaid) == 0
    assert applied.amount_due >= 0


GOOD = {
    "with everything": PAYMENT,
    "without a moment and a reference": replace(PAYMENT, paid_at=None, reference=None),
    "with an empty reference": replace(PAYMENT, reference=""),
    "of the smallest amount": replace(PAYMENT, amount=Decimal("0.0001")),
    "of a value day that has begun elsewhere": replace(PAYMENT, paid_at=NOW + timedelta(hours=14)),
    "of long ago": replace(PAYMENT, paid_at=datetime(2000, 1, 1, tzinfo=UTC)),
}


@pytest.mark.parametrize("payment", GOOD.values(), ids=GOOD.keys())
def test_a_payment_is_good(payment: NewPayment) -> None:
    assert check_payment(payment, NOW) == []


BAD = {
    "nothing": (replace(PAYMENT, amount=Decimal(0)), ("amount", "amount")),
    "less than nothing": (replace(PAYMENT, amount=Decimal("-0.01")), ("amount", "amount")),
    "five decimals": (replace(PAYMENT, amount=Decimal("0.00001")), ("amount", "amount")),
    "more than can be stored": (replace(PAYMENT, amount=Decimal(10) ** 14), ("amount", "amount")),
    "no number": (replace(PAYMENT, amount=Decimal("NaN")), ("amount", "amount")),
    "a moment ahead": (replace(PAYMENT, paid_at=NOW + timedelta(days=1, seconds=1)), ("paidAt",)),
    "a moment of last century": (replace(PAYMENT, paid_at=datetime(1999, 12, 31, tzinfo=UTC)), ("paidAt",)),
    "an endless reference": (replace(PAYMENT, reference="x" * 201), ("reference",)),
    "a reference of two lines": (replace(PAYMENT, reference="a\nb"), ("reference",)),
}


@pytest.mark.parametrize(("payment", "path"), BAD.values(), ids=BAD.keys())
def test_a_payment_is_refused_for(payment: NewPayment, path: tuple[str, ...]) -> None:
    assert [(problem.code, problem.path) for problem in check_payment(payment, NOW)] == [(ProblemCode.INVALID, path)]
