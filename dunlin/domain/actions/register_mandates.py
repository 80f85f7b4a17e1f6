"""Learn which mandates are whose, so that a returned direct debit tells whom it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from dunlin.domain.actions.store_customers import follow_addresses, upsert_customers, use_countries_of
from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.errors import Problem, ProblemCode, Refusal
from dunlin.domain.idempotency import Once, RowsOf, by_key
from dunlin.domain.rules.case_input import NewCustomer, NewMandate, check_mandates, normalized_customer
from dunlin.domain.rules.mandate import folded
from dunlin.domain.store import Store, Transaction, hold_integrations, rows
from dunlin.domain.tables import Mandate, Organization
from dunlin.domain.viewer import Viewer


async def register_mandates(
    store: Store,
    viewer: Viewer,
    *,
    organization_id: int,
    mandates: list[NewMandate],
    now: datetime,
    once: Once | None = None,
) -> list[Mandate]:
    """Return one mandate per entry, in their order; one that is known stays as it is.

    Of the customers the newest values are kept. Refuses with NOT_FOUND, IDEMPOTENCY_KEY_REUSED, or with every problem
    under its path, also where a mandate is another customer's; nothing is changed then.
    """
    viewer.require(Permission.COLLECT)
    organization = await viewer.organization(organization_id, "organizationId")
    if problems := check_mandates(mandates, organization.country):
        raise Refusal(problems)
    customers = [normalized_customer(mandate.customer, organization.country) for mandate in mandates]
    told = _told(mandates, customers)

    async def register(transaction: Transaction) -> list[Mandate]:
        await hold_integrations(transaction, organization.id)
        await Organization.select_for_update(no_key=True).get(id=organization.id)
        if problems := await check_owners(organization.id, told):
            raise Refusal(problems)
        await follow_addresses(transaction, organization.id, customers, (), now)
        ids = await upsert_customers(transaction, organization.id, customers)
        await use_countries_of(transaction, organization.id, customers, now)
        new = await store_mandates(transaction, organization.id, told, ids, now)
        if new:
            transaction.audit(
                viewer,
                AuditAction.MANDATES_REGISTERED,
                ("Organization", organization.id),
                organization_id=organization.id,
                after={"mandates": len(new), "first": new[0], "last": new[-1]},
            )
        stored = {one.folded: one for one in await mandates_by(organization.id, [one.reference for one in told])}
        return [stored[folded(one.reference)] for one in mandates]

    content = {"mandates": [asdict(mandate) for mandate in mandates]}
    answer = RowsOf(Mandate)
    return await store.transact(by_key(viewer, organization.id, once, "registerMandates", content, register, answer))


@dataclass(frozen=True, slots=True)
class Told:
    """That a mandate is a customer's. `path` names the place in the input."""

    path: tuple[str, ...]
    reference: str
    customer_reference: str


def _told(mandates: Sequence[NewMandate], customers: Sequence[NewCustomer]) -> list[Told]:
    """Return whose each mandate is told to be: each of an entry, and those that its customer names besides."""
    return [
        Told(("mandates", str(place), *path), reference, customer.external_reference)
        for place, (mandate, customer) in enumerate(zip(mandates, customers, strict=True))
        for path, reference in [
            (("reference",), mandate.reference),
            *(
                (("customer", "mandateReferences", str(nth)), further)
                for nth, further in enumerate(customer.mandate_references)
            ),
        ]
    ]


async def check_owners(organization_id: int, told: Sequence[Told]) -> list[Problem]:
    """Return a problem for each mandate that is another customer's. The caller holds the organization."""
    found = await mandates_by(organization_id, [one.reference for one in told])
    owners = {mandate.folded: mandate.customer.external_reference for mandate in found}
    return [
        Problem(
            ProblemCode.DUPLICATE, f"This mandate is one of the customer {owner}. It cannot change hands.", one.path
        )
        for one in told
        for owner in [owners.get(folded(one.reference), one.customer_reference)]
        if owner != one.customer_reference
    ]


async def store_mandates(
    transaction: Transaction,
    organization_id: int,
    told: Sequence[Told],
    customer_ids: Mapping[str, int],
    now: datetime,
) -> list[str]:
    """Store those that are not known yet; return their references."""
    if not told:
        return []
    stored = await transaction.rows(
        _INSERT,
        organization_id,
        [one.reference for one in told],
        [folded(one.reference) for one in told],
        [customer_ids[one.customer_reference] for one in told],
        now,
    )
    return [row["reference"] for row in stored]


async def mandates_by(organization_id: int, references: Sequence[str]) -> list[Mandate]:
    """Return the known ones of these mandates, with their customers."""
    if not references:
        return []
    found = await rows(
        "SELECT m.id FROM unnest($2::text[]) AS given(folded) JOIN mandate m"
        " ON m.organization_id = $1 AND m.folded = given.folded",
        organization_id,
        sorted({folded(one) for one in references}),
    )
    return await Mandate.filter(id__in=[row["id"] for row in found]).select_related("customer") if found else []


_INSERT = """
INSERT INTO mandate (organization_id, reference, folded, customer_id, registered_at)
SELECT $1, reference, folded, customer_id, $5
FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS t(reference, folded, customer_id, place)
ORDER BY place
ON CONFLICT (organization_id, folded) DO NOTHING RETURNING reference
"""
