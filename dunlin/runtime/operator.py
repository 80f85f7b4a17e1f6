"""Who runs the service, at its command line: may do everything, in the account that is named."""

import getpass
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from dunlin.domain.audit import Actor
from dunlin.domain.choices import ActorKind, Permission
from dunlin.domain.store import Store
from dunlin.domain.tables import Account, Organization
from dunlin.domain.viewer import Viewer
from dunlin.runtime.bell import RedisBell, open_redis
from dunlin.runtime.database import open_database
from dunlin.runtime.settings import Settings


class NoSuchOwner(Exception):
    """There is no account or organization by that name; the text lists those there are."""


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Open what one command needs: the database, and the bell to wake the others with."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    redis = open_redis(settings.redis_url)
    try:
        async with open_database(settings.database_url, pool=2), aclosing(RedisBell(redis)) as bell:
            yield Store(bell)
    finally:
        await redis.aclose(close_connection_pool=True)


def operator_of(account_id: int) -> Viewer:
    """Return the operator as a viewer of a whole account, known by user name and machine."""
    user = getpass.getuser()
    actor = Actor(ActorKind.COMMAND_LINE, user, user, socket.gethostname())
    return Viewer(actor, account_id, None, frozenset(Permission), None)


async def account_named(name: str | None) -> Account:
    """Return the account of that name; without a name, the only one."""
    accounts = await Account.all().order_by("id")
    found = [account for account in accounts if name in (None, account.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(account.name) for account in accounts) or "none yet: `dunlin account create` makes one"
    raise NoSuchOwner(f"Name one account with --account. There are: {names}.")


async def organization_named(account: Account, name: str) -> Organization:
    """Return the open organization of that name."""
    organizations = await Organization.filter(account_id=account.id, closed_at__isnull=True).order_by("id")
    for organization in organizations:
        if organization.name == name:
            return organization
    names = ", ".join(repr(organization.name) for organization in organizations) or "none yet"
    raise NoSuchOwner(f"{account.name} has no open organization {name!r}. It has: {names}.")
