"""A returned direct debit as a bank tells of it: whether it is known already, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeAlias

from dunlin.domain.choices import CaseClosedReason, DateBasis
from dunlin.domain.rules.mandate import MAX_LENGTH, folded
from dunlin.domain.rules.notation import CURRENCIES
from dunlin.domain.rules.return_reason import DECEASED

# A debit comes back within five interbank days of its settlement, so that a rejection and its booking, told by two
# messages, lie as near. Who collects again after a return waits longer.
NEAR = timedelta(days=10)

NO_REASON = "MS03"  # "the bank gives no reason"
NARRATIVE = "NARR"  # "the reason is told in words"


@dataclass(frozen=True, slots=True)
class ToldReturn:
    """What one transaction of a bank's file tells. `why_unused` where it is no returned direct debit.

    `number` counts the transactions of the file, `line` is where it begins there, both from 1.
    """

    number: int
    line: int
    end_to_end_id: str | None = None
    transaction_id: str | None = None  # what it is named by where there is no end-to-end id
    mandate_reference: str | None = None
    reason_code: str | None = None
    is_refund: bool = False
    amount: Decimal | None = None
    currency: str | None = None
    dated_on: date | None = None
    basis: DateBasis = DateBasis.REPORTED
    why_unused: str | None = None

    @property
    def reference(self) -> str | None:
        return self.end_to_end_id or self.transaction_id


@dataclass(frozen=True, slots=True)
class Taken:
    """A return that was taken before, whatever file told of it."""

    reference: str
    mandate: str  # folded; empty where it was not told
    amount: Decimal
    currency: str
    dated_on: date
    basis: DateBasis
    case_id: int


@dataclass(frozen=True, slots=True)
class FoundCase:
    """A case that a return may be about. `amount_due` is what is open now, `original` what was at first."""

    id: int
    number: str
    customer_id: int
    amount_due: Decimal
    original: Decimal
    currency: str
    return_reason_code: str | None
    closed_reason: CaseClosedReason | None


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a return: the cases with its reference, its mandate's customer, what was taken of it before."""

    cases: Sequence[FoundCase] = ()
    mandate_customer_id: int | None = None
    earlier: Sequence[Taken] = ()


@dataclass(frozen=True, slots=True)
class Open:
    customer_id: int


@dataclass(frozen=True, slots=True)
class Update:
    case: FoundCase


@dataclass(frozen=True, slots=True)
class Known:
    """`is_first`: no file has told of it yet, and the case knows it all the same."""

    case_id: int
    why: str
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Unused:
    """`closed`: the case that has ended and that a person must look at, because money came back."""

    why: str
    closed: FoundCase | None = None


Verdict: TypeAlias = Open | Update | Known | Unused


def judge(told: ToldReturn, found: Found) -> Verdict:
    """Return what becomes of a return. What is not clear is not used: nothing is guessed."""
    if told.why_unused is not None:
        return Unused(told.why_unused)
    if flaw := _flaw(told):
        return Unused(flaw)
    for earlier in found.earlier:
        if is_same(told, earlier):
            return Known(earlier.case_id, "This return was taken before.")
    if len(found.cases) > 1:
        numbers = " and ".join(case.number for case in found.cases)
        return Unused(f"It may be about several cases: {numbers}.")
    if found.cases:
        return _about(told, found.cases[0], found)
    if found.mandate_customer_id is not None:
        return Open(found.mandate_customer_id)
    if told.mandate_reference is None:
        return Unused("No case has its end-to-end id, and it names no mandate.")
    return Unused("No case has its end-to-end id, and its mandate is not known: register it, then import again.")


def told_dead(told: ToldReturn, found: Found) -> int | None:
    """Return the customer of whose death a return tells, whatever else becomes of it; None if that is not clear."""
    if told.reason_code != DECEASED or told.why_unused is not None:
        return None
    customers = {case.customer_id for case in found.cases}
    if found.mandate_customer_id is not None:
        customers.add(found.mandate_customer_id)
    return customers.pop() if len(customers) == 1 else None


def is_same(told: ToldReturn, earlier: Taken) -> bool:
    """Return whether a return is the one that was taken before.

    Banks keep the creditor's own references, the amount and the currency. They date a return by the collection
    (pain.002) or by its booking (camt.054): two dates of one kind must be equal, others near each other. So a debit
    that is collected again and comes back again is another return. Without an end-to-end id the two messages may name
    the transaction differently: then the mandate tells.
    """
    mandate = mandate_key(told)
    if (told.amount, told.currency) != (earlier.amount, earlier.currency):
        return False
    if mandate and earlier.mandate and mandate != earlier.mandate:
        return False
    if told.reference != earlier.reference:
        is_told_otherwise = told.end_to_end_id is None and told.basis is not earlier.basis
        if not (is_told_otherwise and mandate and mandate == earlier.mandate):
            return False
    if told.dated_on is None:
        return True
    if told.basis is earlier.basis and told.basis is not DateBasis.REPORTED:
        return told.dated_on == earlier.dated_on
    return abs(told.dated_on - earlier.dated_on) <= NEAR


def mandate_key(told: ToldReturn) -> str:
    return folded(told.mandate_reference) if told.mandate_reference else ""


def _about(told: ToldReturn, case: FoundCase, found: Found) -> Verdict:
    if found.mandate_customer_id not in (None, case.customer_id):
        return Unused(f"Its end-to-end id is that of the case {case.number}, and its mandate another customer's.")
    if told.currency != case.currency:
        return Unused(f"It is in {told.currency}, and the case {case.number} in {case.currency}.")
    if told.amount not in (case.amount_due, case.original):
        return Unused(f"Its amount is not that of the case {case.number}, {case.original.normalize():f}.")
    if case.closed_reason is not None:
        return Unused(f"The case {case.number} is closed as {case.closed_reason}: a person must look.", case)
    if case.return_reason_code == told.reason_code and not any(one.case_id == case.id for one in found.earlier):
        return Known(case.id, f"The case {case.number} was told this reason already.", is_first=True)
    return Update(case)


def _flaw(told: ToldReturn) -> str | None:
    """Return why a return cannot be used by itself."""
    if told.reference is None:
        return "It names neither an end-to-end id nor a transaction."
    for what, text in (("end-to-end id", told.reference), ("mandate", told.mandate_reference or "-")):
        if len(text) > MAX_LENGTH or not text.isprintable():
            return f"Its {what} is no text of 1 to {MAX_LENGTH} printable characters."
    if told.amount is None or told.currency is None:
        return "It tells no amount."
    if told.currency not in CURRENCIES:
        return "Its currency is none of ISO 4217."
    if told.dated_on is None:
        return "It tells no date."
    return None
