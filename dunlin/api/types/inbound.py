"""Texts that people send to an organization."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from dunlin.api.connection import read_connection
from dunlin.api.context import Info
from dunlin.api.ids import encode_id
from dunlin.api.listing import Choice, Condition, Listing, Walk
from dunlin.api.pages import Connection, Order, Window
from dunlin.api.types import case
from dunlin.api.types.node import Node
from dunlin.domain import tables
from dunlin.domain.choices import InboundTextKind
from dunlin.domain.rules import phone

if TYPE_CHECKING:
    from dunlin.api.types.case import CollectionCase

_ORDER = Order("inbound-texts", newest_first=True)
OF_CASE = Choice(Listing(tables.InboundText, Walk(("t.case_id",)), _ORDER))
OF_ORGANIZATION = Choice(Listing(tables.InboundText, Walk(("t.organization_id",)), _ORDER))


@strawberry.type(description="A text that somebody sent to one of the organization's senders. It is never answered.")
class InboundText(Node):
    row: strawberry.Private[tables.InboundText]
    from_: str = strawberry.field(
        name="from", description="Who sent it. Masked (+32 *** ** 56) unless the viewer holds COLLECT."
    )
    to: str = strawberry.field(description="The sender of ours that it was sent to.")
    text: str | None = strawberry.field(description="What it says. Null unless the viewer holds COLLECT.")
    kind: InboundTextKind = strawberry.field(description="What it asks for.")
    received_at: datetime = strawberry.field(description="When it came in.")
    read_at: datetime | None = strawberry.field(description="When a person had dealt with it, see markInboundTextRead.")
    read_by: str | None = strawberry.field(description="Who that was.")

    @classmethod
    def of(cls, row: tables.InboundText, *, may_see: bool) -> Self:
        return cls(
            id=encode_id("InboundText", row.id),
            row=row,
            from_=row.sender if may_see else phone.mask(row.sender),
            to=row.recipient,
            text=row.text if may_see else None,
            kind=row.kind,
            received_at=row.received_at,
            read_at=row.read_at,
            read_by=row.read_by,
        )

    @strawberry.field(
        description="The newest open case of whoever had the number when it came in, or the newest if none was open; "
        "null if nobody had it."
    )
    async def case(self, info: Info) -> Annotated["CollectionCase", strawberry.lazy("dunlin.api.types.case")] | None:
        if self.row.case_id is None:
            return None
        row = await info.context.loaders.case.load(self.row.case_id)
        return None if row is None else case.CollectionCase.of(row)


@strawberry.input(description="Which texts to list; all conditions hold together.")
class InboundTextFilter:
    kinds: list[InboundTextKind] | None = strawberry.field(default=None, description="Only those that ask for this.")
    is_attached: bool | None = strawberry.field(
        default=None, description="True: only those of a case. False: only those from numbers that nobody had."
    )
    is_read: bool | None = strawberry.field(
        default=None, description="True: only those that a person has dealt with. False: only the others."
    )

    def choice(self) -> Choice[tables.InboundText]:
        conditions = []
        if self.is_attached is not None:
            conditions.append(Condition(f"t.case_id IS {'NOT ' * self.is_attached}NULL"))
        walk = None
        if self.kinds is not None:
            walk = Walk(("t.organization_id", "t.kind"), "SELECT parent.id, unnest({})", tuple(self.kinds))
            if self.is_read is not None:
                conditions.append(Condition(f"t.read_at IS {'NOT ' * self.is_read}NULL"))
        elif self.is_read is not None:
            unread = "false" if self.is_read else "true"
            walk = Walk(("t.organization_id", "(t.read_at IS NULL)"), f"SELECT parent.id, {unread}")
        return Choice(OF_ORGANIZATION.listing, tuple(conditions), walk)


async def read_texts(
    info: Info, choice: Choice[tables.InboundText], parent: int, window: Window
) -> Connection[InboundText]:
    may_see = info.context.may_see
    return await read_connection(info, choice, parent, window, lambda row: InboundText.of(row, may_see=may_see))
