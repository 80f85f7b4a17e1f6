"""Put a token out of force, for good."""

from datetime import datetime

from dunlin.domain.choices import Permission
from dunlin.domain.errors import not_found
from dunlin.domain.tables import Token
from dunlin.domain.viewer import Viewer


async def revoke_token(viewer: Viewer, *, token_id: int, now: datetime) -> Token:
    """Return the revoked token; one that was revoked before stays as it was. Refuses with NOT_FOUND."""
    viewer.require(Permission.ADMIN)
    if not await viewer.tokens().filter(id=token_id).exists():
        raise not_found("token", "tokenId")
    return await revoke(token_id, now)


async def revoke(token_id: int, now: datetime) -> Token:
    """Revoke a token that exists, whoever asks."""
    await Token.filter(id=token_id, revoked_at__isnull=True).update(revoked_at=now)
    return await Token.get(id=token_id)
