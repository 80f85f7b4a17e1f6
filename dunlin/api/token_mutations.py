"""Making and revoking API tokens."""

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from dunlin.api.context import Info
from dunlin.api.settle import ERRORS, row_id, settled
from dunlin.api.types.node import UserError, user_errors
from dunlin.api.types.token import ApiToken
from dunlin.domain import tables
from dunlin.domain.actions.create_token import MOST_ORGANIZATIONS, create_token
from dunlin.domain.actions.revoke_token import revoke_token
from dunlin.domain.choices import Permission
from dunlin.domain.errors import Refusal
from dunlin.domain.rules.token_input import MAX_DAYS


@strawberry.input(description="A token to make. Nobody can grant a permission that their own token lacks.")
class CreateTokenInput:
    name: str = strawberry.field(description="What it is for: 1 to 200 characters.")
    permissions: list[Permission] = strawberry.field(description="What it allows: at least one.")
    organization_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description=f"The organizations that it opens, 1 to {MOST_ORGANIZATIONS}. Without: the whole account, if you "
        "may see that.",
    )
    days: int = strawberry.field(default=365, description=f"How long it is in force, 1 to {MAX_DAYS} days.")


@strawberry.input(description="A token to revoke.")
class RevokeTokenInput:
    token_id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.type(description="What became of createToken.")
class CreateTokenPayload:
    secret: str | None = strawberry.field(
        description="What the bearer sends as `Authorization: Bearer <secret>`. Keep it: it is shown only now."
    )
    token: ApiToken | None = strawberry.field(description="The new token.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="What became of revokeToken.")
class RevokeTokenPayload:
    token: ApiToken | None = strawberry.field(description="The revoked token.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type
class TokenMutation:
    @strawberry.mutation(description="For ADMIN: make an API token. Its secret is in the payload, and nowhere else.")
    async def create_token(
        self,
        info: Info,
        input: Annotated[CreateTokenInput, strawberry.argument(description="The token.")],  # noqa: A002
    ) -> CreateTokenPayload:
        outcome = await settled(info, _create(info, input))
        if isinstance(outcome, Refusal):
            return CreateTokenPayload(secret=None, token=None, user_errors=user_errors(outcome))
        secret, row = outcome
        return CreateTokenPayload(secret=secret, token=ApiToken.of(row), user_errors=[])

    @strawberry.mutation(
        description="For ADMIN: put a token out of force, for good. Requests are refused at once, open sockets are "
        "closed with 4403 within seconds. A token that is revoked already stays as it is."
    )
    async def revoke_token(
        self,
        info: Info,
        input: Annotated[RevokeTokenInput, strawberry.argument(description="Which token.")],  # noqa: A002
    ) -> RevokeTokenPayload:
        outcome = await settled(info, _revoke(info, input))
        if isinstance(outcome, Refusal):
            return RevokeTokenPayload(token=None, user_errors=user_errors(outcome))
        return RevokeTokenPayload(token=ApiToken.of(outcome), user_errors=[])


async def _create(info: Info, given: CreateTokenInput) -> tuple[str, tables.Token]:
    return await create_token(
        info.context.services.store,
        info.context.viewer,
        organization_ids=_organizations(given.organization_ids),
        name=given.name,
        permissions=given.permissions,
        days=given.days,
        key=info.context.services.settings.secret_keys[0],
        now=datetime.now(UTC),
    )


async def _revoke(info: Info, given: RevokeTokenInput) -> tables.Token:
    return await revoke_token(
        info.context.services.store,
        info.context.viewer,
        token_id=row_id("ApiToken", given.token_id, "tokenId"),
        now=datetime.now(UTC),
    )


def _organizations(ids: list[strawberry.ID] | None) -> list[int] | None:
    if ids is None:
        return None
    return [row_id("Organization", text, "organizationIds", str(place)) for place, text in enumerate(ids)]
