"""Making, listing and revoking tokens by hand."""

from collections.abc import Collection, Mapping
from datetime import datetime

from dunlin.domain.actions.create_token import create_token
from dunlin.domain.actions.revoke_token import revoke_token
from dunlin.domain.choices import Permission
from dunlin.domain.tables import Organization, Token
from dunlin.domain.vault import key_id
from dunlin.domain.viewer import PREFIX_LENGTH
from dunlin.runtime.operator import account_named, open_store, operator_of, organization_named
from dunlin.runtime.settings import Settings


class NoSuchToken(Exception):
    """There is no token, or more than one, by that id or prefix; the text says which."""


async def make_token(
    settings: Settings,
    account_name: str | None,
    organization_names: Collection[str],
    name: str,
    permissions: frozenset[Permission],
    days: int,
    now: datetime,
) -> str:
    """Store a token for an account, or for some organizations of it, and return its secret."""
    async with open_store(settings) as store:
        account = await account_named(account_name)
        organizations = [await organization_named(account, one) for one in organization_names]
        secret, _ = await create_token(
            store,
            operator_of(account.id),
            organization_ids=[organization.id for organization in organizations] or None,
            name=name,
            permissions=sorted(permissions),
            days=days,
            key=settings.secret_keys[0],
            now=now,
        )
        return secret


async def token_lines(settings: Settings, account_name: str | None) -> list[tuple[str, ...]]:
    """Return a table of all tokens, or of one account's: the headings, then a line per token, oldest first."""
    newest = key_id(settings.secret_keys[0]).hex()
    async with open_store(settings):
        tokens = (
            Token.all() if account_name is None else Token.filter(account_id=(await account_named(account_name)).id)
        )
        found = await tokens.order_by("id").select_related("account")
        names = {one.id: one.name for one in await Organization.filter(account_id__in={t.account_id for t in found})}
    return [_HEADINGS, *(_line(token, names, newest) for token in found)]


_HEADINGS = (
    "ID",
    "PREFIX",
    "NAME",
    "ACCOUNT",
    "ORGANIZATIONS",
    "PERMISSIONS",
    "CREATED",
    "EXPIRES",
    "LAST USED",
    "REVOKED",
    "KEY",
)


def _line(token: Token, names: Mapping[int, str], newest: str) -> tuple[str, ...]:
    return (
        str(token.id),
        token.prefix,
        token.name,
        token.account.name,
        "all" if token.organization_ids is None else ", ".join(names[one] for one in token.organization_ids),
        ",".join(permission.value for permission in Permission if permission in token.permissions),
        *(_moment(at) for at in (token.created_at, token.expires_at, token.last_used_at, token.revoked_at)),
        "newest" if token.key_id == newest else "old",
    )


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M}Z"


async def revoke_by_hand(settings: Settings, id_or_prefix: str, now: datetime) -> Token:
    """Return the revoked token, named by its id or by how it begins."""
    async with open_store(settings) as store:
        token = await _named(id_or_prefix)
        return await revoke_token(store, operator_of(token.account_id), token_id=token.id, now=now)


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
