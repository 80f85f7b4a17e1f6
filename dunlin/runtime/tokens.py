"""Making tokens by hand."""

from datetime import datetime

from dunlin.domain.choices import Permission
from dunlin.domain.tables import Account, Organization
from dunlin.domain.viewer import issue_token
from dunlin.runtime.database import open_database
from dunlin.runtime.settings import Settings


class NoSuchOwner(Exception):
    """There is no account or organization by that name; the text lists those there are."""


async def make_token(
    settings: Settings,
    account_name: str | None,
    organization_name: str | None,
    name: str,
    permissions: frozenset[Permission],
    expires_at: datetime | None,
) -> str:
    """Store a token for an account, or for one organization of it, and return its secret."""
    assert settings.database_url is not None
    async with open_database(settings.database_url, pool=1):
        account = await _account(account_name)
        return await issue_token(
            account_id=account.id,
            organization_id=await _organization_id(account, organization_name),
            name=name,
            permissions=permissions,
            expires_at=expires_at,
            key=settings.secret_keys[0],
        )


async def _account(name: str | None) -> Account:
    accounts = await Account.all().order_by("id")
    found = [account for account in accounts if name in (None, account.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(account.name) for account in accounts) or "none yet"
    raise NoSuchOwner(f"Name one account with --account. There are: {names}.")


async def _organization_id(account: Account, name: str | None) -> int | None:
    if name is None:
        return None
    organizations = await Organization.filter(account_id=account.id).order_by("id")
    ids: dict[str, int] = {organization.name: organization.id for organization in organizations}
    if name not in ids:
        names = ", ".join(map(repr, ids)) or "none yet"
        raise NoSuchOwner(f"{account.name} has no organization {name!r}. It has: {names}.")
    return ids[name]
