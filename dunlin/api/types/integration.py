"""Integrations, and what disconnecting one would do."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from dunlin.api.context import Info
from dunlin.api.ids import encode_id
from dunlin.api.types import organization
from dunlin.api.types.enums import IntegrationCategory
from dunlin.api.types.node import Node
from dunlin.api.types.price import SmsPricing, load_pricing
from dunlin.domain import tables
from dunlin.domain.carrier import SenderKind
from dunlin.domain.choices import IntegrationKind, IntegrationProvider, IntegrationStatus, Permission
from dunlin.domain.rules.impact import Impact

if TYPE_CHECKING:
    from dunlin.api.types.organization import Organization


_TEXTS = {
    IntegrationKind.SMS: (
        "SMS",
        "Send payment reminders by SMS. Connected per organization; you pay only for the messages you send.",
    ),
    IntegrationKind.EMAIL: (
        "E-mail",
        "Send payment reminders by e-mail through a mail server of your own. Connected per organization.",
    ),
}


@strawberry.type(description="What disconnecting an integration does. Nothing of it can be undone.")
class DisconnectImpact:
    steps: int = strawberry.field(description="Steps of collection cycles whose method becomes NONE.")
    cases: int = strawberry.field(description="Open cases whose pending steps lose their method.")
    reminders: int = strawberry.field(
        description="Reminders scheduled but not yet sent, which will not be sent. What is with the carrier already "
        "cannot be called back and is not counted."
    )
    under_way: int = strawberry.field(
        description="Reminders being handed to the carrier at this moment, which may still arrive. It changes all the "
        "time, so the token does not depend on it."
    )
    consequences: list[str] = strawberry.field(description="Plain sentences for the dialog, one consequence each.")
    token: str = strawberry.field(
        description="Give it to disconnectIntegration to be refused (IMPACT_CHANGED) if the figures have changed."
    )

    @classmethod
    def of(cls, impact: Impact) -> Self:
        return cls(
            steps=impact.steps,
            cases=impact.cases,
            reminders=impact.reminders,
            under_way=impact.under_way,
            consequences=impact.consequences,
            token=impact.token,
        )


@strawberry.type(description="One card of an organization's Integrations page, connected or not.")
class Integration(Node):
    row: strawberry.Private[tables.Integration]
    kind: IntegrationKind = strawberry.field(description="What it does.")
    category: IntegrationCategory = strawberry.field(description="The section it stands in.")
    name: str = strawberry.field(description="Its name on the card.")
    description: str = strawberry.field(description="What it is for, in a sentence.")
    status: IntegrationStatus = strawberry.field(description="Whether it can be used.")
    connected_at: datetime | None = strawberry.field(description="When it was connected last.")
    disconnected_at: datetime | None = strawberry.field(description="When it was disconnected last.")
    attention_reason: str | None = strawberry.field(
        description="With NEEDS_ATTENTION: what the carrier refuses. While heldUntil: which limit is used up."
    )
    held_until: datetime | None = strawberry.field(
        description="Until when nothing goes out, because a limit at the carrier is used up; null if nothing is held."
    )

    @classmethod
    def of(cls, row: tables.Integration) -> Self:
        name, description = _TEXTS[row.kind]
        is_held = row.held_until is not None and row.held_until > datetime.now(UTC)
        return cls(
            id=encode_id("Integration", row.id),
            row=row,
            kind=row.kind,
            category=IntegrationCategory.COMMUNICATION,
            name=name,
            description=description,
            status=row.status,
            connected_at=row.connected_at,
            disconnected_at=row.disconnected_at,
            attention_reason=row.attention_reason or (row.held_reason if is_held else None),
            held_until=row.held_until if is_held else None,
        )

    @strawberry.field(description="Whose it is.")
    async def organization(
        self, info: Info
    ) -> Annotated["Organization", strawberry.lazy("dunlin.api.types.organization")]:
        return await organization.load_organization(info, self.row.organization_id)

    @strawberry.field(description="The carrier behind it; null while disconnected.")
    async def provider(self, info: Info) -> IntegrationProvider | None:
        connection = await self._connection(info)
        return connection.provider if connection else None

    @strawberry.field(
        description="Who the messages come from: a number (e.g. +15005550006), messaging service, name or "
        "e-mail address; null while disconnected."
    )
    async def sender(self, info: Info) -> str | None:
        connection = await self._connection(info)
        return connection.sender if connection else None

    @strawberry.field(
        description="Where answers to e-mails go; null where they go to the sender, for SMS, and while disconnected."
    )
    async def reply_to(self, info: Info) -> str | None:
        connection = await self._connection(info)
        return connection.reply_to if connection else None

    @strawberry.field(
        description="Where the carrier is to send what customers answer, STOP above all: set it as the webhook for "
        "incoming messages of the number or messaging service. It stays the same when SMS is connected anew. Null "
        "without CONFIGURE, while disconnected, for e-mail, and for a sender that is a name and cannot be answered."
    )
    async def inbound_url(self, info: Info) -> str | None:
        connection = await self._connection(info)
        if connection is None or connection.sender_kind in (SenderKind.ALPHANUMERIC, SenderKind.EMAIL_ADDRESS):
            return None
        if not info.context.viewer.may(Permission.CONFIGURE):
            return None
        return info.context.services.channels.texting[connection.provider].inbound_address(self.row.inbound_key)

    @strawberry.field(
        description="Whether texts that come in are known to reach inboundUrl: the carrier took it when SMS was "
        "connected, because nothing else was set there, or one has come since. If not, set it by hand."
    )
    async def inbound_is_set(self, info: Info) -> bool:
        connection = await self._connection(info)
        return connection is not None and connection.inbound_is_set

    @strawberry.field(description="What its messages cost; null for kinds that cost nothing per message.")
    async def pricing(self, info: Info) -> SmsPricing | None:
        return await load_pricing(info, self.row.organization_id) if self.row.kind is IntegrationKind.SMS else None

    @strawberry.field(description="What disconnecting now would do. Read it before asking a person to confirm.")
    async def disconnect_impact(self, info: Info) -> DisconnectImpact:
        return DisconnectImpact.of(await info.context.loaders.impact.load(self.row.id))

    async def _connection(self, info: Info) -> tables.Connection | None:
        if self.row.connection_id is None:
            return None
        return await info.context.loaders.connection.load(self.row.connection_id)
