"""Record a payment for a case: less is due from then on, and with nothing due the case is paid."""

from collections.abc import Awaitable
from datetime import datetime
from decimal import Decimal

from dunlin.domain.actions.end_cases import end_cases
from dunlin.domain.actions.under_way import OF_CASES, until_nothing_is_under_way
from dunlin.domain.choices import AuditAction, CaseClosedReason, CaseState, Permission
from dunlin.domain.errors import ProblemCode, Refusal, not_found, refuse
from dunlin.domain.idempotency import RowOf, once, request_of
from dunlin.domain.rules.payment import Applied, NewPayment, apply, check_payment
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCase, Payment
from dunlin.domain.viewer import Viewer


async def record_payment(
    store: Store, viewer: Viewer, *, case_id: int, payment: NewPayment, idempotency_key: str | None, now: datetime
) -> CollectionCase:
    """Return the case after the payment. When this returns, no text goes out any more that asks for what was paid.

    A case that ended without being paid takes a late payment and stays ended. Refuses with NOT_FOUND, INVALID (also
    for another currency), CASE_CLOSED (paid already) or IDEMPOTENCY_KEY_REUSED; nothing is changed then.
    """
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(CollectionCase.filter(id=case_id)).first()
    if found is None:
        raise not_found("collection case", "caseId")
    if problems := check_payment(payment, now):
        raise Refusal(problems)
    request = request_of(
        viewer,
        found.organization_id,
        idempotency_key,
        "recordPayment",
        {
            "case": found.id,
            "amount": f"{payment.amount.normalize():f}",
            "currency": payment.currency,
            "paidAt": payment.paid_at and payment.paid_at.timestamp(),
            "reference": payment.reference,
        },
    )

    async def record(transaction: Transaction) -> CollectionCase:
        def work() -> Awaitable[CollectionCase]:
            return _record(transaction, viewer, found, payment, now)

        return await once(transaction, request, now, work, RowOf(CollectionCase))

    try:
        return await store.transact(record)
    finally:  # also for who brings the same payment again, while the first one still waits
        await until_nothing_is_under_way(store, OF_CASES, [found.id])


async def _record(
    transaction: Transaction, viewer: Viewer, found: CollectionCase, payment: NewPayment, now: datetime
) -> CollectionCase:
    await hold_integrations(transaction, found.organization_id)
    case = await CollectionCase.select_for_update(no_key=True).get(id=found.id)
    _require_payable(case, payment)
    applied = apply(case.amount_due, payment.amount)
    await Payment.create(
        organization_id=case.organization_id,
        case_id=case.id,
        amount=payment.amount,
        currency=payment.currency,
        paid_at=payment.paid_at or now,
        reference=(payment.reference or "").strip() or None,
        recorded_at=now,
    )
    await CollectionCase.filter(id=case.id).update(amount_due=applied.amount_due)
    if applied.amount_due == 0:
        await _settle(transaction, case, applied, now)
    paid = await CollectionCase.get(id=case.id)
    transaction.audit(
        viewer,
        AuditAction.PAYMENT_RECORDED,
        ("CollectionCase", case.id),
        organization_id=case.organization_id,
        before={"amountDue": case.amount_due, "state": case.state},
        after={
            "amountDue": paid.amount_due,
            "state": paid.state,
            "payment": f"{payment.amount} {payment.currency}",
            "reference": payment.reference,
        },
    )
    return paid


def _require_payable(case: CollectionCase, payment: NewPayment) -> None:
    if case.closed_reason is CaseClosedReason.PAID:
        raise refuse(ProblemCode.CASE_CLOSED, "The case is paid already: nothing is due.", "caseId")
    if payment.currency != case.currency:
        message = f"The case is in {case.currency}: a payment in {payment.currency} cannot be set against it."
        raise refuse(ProblemCode.INVALID, message, "amount", "currency")


async def _settle(transaction: Transaction, case: CollectionCase, applied: Applied, now: datetime) -> None:
    """Close the case as paid; one that had ended before keeps the day on which it did."""
    if case.state is CaseState.CLOSED:
        await CollectionCase.filter(id=case.id).update(closed_reason=CaseClosedReason.PAID, attention_reason=None)
    else:
        await end_cases(transaction, [case.id], CaseClosedReason.PAID, None, now)
    if applied.overpaid:
        await CollectionCase.filter(id=case.id).update(
            overpaid=applied.overpaid, attention_reason=_overpaid(applied.overpaid, case.currency)
        )


def _overpaid(amount: Decimal, currency: str) -> str:
    return f"{amount.normalize():f} {currency} more was paid than was due: pay it back, or set it against another case."
