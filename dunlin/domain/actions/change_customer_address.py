"""Correct the phone number or the e-mail address of one customer."""

from dataclasses import dataclass
from datetime import datetime

from dunlin.domain.actions.change_addresses import change_addresses
from dunlin.domain.actions.recipients import REACHES, Reach
from dunlin.domain.choices import AuditAction, IntegrationKind, Permission
from dunlin.domain.errors import Refusal, not_found
from dunlin.domain.idempotency import Once, RowOf, by_key
from dunlin.domain.price_list import use_countries
from dunlin.domain.rules import mail, phone
from dunlin.domain.rules.case_input import check_email, check_phone, normalized_email
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import Customer, Organization
from dunlin.domain.viewer import Viewer


async def change_customer_phone(
    store: Store, viewer: Viewer, *, customer_id: int, number: str, now: datetime, once: Once | None = None
) -> Customer:
    """Return the customer with the number, who is texted there from now on.

    The same number again says that it is right: what the carrier has said of it is forgotten. Refuses with NOT_FOUND,
    or INVALID where it can be no number.
    """
    found, organization = await _find(viewer, customer_id)
    if problems := list(check_phone(number, organization.country, "phone")):
        raise Refusal(problems)
    normalized = phone.normalize(number, organization.country)
    assert normalized is not None, "it has been checked"
    country = phone.country_of(normalized)
    change = _Change(IntegrationKind.SMS, AuditAction.CUSTOMER_PHONE_CHANGED, normalized, country)
    content = {"customer": found.id, "phone": normalized}
    return await _store(store, viewer, found, change, "changeCustomerPhone", content, now, once)


async def change_customer_email(
    store: Store, viewer: Viewer, *, customer_id: int, address: str, now: datetime, once: Once | None = None
) -> Customer:
    """Return the customer with the address, who is written to there from now on.

    The same address again says that it is right: what mail servers have said of it is forgotten. Refuses with
    NOT_FOUND, or INVALID where it can be no address.
    """
    found, _ = await _find(viewer, customer_id)
    if problems := list(check_email(address, "email")):
        raise Refusal(problems)
    change = _Change(IntegrationKind.EMAIL, AuditAction.CUSTOMER_EMAIL_CHANGED, normalized_email(address), None)
    content = {"customer": found.id, "email": change.address}
    return await _store(store, viewer, found, change, "changeCustomerEmail", content, now, once)


@dataclass(frozen=True, slots=True)
class _Change:
    """`country` is the one whose price will be needed, if any."""

    kind: IntegrationKind
    action: AuditAction
    address: str
    country: str | None


async def _find(viewer: Viewer, customer_id: int) -> tuple[Customer, Organization]:
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(Customer.filter(id=customer_id)).first()
    if found is None:
        raise not_found("customer", "customerId")
    return found, await Organization.get(id=found.organization_id)


async def _store(
    store: Store,
    viewer: Viewer,
    found: Customer,
    change: _Change,
    mutation: str,
    content: dict[str, object],
    now: datetime,
    once: Once | None,
) -> Customer:
    reach = REACHES[change.kind]

    async def work(transaction: Transaction) -> Customer:
        await hold_integrations(transaction, found.organization_id)
        await Organization.select_for_update(no_key=True).get(id=found.organization_id)
        before = await Customer.get(id=found.id)
        await change_addresses(transaction, reach, {found.id: change.address}, now)
        if change.country is not None:
            await use_countries(transaction, [(found.organization_id, change.country)], now)
        transaction.reminders_due = True
        customer = await Customer.get(id=found.id)
        transaction.audit(
            viewer,
            change.action,
            ("Customer", found.id),
            organization_id=found.organization_id,
            before=_told(before, reach),
            after=_told(customer, reach),
        )
        return customer

    return await store.transact(by_key(viewer, found.organization_id, once, mutation, content, work, RowOf(Customer)))


def _told(customer: Customer, reach: Reach) -> dict[str, object]:
    """Return the address as an ADMIN may read it, who need not hold COLLECT."""
    mask = phone.mask if reach.kind is IntegrationKind.SMS else mail.mask
    address: str | None = getattr(customer, reach.address)
    return {
        reach.address: None if address is None else mask(address),
        f"{reach.address}Problem": getattr(customer, reach.problem),
    }
