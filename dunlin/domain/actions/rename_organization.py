"""Give an organization another name. What is planned already keeps the name it was rendered with."""

from dunlin.domain.actions.create_organization import require_new_name
from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.errors import Refusal
from dunlin.domain.rules.step_input import check_name
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import Organization
from dunlin.domain.viewer import Viewer


async def rename_organization(store: Store, viewer: Viewer, *, organization_id: int, name: str) -> Organization:
    """Return the renamed organization. Refuses with NOT_FOUND, WRONG_STATE (closed), INVALID or DUPLICATE."""
    viewer.require(Permission.ADMIN)
    found = await viewer.organization(organization_id, "organizationId")
    if problems := check_name(name):
        raise Refusal(problems)

    async def rename(transaction: Transaction) -> Organization:
        await hold_integrations(transaction, found.id)
        organization = await Organization.select_for_update(no_key=True).get(id=found.id)
        before = organization.name
        if name.strip() == before:
            return organization
        await require_new_name(transaction, organization.account_id, name.strip())
        organization.name = name.strip()
        await organization.save(update_fields=["name"])
        transaction.audit(
            viewer,
            AuditAction.ORGANIZATION_RENAMED,
            ("Organization", organization.id),
            organization_id=organization.id,
            before={"name": before},
            after={"name": organization.name},
        )
        return organization

    return await store.transact(rename)
