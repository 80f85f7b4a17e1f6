"""Texts that people send to an organization."""

from datetime import datetime
from typing import Self

import strawberry
from tortoise.queryset import QuerySet

from dunlin.api.context import Info
from dunlin.api.ids import encode_id
from dunlin.api.pages import Connection, Order, Window, connection_of, read_page
from dunlin.api.types.node import Node
from dunlin.domain import tables
from dunlin.domain.choices import InboundTextKind, Permission
from dunlin.domain.rules import phone

_ORDER = Order("inbound-texts", newest_first=True)


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
        )


async def read_texts(info: Info, query: QuerySet[tables.InboundText], window: Window) -> Connection[InboundText]:
    may_see = info.context.viewer.may(Permission.COLLECT)
    page = await read_page(query, _ORDER, window)
    return connection_of(page, _ORDER, lambda row: InboundText.of(row, may_see=may_see))
