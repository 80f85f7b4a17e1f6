"""Put down that a customer refuses SMS or e-mail, or wants it again, where that was said otherwise."""

from dataclasses import asdict, dataclass
from datetime import datetime

from dunlin.domain.actions.address_state import hold_address, hold_organizations
from dunlin.domain.actions.change_status import change_status
from dunlin.domain.actions.opt_outs import Statement, opt_in_address, opt_out_address
from dunlin.domain.actions.recipients import REACHES, Reach
from dunlin.domain.choices import AuditAction, IntegrationKind, OptOutSource, Permission
from dunlin.domain.errors import Problem, ProblemCode, Refusal, not_found, refuse
from dunlin.domain.idempotency import Once, RowOf, by_key
from dunlin.domain.rules.recipient import words_of
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import Customer
from dunlin.domain.viewer import Viewer

MAX_PROOF = 1_000


@dataclass(frozen=True, slots=True)
class Said:
    """How a customer said it, what proves it, and what kind of messages it was about."""

    source: OptOutSource
    proof: str
    kind: IntegrationKind = IntegrationKind.SMS


async def opt_out_customer(store: Store, viewer: Viewer, *, customer_id: int, said: Said, now: datetime) -> Customer:
    """Return the customer, whose address gets no such messages from now on. One who has opted out already stays as is.

    Refuses with NOT_FOUND, WRONG_STATE (no address), or REQUIRED or INVALID for what was said.
    """
    customer, reach = await _find(viewer, customer_id, said), REACHES[said.kind]

    async def opt_out(transaction: Transaction) -> Customer:
        before, address = await _hold(transaction, customer, reach)
        if getattr(before, reach.opted_out_at) is not None:
            return before
        statement = _statement(viewer, said, now)
        canceled = await opt_out_address(transaction, reach, customer.organization_id, address, statement)
        await change_status(transaction, canceled, now)
        return await _told(transaction, viewer, AuditAction.CUSTOMER_OPTED_OUT, before, said)

    return await store.transact(opt_out)


async def opt_in_customer(
    store: Store, viewer: Viewer, *, customer_id: int, said: Said, now: datetime, once: Once | None = None
) -> Customer:
    """Return the customer, who gets such messages again. One who has not opted out stays as is.

    A carrier of texts keeps refusals of its own, which only the recipient can lift, by START. Refuses as
    `opt_out_customer`.
    """
    customer, reach = await _find(viewer, customer_id, said), REACHES[said.kind]

    async def opt_in(transaction: Transaction) -> Customer:
        before, address = await _hold(transaction, customer, reach)
        statement = _statement(viewer, said, now)
        if not await opt_in_address(transaction, reach, customer.organization_id, address, statement):
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


async def _hold(transaction: Transaction, customer: Customer, reach: Reach) -> tuple[Customer, str]:
    """Hold everything of the customer's address; return the customer as is now, and the address."""
    await hold_integrations(transaction, customer.organization_id)
    await hold_organizations(transaction, [customer.organization_id])
    fresh = await Customer.get(id=customer.id)
    address: str | None = getattr(fresh, reach.address)
    if address is None:
        raise refuse(ProblemCode.WRONG_STATE, words_of(reach.kind).missing, "customerId")
    await hold_address(transaction, reach, [customer.organization_id], address)
    return await Customer.get(id=customer.id), address


def _statement(viewer: Viewer, said: Said, now: datetime) -> Statement:
    return Statement(now, said.source, said.proof.strip(), viewer.actor.name)


async def _told(
    transaction: Transaction, viewer: Viewer, action: AuditAction, before: Customer, said: Said
) -> Customer:
    customer, reach = await Customer.get(id=before.id), REACHES[said.kind]
    told = f"{said.kind.lower()}OptedOutAt"
    transaction.audit(
        viewer,
        action,
        ("Customer", customer.id),
        organization_id=customer.organization_id,
        before={told: getattr(before, reach.opted_out_at)},
        after={told: getattr(customer, reach.opted_out_at), "source": said.source},
    )
    return customer
