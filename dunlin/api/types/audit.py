"""The audit trail: who did what, when and from where."""

from datetime import datetime
from typing import Self

import strawberry

from dunlin.api.context import Info
from dunlin.api.ids import actor_id, encode_id
from dunlin.api.types.node import Node
from dunlin.api.types.organization import Organization, load_organization
from dunlin.domain import tables
from dunlin.domain.choices import ActorKind, AuditAction


@strawberry.type(description="Who did it.")
class Actor:
    id: strawberry.ID = strawberry.field(description="The same as Viewer.id of who acted.")
    kind: ActorKind = strawberry.field(description="How they came in.")
    name: str = strawberry.field(description="The name of the token or the person at that time.")
    address: str | None = strawberry.field(
        description="Where from: the network address, or of a command line the machine's name; null if not known."
    )


@strawberry.type(description="One field that is different since. Secrets are never told.")
class AuditChange:
    field: str = strawberry.field(description='Its name, e.g. "triggerDays" or "smsTexts.nl".')
    before: str | None = strawberry.field(description="What it was; null if there was nothing.")
    after: str | None = strawberry.field(description="What it became; null if there is nothing.")


@strawberry.type(description="One thing that somebody did. Entries are never changed.")
class AuditEntry(Node):
    row: strawberry.Private[tables.AuditEntry]
    occurred_at: datetime = strawberry.field(description="When.")
    actor: Actor = strawberry.field(description="Who, and from where.")
    action: AuditAction = strawberry.field(description="What.")
    subject_id: strawberry.ID = strawberry.field(
        description="The global id of what it was done to; Query.node finds it while it is there."
    )
    changes: list[AuditChange] = strawberry.field(description="What is different since.")

    @classmethod
    def of(cls, row: tables.AuditEntry) -> Self:
        type_name, _, number = row.subject.partition(":")
        return cls(
            id=encode_id("AuditEntry", row.id),
            row=row,
            occurred_at=row.occurred_at,
            actor=Actor(
                id=actor_id(row.actor_kind, row.actor_id), kind=row.actor_kind, name=row.actor_name, address=row.address
            ),
            action=row.action,
            subject_id=encode_id(type_name, int(number)),
            changes=[
                AuditChange(field=str(one["field"]), before=one["before"], after=one["after"]) for one in row.changes
            ],
        )

    @strawberry.field(description="The organization it concerns; null if it concerns the account itself.")
    async def organization(self, info: Info) -> Organization | None:
        if self.row.organization_id is None:
            return None
        return await load_organization(info, self.row.organization_id)
