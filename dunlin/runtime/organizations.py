"""Accounts and organizations by hand."""

from datetime import datetime

from dunlin.domain.actions.close_organization import close_organization
from dunlin.domain.actions.create_account import create_account
from dunlin.domain.actions.create_organization import create_organization
from dunlin.domain.actions.rename_organization import rename_organization
from dunlin.domain.rules.organization_input import NewOrganization
from dunlin.domain.tables import Account, Organization
from dunlin.runtime.operator import account_named, open_store, operator_of, organization_named
from dunlin.runtime.settings import Settings

_HEADINGS = ("ID", "NAME", "ACCOUNT", "ACCOUNT ID", "COUNTRY", "TIME ZONE", "LANGUAGE", "CREATED", "CLOSED")


async def create_account_by_hand(settings: Settings, name: str) -> Account:
    async with open_store(settings):
        return await create_account(name)


async def create_by_hand(settings: Settings, account_name: str | None, given: NewOrganization) -> Organization:
    async with open_store(settings) as store:
        account = await account_named(account_name)
        return await create_organization(store, operator_of(account.id), given)


async def rename_by_hand(settings: Settings, account_name: str | None, name: str, new_name: str) -> Organization:
    async with open_store(settings) as store:
        account = await account_named(account_name)
        organization = await organization_named(account, name)
        return await rename_organization(store, operator_of(account.id), organization_id=organization.id, name=new_name)


async def close_by_hand(settings: Settings, account_name: str | None, name: str, now: datetime) -> Organization:
    async with open_store(settings) as store:
        account = await account_named(account_name)
        organization = await organization_named(account, name)
        return await close_organization(
            store, operator_of(account.id), organization_id=organization.id, confirmed=True, now=now
        )


async def organization_lines(settings: Settings) -> list[tuple[str, ...]]:
    """Return a table of all organizations: the headings, then a line per organization, oldest first."""
    async with open_store(settings):
        found = await Organization.all().order_by("id").select_related("account")
    return [_HEADINGS, *(_line(organization) for organization in found)]


def _line(organization: Organization) -> tuple[str, ...]:
    return (
        str(organization.id),
        organization.name,
        organization.account.name,
        str(organization.account_id),
        organization.country,
        organization.time_zone,
        organization.default_language,
        f"{organization.created_at:%Y-%m-%d}",
        f"{organization.closed_at:%Y-%m-%d}" if organization.closed_at else "open",
    )
