"""Making, listing and revoking tokens by hand."""

from datetime import datetime, timedelta

from dunlin.domain.actions.revoke_token import revoke
from dunlin.domain.choices import Permission
from dunlin.domain.errors import Refusal
from dunlin.domain.rules.token_input import check_token
from dunlin.domain.tables import Account, Organization, Token
from dunlin.domain.vault import key_id
from dunlin.domain.viewer import PREFIX_LENGTH, issue_token
from dunlin.runtime.database import open_database
from dunlin.runtime.settings import Settings


class NoSuchOwner(Exception):
    """There is no account or organization by that name; the text lists those there are."""


class NoSuchToken(Exception):
    """There is no token, or more than one, by that id or prefix; the text says which."""


async def make_token(
    settings: Settings,
    account_name: str | None,
    organization_name: str | None,
    name: str,
    permissions: frozenset[Permission],
    days: int,
    now: datetime,
) -> str:
    """Store a token for an account, or for one organization of it, and return its secret."""
    assert settings.database_url is not None
    if problems := check_token(name, sorted(permissions), days):
        raise Refusal(problems)
    async with open_database(settings.database_url, pool=1):
        account = await _account(account_name)
        return await issue_token(
            account_id=account.id,
            organization_id=await _organization_id(account, organization_name),
            name=name.strip(),
            permissions=permissions,
            expires_at=now + timedelta(days=days),
            key=settings.secret_keys[0],
        )


async def token_lines(settings: Settings, account_name: str | None) -> list[tuple[str, ...]]:
    """Return a table of all tokens, or of one account's: the headings, then a line per token, oldest first."""
    assert settings.database_url is not None
    newest = key_id(settings.secret_keys[0]).hex()
    async with open_database(settings.database_url, pool=1):
        tokens = Token.all() if account_name is None else Token.filter(account_id=(await _account(account_name)).id)
        found = await tokens.order_by("id").select_related("account", "organization")
    return [_HEADINGS, *(_line(token, newest) for token in found)]


_HEADINGS = (
    "ID",
    "PREFIX",
    "NAME",
    "ACCOUNT",
    "ORGANIZATION",
    "PERMISSIONS",
    "CREATED",
    "EXPIRES",
    "LAST USED",
    "REVOKED",
    "KEY",
)


def _line(token: Token, newest: str) -> tuple[str, ...]:
    return (
        str(token.id),
        token.prefix,
        token.name,
        token.account.name,
        token.organization.name if token.organization else "all",
        ",".join(permission.value for permission in Permission if permission in token.permissions),
        *(_moment(at) for at in (token.created_at, token.expires_at, token.last_used_at, token.revoked_at)),
        "newest" if token.key_id == newest else "old",
    )


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M}Z"


async def revoke_by_hand(settings: Settings, id_or_prefix: str, now: datetime) -> Token:
    """Return the revoked token, named by its id or by how it begins."""
    assert settings.database_url is not None
    async with open_database(settings.database_url, pool=1):
        return await revoke((await _named(id_or_prefix)).id, now)


async def _named(id_or_prefix: str) -> Token:
    if id_or_prefix.isascii() and id_or_prefix.isdigit() and int(id_or_prefix) < 2**63:
        found = await Token.filter(id=int(id_or_prefix))
    else:
        found = await Token.filter(prefix=id_or_prefix[:PREFIX_LENGTH]).order_by("id")
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(token.id) for token in found)
        raise NoSuchToken(f"Several tokens begin like that. Name one by its id: {ids}.")
    raise NoSuchToken("There is no such token. `dunlin token list` shows ids and prefixes.")


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
