"""Say which accounts are an organization's, so that only its own bank files are taken."""

from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.errors import Refusal
from dunlin.domain.rules.creditor import account_key, check_accounts
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CreditorAccount, Organization
from dunlin.domain.viewer import Viewer


async def set_creditor_accounts(
    store: Store, viewer: Viewer, *, organization_id: int, accounts: list[str]
) -> Organization:
    """Return the organization, whose accounts are these from now on. Refuses with NOT_FOUND, INVALID or DUPLICATE."""
    viewer.require(Permission.CONFIGURE)
    organization = await viewer.organization(organization_id, "organizationId")
    if problems := check_accounts(accounts):
        raise Refusal(problems)
    wanted = {account_key(account): "".join(account.split()).upper() for account in accounts}

    async def replace(transaction: Transaction) -> Organization:
        await hold_integrations(transaction, organization.id)
        locked = await Organization.select_for_update(no_key=True).get(id=organization.id)
        before = await creditor_accounts(locked.id)
        if [one.key for one in before] == list(wanted):
            return locked
        await CreditorAccount.filter(organization_id=locked.id).delete()
        await CreditorAccount.bulk_create(
            CreditorAccount(organization_id=locked.id, key=key, account=account) for key, account in wanted.items()
        )
        transaction.audit(
            viewer,
            AuditAction.CREDITOR_ACCOUNTS_SET,
            ("Organization", locked.id),
            organization_id=locked.id,
            before={"creditorAccounts": [one.account for one in before]},
            after={"creditorAccounts": list(wanted.values())},
        )
        return locked

    return await store.transact(replace)


async def creditor_accounts(organization_id: int) -> list[CreditorAccount]:
    return await CreditorAccount.filter(organization_id=organization_id).order_by("id")
