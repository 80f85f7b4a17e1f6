"""API tokens, without their secrets."""

import asyncio
from datetime import datetime
from typing import Self

import strawberry

from dunlin.api.context import Info
from dunlin.api.ids import encode_id
from dunlin.api.types.node import Node
from dunlin.api.types.organization import Organization, load_organization
from dunlin.domain import tables
from dunlin.domain.choices import Permission


@strawberry.type(description="An API token. Its secret was shown once, when it was made.")
class ApiToken(Node):
    row: strawberry.Private[tables.Token]
    name: str = strawberry.field(description="What it is for.")
    prefix: str = strawberry.field(description="How its secret begins, e.g. dunlin_Ab3x9, to tell tokens apart.")
    permissions: list[Permission] = strawberry.field(description="What it allows.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="When it goes out of force; null if never.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was used last, to about a minute; null if never."
    )
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null if it was not.")

    @classmethod
    def of(cls, row: tables.Token) -> Self:
        return cls(
            id=encode_id("ApiToken", row.id),
            row=row,
            name=row.name,
            prefix=row.prefix,
            permissions=[permission for permission in Permission if permission in row.permissions],
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
        )

    @strawberry.field(description="The organizations that it opens; null if it opens the whole account.")
    async def organizations(self, info: Info) -> list[Organization] | None:
        if self.row.organization_ids is None:
            return None
        return list(await asyncio.gather(*(load_organization(info, number) for number in self.row.organization_ids)))
