"""Who is asking, and what they may see. Tokens are kept as keyed hashes."""

import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from dunlin.domain.audit import Actor
from dunlin.domain.choices import ActorKind, Permission
from dunlin.domain.errors import Forbidden, not_found
from dunlin.domain.records import columns_of, read, read_by_ids
from dunlin.domain.tables import AuditEntry, Organization, Token
from dunlin.domain.vault import key_id

M = TypeVar("M", bound=Model)

PREFIX = "dunlin_"
PREFIX_LENGTH = 12  # characters that stay readable; the rest holds 226 bits


_ANYBODY = Actor(ActorKind.TOKEN, "", "", None)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: for a whole account, or for some organizations of it."""

    actor: Actor
    account_id: int
    organization_ids: frozenset[int] | None
    permissions: frozenset[Permission]
    expires_at: datetime | None

    def require(self, permission: Permission) -> None:
        if permission not in self.permissions:
            raise Forbidden(permission)

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def anybody(self) -> "Viewer":
        """Return whoever may see the same, and is nobody in particular."""
        return replace(self, actor=_ANYBODY, expires_at=None)

    def organizations(self) -> QuerySet[Organization]:
        """Return the query of all organizations that this viewer may see."""
        visible = Organization.filter(account_id=self.account_id)
        return visible if self.organization_ids is None else visible.filter(id__in=self.organization_ids)

    def visible(self, query: QuerySet[M]) -> QuerySet[M]:
        """Narrow a query of any organization's rows to those that this viewer may see."""
        query = query.filter(organization__account_id=self.account_id)
        return query if self.organization_ids is None else query.filter(organization_id__in=self.organization_ids)

    def tokens(self) -> QuerySet[Token]:
        """Return the query of the tokens that an ADMIN may see: those that open nothing that is not theirs."""
        visible = Token.filter(account_id=self.account_id)
        if self.organization_ids is None:
            return visible
        return visible.filter(organization_ids__contained_by=sorted(self.organization_ids))

    def audit_trail(self) -> QuerySet[AuditEntry]:
        """Return the query of what an ADMIN may see of the audit trail."""
        visible = AuditEntry.filter(account_id=self.account_id)
        return visible if self.organization_ids is None else visible.filter(organization_id__in=self.organization_ids)

    def covers(self, organization: Organization) -> bool:
        """Return whether this viewer may see an organization."""
        is_open = self.organization_ids is None or organization.pk in self.organization_ids
        return is_open and organization.account_id == self.account_id

    async def organization(self, organization_id: int, *path: str) -> Organization:
        """Return the organization, or refuse with NOT_FOUND, alike for a foreign and for an unknown one."""
        found = (await read_by_ids(Organization, [organization_id])).get(organization_id)
        if found is None or not self.covers(found):
            raise not_found("organization", *path)
        return found

    async def sees(self, organization_id: int) -> bool:
        return await self.organizations().filter(id=organization_id).exists()


def digest(secret: str, key: bytes) -> str:
    """Return what is stored of a token: its HMAC-SHA256 under `key`, in hexadecimal."""
    return hmac.digest(key, secret.encode(), "sha256").hex()


async def issue_token(
    *,
    account_id: int,
    organization_ids: Collection[int] | None,
    name: str,
    permissions: frozenset[Permission],
    expires_at: datetime | None,
    key: bytes,
) -> str:
    """Store a new token and return its secret, which can be read only now."""
    secret, _ = await store_token(
        account_id=account_id,
        organization_ids=organization_ids,
        name=name,
        permissions=permissions,
        expires_at=expires_at,
        key=key,
    )
    return secret


async def store_token(
    *,
    account_id: int,
    organization_ids: Collection[int] | None,
    name: str,
    permissions: frozenset[Permission],
    expires_at: datetime | None,
    key: bytes,
) -> tuple[str, Token]:
    """Store a new token and return its secret, which can be read only now, with its row."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = await Token.create(
        account_id=account_id,
        organization_ids=None if organization_ids is None else sorted(organization_ids),
        name=name,
        prefix=secret[:PREFIX_LENGTH],
        digest=digest(secret, key),
        key_id=key_id(key).hex(),
        permissions=sorted(permissions),
        expires_at=expires_at,
    )
    return secret, token


_TOKENS = "SELECT {} FROM token WHERE digest = ANY($1::text[])"


def _is_in_force(token: Token, now: datetime) -> bool:
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > now)


async def token_of(secret: str, keys: tuple[bytes, ...], now: datetime) -> Token | None:
    """Return the token of a secret; None if it is unknown, revoked or has expired."""
    if not secret.startswith(PREFIX):
        return None
    return (await tokens_of([secret], keys, now)).get(secret)


async def tokens_of(secrets: Collection[str], keys: tuple[bytes, ...], now: datetime) -> dict[str, Token]:
    """Return the tokens of those secrets that are in force, by one statement."""
    by_digest = {digest(secret, key): secret for secret in secrets for key in keys}
    found = await read(Token, _TOKENS.format(columns_of(Token)), list(by_digest))
    return {by_digest[token.digest]: token for token in found if _is_in_force(token, now)}


async def viewer_of(secret: str, keys: tuple[bytes, ...], now: datetime) -> Viewer | None:
    """Return the viewer that a secret stands for; None if its token is unknown, revoked or has expired."""
    token = await token_of(secret, keys, now)
    return None if token is None else viewer_by(token, None)


def viewer_by(token: Token, address: str | None) -> Viewer:
    """Return the bearer of a token that is in force, who asks from `address`."""
    return Viewer(
        actor=Actor(ActorKind.TOKEN, str(token.id), token.name, address),
        account_id=token.account_id,
        organization_ids=None if token.organization_ids is None else frozenset(token.organization_ids),
        permissions=frozenset(Permission(name) for name in token.permissions),
        expires_at=token.expires_at,
    )
