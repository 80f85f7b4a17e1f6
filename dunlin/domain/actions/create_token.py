"""Make an API token for a program or a person."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dunlin.domain.choices import Permission
from dunlin.domain.errors import ProblemCode, Refusal, refuse
from dunlin.domain.rules.token_input import check_granted, check_token
from dunlin.domain.tables import Token
from dunlin.domain.viewer import Viewer, store_token


async def create_token(
    viewer: Viewer,
    *,
    organization_id: int | None,
    name: str,
    permissions: Sequence[Permission],
    days: int,
    key: bytes,
    now: datetime,
) -> tuple[str, Token]:
    """Return the secret, which can be read only now, and the token.

    Refuses with NOT_FOUND, INVALID or REQUIRED. An ADMIN of one organization makes tokens of that one only.
    """
    viewer.require(Permission.ADMIN)
    if organization_id is not None:
        await viewer.organization(organization_id, "organizationId")
    elif viewer.organization_id is not None:
        message = "Your own token is of one organization: name it, a token of the whole account is not yours to make."
        raise refuse(ProblemCode.REQUIRED, message, "organizationId")
    if problems := check_token(name, permissions, days) + check_granted(permissions, viewer.permissions):
        raise Refusal(problems)
    return await store_token(
        account_id=viewer.account_id,
        organization_id=organization_id,
        name=name.strip(),
        permissions=frozenset(permissions),
        expires_at=now + timedelta(days=days),
        key=key,
    )
