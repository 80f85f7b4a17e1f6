"""What becomes of a returned direct debit: its case, what is remembered of it, and its line in the report."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import assert_never

from dunlin.domain.choices import CaseOrigin, ReturnOutcome
from dunlin.domain.rules.bank_return import Known, Open, ToldReturn, Unused, Update, Verdict, mandate_key
from dunlin.domain.rules.case_input import NewCase, NewCustomer
from dunlin.domain.tables import BankImport, BankImportLine, Customer, ReturnedDebit


def new_case_of(one: ToldReturn, customer: Customer) -> NewCase:
    """Return the case that a return opens."""
    reference, amount, currency, day = _all_of(one)
    return NewCase(
        external_reference=reference,
        end_to_end_id=one.end_to_end_id,
        origin=CaseOrigin.DIRECT_DEBIT_RETURN,
        return_reason_code=one.reason_code,
        customer=NewCustomer(
            external_reference=customer.external_reference,
            name=customer.name,
            language=customer.language,
            phone=customer.phone,
            email=customer.email,
            time_zone=customer.time_zone,
        ),
        amount=amount,
        currency=currency,
        due_on=day,
        is_refund=one.is_refund,
    )


def taken_of(bank_import: BankImport, one: ToldReturn, case_id: int) -> ReturnedDebit:
    """Return what is remembered of a return that was taken."""
    reference, amount, currency, day = _all_of(one)
    return ReturnedDebit(
        organization_id=bank_import.organization_id,
        bank_import_id=bank_import.id,
        reference=reference,
        mandate=mandate_key(one),
        amount=amount,
        currency=currency,
        dated_on=day,
        basis=one.basis,
        case_id=case_id,
    )


def line_of(bank_import: BankImport, one: ToldReturn, verdict: Verdict, opened: Mapping[str, int]) -> BankImportLine:
    """Return the line of the report that tells what became of a return."""
    outcome, reason = _told(verdict)
    return BankImportLine(
        organization_id=bank_import.organization_id,
        bank_import_id=bank_import.id,
        number=one.number,
        line=one.line,
        outcome=outcome,
        reason=_shown(reason, 1_000),
        end_to_end_id=_shown(one.end_to_end_id, 35),
        transaction_id=_shown(one.transaction_id, 35),
        mandate_reference=_shown(one.mandate_reference, 35),
        return_reason_code=one.reason_code,
        amount=one.amount if one.amount is not None and one.amount < 10**14 else None,
        currency=_shown(one.currency, 3),
        dated_on=one.dated_on,
        case_id=case_id_of(one, verdict, opened),
    )


def case_id_of(one: ToldReturn, verdict: Verdict, opened: Mapping[str, int]) -> int | None:
    """Return the case that a return belongs to; `opened` are the new ones by reference."""
    match verdict:
        case Open():
            return opened[one.reference or ""]
        case Update(case=case):
            return case.id
        case Known(case_id=case_id):
            return case_id
        case Unused(closed=closed):
            return None if closed is None else closed.id
        case _ as never:
            assert_never(never)


def _told(verdict: Verdict) -> tuple[ReturnOutcome, str | None]:
    match verdict:
        case Open():
            return ReturnOutcome.OPENED, None
        case Update():
            return ReturnOutcome.UPDATED, None
        case Known(why=why):
            return ReturnOutcome.ALREADY_KNOWN, why
        case Unused(why=why):
            return ReturnOutcome.NOT_USED, why
        case _ as never:
            assert_never(never)


def _shown(text: str | None, length: int) -> str | None:
    return None if text is None else text[:length]


def _all_of(one: ToldReturn) -> tuple[str, Decimal, str, date]:
    """Return reference, amount, currency and day of a return that is judged to be usable: all of them are told."""
    assert one.reference is not None
    assert one.amount is not None
    assert one.currency is not None
    assert one.dated_on is not None
    return one.reference, one.amount, one.currency, one.dated_on
