"""Put down that a customer refuses SMS, or wants them again, where that was said elsewhere than by SMS."""

from dataclasses import asdict, dataclass
from datetime import datetime

from dunlin.domain.actions.change_status import change_status
from dunlin.domain.actions.opt_outs import Statement, opt_in_number, opt_out_number
from dunlin.domain.actions.phone_state import hold_number, hold_organizations
from dunlin.domain.choices import AuditAction, OptOutSource, Permission
from dunlin.domain.errors import Problem, ProblemCode, Refusal, not_found, refuse
from dunlin.domain.idempotency import Once, RowOf, by_key
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import Customer
from dunlin.domain.viewer import Viewer

MAX_PROOF = 1_000


@dataclass(frozen=True, slots=True)
class Said:
    """How a customer said it, and what proves it."""

    source: OptOutSource
    proof: str


async def opt_out_customer(store: Store, viewer: Viewer, *, customer_id: int, said: Said, now: datetime) -> Customer:
    """Return the customer, whose number gets no SMS from now on. One who has opted out already stays as is.

    Refuses with NOT_FOUND, WRONG_STATE (no phone number), or REQUIRED or INVALID for what was said.
    """
    customer = await _find(viewer, customer_id, said)

    async def opt_out(transaction: Transaction) -> Customer:
        before, number = await _hold(transaction, customer)
        if before.sms_opted_out_at is not None:
            return before
        canceled = await opt_out_number(transaction, customer.organization_id, number, _statement(viewer, said, now))
        await change_status(transaction, canceled, now)
        return await _told(transaction, viewer, AuditAction.CUSTOMER_OPTED_OUT, before, said)

    return await store.transact(opt_out)


async def opt_in_customer(
    store: Store, viewer: Viewer, *, customer_id: int, said: Said, now: datetime, once: Once | None = None
) -> Customer:
    """Return the customer, who gets SMS again. One who has not opted out stays as is.

    The carrier keeps refusals of its own, which only the recipient can lift, by START. Refuses as `opt_out_customer`.
    """
    customer = await _find(viewer, customer_id, said)

    async def opt_in(transaction: Transaction) -> Customer:
        before, number = await _hold(transaction, customer)
        if not await opt_in_number(transaction, customer.organization_id, number, _statement(viewer, said, now)):
            return before
        return await _told(transaction, viewer, AuditAction.CUSTOMER_OPTED_IN, before, said)

    content, answer = {"customer": customer.id, **asdict(said)}, RowOf(Customer)
    return await store.transact(
        by_key(viewer, customer.organization_id, once, "optInCustomer", content, opt_in, answer)
    )


async def _find(viewer: Viewer, customer_id: int, said: Said) -> Customer:
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(Customer.filter(id=customer_id)).first()
    if found is None:
        raise not_found("customer", "customerId")
    if problems := _problems(said):
        raise Refusal(problems)
    return found


def _problems(said: Said) -> list[Problem]:
    problems: list[Problem] = []
    if said.source is OptOutSource.CARRIER:
        message = "Only the carrier itself is CARRIER: say how the customer told you."
        problems.append(Problem(ProblemCode.INVALID, message, ("source",)))
    if not said.proof.strip():
        message = "Say what was said, or where it is filed."
        problems.append(Problem(ProblemCode.REQUIRED, message, ("proof",)))
    elif len(said.proof) > MAX_PROOF or "\0" in said.proof:
        message = f"This has 1 to {MAX_PROOF:,} characters, and no NUL."
        problems.append(Problem(ProblemCode.INVALID, message, ("proof",)))
    return problems


async def _hold(transaction: Transaction, customer: Customer) -> tuple[Customer, str]:
    """Hold everything of the customer's number; return the customer as is now, and the number."""
    await hold_integrations(transaction, customer.organization_id)
    await hold_organizations(transaction, [customer.organization_id])
    fresh = await Customer.get(id=customer.id)
    if fresh.phone is None:
        raise refuse(ProblemCode.WRONG_STATE, "The customer has no phone number.", "customerId")
    await hold_number(transaction, [customer.organization_id], fresh.phone)
    return await Customer.get(id=customer.id), fresh.phone


def _statement(viewer: Viewer, said: Said, now: datetime) -> Statement:
    return Statement(now, said.source, said.proof.strip(), viewer.actor.name)


async def _told(
    transaction: Transaction, viewer: Viewer, action: AuditAction, before: Customer, said: Said
) -> Customer:
    customer = await Customer.get(id=before.id)
    transaction.audit(
        viewer,
        action,
        ("Customer", customer.id),
        organization_id=customer.organization_id,
        before={"smsOptedOutAt": before.sms_opted_out_at},
        after={"smsOptedOutAt": customer.sms_opted_out_at, "source": said.source},
    )
    return customer
