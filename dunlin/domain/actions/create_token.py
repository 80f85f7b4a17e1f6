"""Make an API token for a program or a person."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.errors import ProblemCode, Refusal, not_found, refuse
from dunlin.domain.rules.token_input import check_granted, check_token
from dunlin.domain.store import Store, Transaction
from dunlin.domain.tables import Token
from dunlin.domain.viewer import Viewer, store_token

MOST_ORGANIZATIONS = 100  # of one token


async def create_token(
    store: Store,
    viewer: Viewer,
    *,
    organization_ids: Collection[int] | None,
    name: str,
    permissions: Sequence[Permission],
    days: int,
    key: bytes,
    now: datetime,
) -> tuple[str, Token]:
    """Return the secret, which can be read only now, and the token.

    Refuses with NOT_FOUND, INVALID or REQUIRED. An ADMIN of some organizations makes tokens of those only.
    """
    viewer.require(Permission.ADMIN)
    await _require_theirs(viewer, organization_ids)
    if problems := check_token(name, permissions, days) + check_granted(permissions, viewer.permissions):
        raise Refusal(problems)

    async def create(transaction: Transaction) -> tuple[str, Token]:
        secret, token = await store_token(
            account_id=viewer.account_id,
            organization_ids=None if organization_ids is None else set(organization_ids),
            name=name.strip(),
            permissions=frozenset(permissions),
            expires_at=now + timedelta(days=days),
            key=key,
        )
        transaction.audit(
            viewer, AuditAction.TOKEN_CREATED, ("ApiToken", token.id), organization_id=None, after=told(token)
        )
        return secret, token

    return await store.transact(create)


def told(token: Token) -> dict[str, object]:
    """Return what the audit trail is told of a token."""
    return {
        "name": token.name,
        "permissions": token.permissions,
        "organizations": "all" if token.organization_ids is None else token.organization_ids,
        "expiresAt": token.expires_at,
        "revokedAt": token.revoked_at,
    }


async def _require_theirs(viewer: Viewer, organization_ids: Collection[int] | None) -> None:
    if organization_ids is None:
        if viewer.organization_ids is not None:
            message = (
                "You are of some organizations only: name them, a token of the whole account is not yours to make."
            )
            raise refuse(ProblemCode.REQUIRED, message, "organizationIds")
        return
    if not organization_ids:
        message = "Name at least one organization, or leave the field out for the whole account."
        raise refuse(ProblemCode.REQUIRED, message, "organizationIds")
    if len(organization_ids) > MOST_ORGANIZATIONS:
        message = f"Name at most {MOST_ORGANIZATIONS} organizations, or leave the field out for the whole account."
        raise refuse(ProblemCode.INVALID, message, "organizationIds")
    theirs = {row.id for row in await viewer.organizations().filter(id__in=organization_ids)}
    problems = [
        problem
        for place, organization_id in enumerate(organization_ids)
        if organization_id not in theirs
        for problem in not_found("organization", "organizationIds", str(place)).problems
    ]
    if problems:
        raise Refusal(problems)
