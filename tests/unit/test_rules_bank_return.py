"""What becomes of a returned direct debit, and which tellings are of the same one."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.domain.choices import CaseClosedReason, DateBasis
from dunlin.domain.rules.bank_return import (
    NEAR,
    Found,
    FoundCase,
    Known,
    Open,
    Taken,
    ToldReturn,
    Unused,
    Update,
    Verdict,
    is_same,
    judge,
    told_dead,
)

DAY = date(2026, 2, 27)
TOLD = ToldReturn(
    number=1,
    line=8,
    end_to_end_id="E2E-1",
    transaction_id="TX-1",
    mandate_reference="M-1",
    reason_code="AM04",
    amount=Decimal("84.50"),
    currency="EUR",
    dated_on=DAY,
    basis=DateBasis.BOOKED,
)
CASE = FoundCase(
    id=1,
    number="DC-1",
    customer_id=7,
    amount_due=Decimal("84.5000"),
    original=Decimal("84.5000"),
    currency="EUR",
    return_reason_code=None,
    closed_reason=None,
)
TAKEN = Taken("E2E-1", "m-1", Decimal("84.5000"), "EUR", DAY, DateBasis.BOOKED, 1)

JUDGED: dict[str, tuple[ToldReturn, Found, Verdict]] = {
    "its case is updated": (TOLD, Found([CASE]), Update(CASE)),
    "its case and its mandate agree": (TOLD, Found([CASE], 7), Update(CASE)),
    "its mandate tells the customer": (TOLD, Found((), 7), Open(7)),
    "it was taken before": (TOLD, Found([CASE], 7, [TAKEN]), Known(1, "This return was taken before.")),
    "its case knows the reason": (
        TOLD,
        Found([replace(CASE, return_reason_code="AM04")]),
        Known(1, "The case DC-1 was told this reason already.", is_first=True),
    ),
    "it comes back once more, with the same reason": (
        TOLD,
        Found([replace(CASE, return_reason_code="AM04")], None, [replace(TAKEN, dated_on=date(2026, 1, 27))]),
        Update(replace(CASE, return_reason_code="AM04")),
    ),
    "a part of it has been paid since": (
        TOLD,
        Found([replace(CASE, amount_due=Decimal(20))]),
        Update(replace(CASE, amount_due=Decimal(20))),
    ),
    "only what is left was collected": (
        replace(TOLD, amount=Decimal(20)),
        Found([replace(CASE, amount_due=Decimal(20))]),
        Update(replace(CASE, amount_due=Decimal(20))),
    ),
    "another amount": (
        replace(TOLD, amount=Decimal("84.51")),
        Found([CASE]),
        Unused("Its amount is not that of the case DC-1, 84.5."),
    ),
    "another currency": (
        replace(TOLD, currency="SEK"),
        Found([CASE]),
        Unused("It is in SEK, and the case DC-1 in EUR."),
    ),
    "two cases": (
        TOLD,
        Found([CASE, replace(CASE, id=2, number="DC-2")]),
        Unused("It may be about several cases: DC-1 and DC-2."),
    ),
    "its mandate is another customer's": (
        TOLD,
        Found([CASE], 8),
        Unused("Its end-to-end id is that of the case DC-1, and its mandate another customer's."),
    ),
    "nothing is known": (
        TOLD,
        Found(),
        Unused("No case has its end-to-end id, and its mandate is not known: register it, then import again."),
    ),
    "nothing is known, and no mandate told": (
        replace(TOLD, mandate_reference=None),
        Found(),
        Unused("No case has its end-to-end id, and it names no mandate."),
    ),
    "no name at all": (
        replace(TOLD, end_to_end_id=None, transaction_id=None),
        Found((), 7),
        Unused("It names neither an end-to-end id nor a transaction."),
    ),
    "a name that is too long": (
        replace(TOLD, end_to_end_id="x" * 36),
        Found((), 7),
        Unused("Its end-to-end id is no text of 1 to 35 printable characters."),
    ),
    "a mandate that cannot be printed": (
        replace(TOLD, mandate_reference="M\n1"),
        Found((), 7),
        Unused("Its mandate is no text of 1 to 35 printable characters."),
    ),
    "no amount": (replace(TOLD, amount=None), Found([CASE]), Unused("It tells no amount.")),
    "no currency of ISO": (
        replace(TOLD, currency="EURO"),
        Found([CASE]),
        Unused("Its currency is none of ISO 4217."),
    ),
    "no date": (replace(TOLD, dated_on=None), Found([CASE]), Unused("It tells no date.")),
    "no return at all": (replace(TOLD, why_unused="No."), Found([CASE], 7), Unused("No.")),
}


@pytest.mark.parametrize(("told", "found", "verdict"), JUDGED.values(), ids=JUDGED)
def test_what_becomes_of_a_return(told: ToldReturn, found: Found, verdict: Verdict) -> None:
    assert judge(told, found) == verdict


@pytest.mark.parametrize("reason", CaseClosedReason)
def test_a_case_that_has_ended_is_left_to_a_person(reason: CaseClosedReason) -> None:
    closed = replace(CASE, closed_reason=reason, amount_due=Decimal(0))

    assert judge(TOLD, Found([closed])) == Unused(f"The case DC-1 is closed as {reason}: a person must look.", closed)


DEAD = replace(TOLD, reason_code="MD07")


@pytest.mark.parametrize(
    ("told", "found", "customer_id"),
    [
        pytest.param(DEAD, Found([CASE]), 7, id="by-its-case"),
        pytest.param(DEAD, Found((), 7), 7, id="by-its-mandate"),
        pytest.param(DEAD, Found([replace(CASE, closed_reason=CaseClosedReason.PAID)]), 7, id="of-an-ended-case"),
        pytest.param(replace(DEAD, amount=Decimal(1)), Found([CASE]), 7, id="of-another-amount"),
        pytest.param(DEAD, Found([CASE], 8), None, id="of-one-of-two-customers"),
        pytest.param(DEAD, Found(), None, id="of-nobody-known"),
        pytest.param(TOLD, Found([CASE]), None, id="another-reason"),
        pytest.param(replace(DEAD, why_unused="No."), Found([CASE]), None, id="no-return"),
    ],
)
def test_a_death_counts_whatever_else_becomes_of_the_return(
    told: ToldReturn, found: Found, customer_id: int | None
) -> None:
    assert told_dead(told, found) == customer_id


COLLECTED, BOOKED, REPORTED = DateBasis


@pytest.mark.parametrize(
    ("changed", "earlier", "same"),
    [
        pytest.param({}, TAKEN, True, id="the-same-file"),
        pytest.param({"mandate_reference": "m-1"}, TAKEN, True, id="a-mandate-in-other-capitals"),
        pytest.param({"mandate_reference": None}, TAKEN, True, id="a-mandate-that-is-not-told"),
        pytest.param({"mandate_reference": "M-2"}, TAKEN, False, id="another-mandate"),
        pytest.param({"end_to_end_id": "E2E-2"}, TAKEN, False, id="another-id"),
        pytest.param({"amount": Decimal(1)}, TAKEN, False, id="another-amount"),
        pytest.param({"currency": "SEK"}, TAKEN, False, id="another-currency"),
        pytest.param({"reason_code": "MS03"}, TAKEN, True, id="another-reason"),
        pytest.param({"dated_on": DAY + timedelta(1)}, TAKEN, False, id="booked-on-another-day"),
        pytest.param({"basis": COLLECTED, "dated_on": DAY - NEAR}, TAKEN, True, id="collected-shortly-before"),
        pytest.param({"basis": COLLECTED, "dated_on": DAY + NEAR}, TAKEN, True, id="collected-shortly-after"),
        pytest.param({"basis": COLLECTED, "dated_on": DAY + NEAR + timedelta(1)}, TAKEN, False, id="collected-anew"),
        pytest.param({"basis": REPORTED}, replace(TAKEN, basis=REPORTED), True, id="dated-by-the-files"),
        pytest.param(
            {"basis": REPORTED, "dated_on": DAY + NEAR}, replace(TAKEN, basis=REPORTED), True, id="a-later-file"
        ),
        pytest.param(
            {"end_to_end_id": None, "transaction_id": "WW-1", "basis": COLLECTED},
            replace(TAKEN, reference="TX-1"),
            True,
            id="named-otherwise-by-the-other-message",
        ),
        pytest.param(
            {"end_to_end_id": None, "transaction_id": "TX-2"},
            replace(TAKEN, reference="TX-1"),
            False,
            id="another-transaction-of-the-same-message",
        ),
    ],
)
def test_which_tellings_are_of_the_same_return(changed: dict[str, object], earlier: Taken, same: bool) -> None:
    assert is_same(replace(TOLD, **changed), earlier) is same  # type: ignore[arg-type]


DAYS = st.dates(date(2026, 1, 1), date(2026, 3, 31))


@given(st.sampled_from(DateBasis), DAYS, st.sampled_from(DateBasis), DAYS)
def test_whether_two_tellings_are_the_same_does_not_depend_on_which_comes_first(
    one: DateBasis, first: date, other: DateBasis, second: date
) -> None:
    told = replace(TOLD, basis=one, dated_on=first)
    later = replace(TOLD, basis=other, dated_on=second)

    assert is_same(told, replace(TAKEN, basis=other, dated_on=second)) is is_same(
        later, replace(TAKEN, basis=one, dated_on=first)
    )
    assert is_same(told, replace(TAKEN, basis=one, dated_on=first))
