"""Put a token out of force, for good."""

from datetime import datetime

from dunlin.domain.actions.create_token import told
from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.errors import not_found
from dunlin.domain.store import Store, Transaction
from dunlin.domain.tables import Token
from dunlin.domain.viewer import Viewer


async def revoke_token(store: Store, viewer: Viewer, *, token_id: int, now: datetime) -> Token:
    """Return the revoked token; one that was revoked before stays as it was. Refuses with NOT_FOUND."""
    viewer.require(Permission.ADMIN)

    async def revoke(transaction: Transaction) -> Token:
        token = await viewer.tokens().select_for_update(no_key=True).get_or_none(id=token_id)
        if token is None:
            raise not_found("token", "tokenId")
        if token.revoked_at is None:
            before = told(token)
            token.revoked_at = now
            await token.save(update_fields=["revoked_at"])
            transaction.audit(
                viewer,
                AuditAction.TOKEN_REVOKED,
                ("ApiToken", token.id),
                organization_id=None,
                before=before,
                after=told(token),
            )
        return token

    return await store.transact(revoke)
