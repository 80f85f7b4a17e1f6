"""Correct the phone number of one customer."""

from datetime import datetime

from dunlin.domain.actions.change_numbers import change_numbers
from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.errors import Refusal, not_found
from dunlin.domain.idempotency import Once, RowOf, by_key
from dunlin.domain.price_list import use_countries
from dunlin.domain.rules import phone
from dunlin.domain.rules.case_input import check_phone
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
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(Customer.filter(id=customer_id)).first()
    if found is None:
        raise not_found("customer", "customerId")
    organization = await Organization.get(id=found.organization_id)
    if problems := list(check_phone(number, organization.country, "phone")):
        raise Refusal(problems)
    normalized = phone.normalize(number, organization.country)
    assert normalized is not None, "it has been checked"
    country = phone.country_of(normalized)

    async def change(transaction: Transaction) -> Customer:
        await hold_integrations(transaction, organization.id)
        await Organization.select_for_update(no_key=True).get(id=organization.id)
        before = await Customer.get(id=found.id)
        await change_numbers(transaction, {found.id: normalized}, now)
        if country is not None:
            await use_countries(transaction, [(organization.id, country)], now)
        transaction.reminders_due = True
        customer = await Customer.get(id=found.id)
        transaction.audit(
            viewer,
            AuditAction.CUSTOMER_PHONE_CHANGED,
            ("Customer", found.id),
            organization_id=organization.id,
            before={"phone": _masked(before), "phoneProblem": before.phone_problem},
            after={"phone": _masked(customer), "phoneProblem": customer.phone_problem},
        )
        return customer

    content, answer = {"customer": found.id, "phone": normalized}, RowOf(Customer)
    return await store.transact(by_key(viewer, organization.id, once, "changeCustomerPhone", content, change, answer))


def _masked(customer: Customer) -> str | None:
    """Return the number as an ADMIN may read it, who need not hold COLLECT."""
    return None if customer.phone is None else phone.mask(customer.phone)
