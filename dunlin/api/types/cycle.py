"""Collection cycles and their steps."""

from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from dunlin.api.context import Info
from dunlin.api.ids import encode_id
from dunlin.api.scalars import LanguageCode
from dunlin.api.types import organization
from dunlin.api.types.node import Node
from dunlin.api.types.price import SmsTextCost, load_text_costs
from dunlin.domain import tables
from dunlin.domain.choices import CommunicationMethod

if TYPE_CHECKING:
    from dunlin.api.types.organization import Organization


@strawberry.type(description="A text in one language.")
class LocalizedText:
    language: LanguageCode = strawberry.field(description="The language it is written in.")
    text: str = strawberry.field(description="The text, with its placeholders, e.g. {{ customer.name }}.")


@strawberry.type(description="An e-mail in one language.")
class LocalizedEmail:
    language: LanguageCode = strawberry.field(description="The language it is written in.")
    subject: str = strawberry.field(description="The subject, with its placeholders, e.g. {{ reference }}.")
    body: str = strawberry.field(description="The text, with its placeholders, e.g. {{ customer.name }}.")


@strawberry.type(description="One stage of a cycle. Cases keep a copy of their own.")
class CollectionStep(Node):
    row: strawberry.Private[tables.CollectionStep]
    position: int = strawberry.field(description="Its place in the cycle, from 1.")
    name: str = strawberry.field(description="Its name, shown to staff.")
    trigger_days: int = strawberry.field(
        description="Days after the previous step; for the first step, days after the due date."
    )
    communication_method: CommunicationMethod = strawberry.field(description="How it reaches the customer.")
    version: int = strawberry.field(description="Grows by one with every edit; give it back to editStep.")

    @classmethod
    def of(cls, row: tables.CollectionStep) -> Self:
        return cls(
            id=encode_id("CollectionStep", row.id),
            row=row,
            position=row.position,
            name=row.name,
            trigger_days=row.trigger_days,
            communication_method=row.communication_method,
            version=row.version,
        )

    @strawberry.field(description="The cycle it belongs to.")
    async def cycle(self, info: Info) -> "CollectionCycle":
        row = await info.context.loaders.cycle.load(self.row.cycle_id)
        assert row is not None, "a step's cycle exists"
        return CollectionCycle.of(row)

    @strawberry.field(description="What an SMS says, per language. Kept while another method is chosen.")
    async def sms_texts(self, info: Info) -> list[LocalizedText]:
        texts = await info.context.loaders.step_texts.load(self.row.texts_id)
        assert texts is not None, "a step's texts exist"
        return [LocalizedText(language=LanguageCode(language), text=text) for language, text in texts.sms.items()]

    @strawberry.field(description="What an e-mail says, per language. Kept while another method is chosen.")
    async def email_texts(self, info: Info) -> list[LocalizedEmail]:
        texts = await info.context.loaders.step_texts.load(self.row.texts_id)
        assert texts is not None, "a step's texts exist"
        return [
            LocalizedEmail(language=LanguageCode(language), subject=mail["subject"], body=mail["body"])
            for language, mail in texts.email.items()
        ]

    @strawberry.field(description="What each of its texts costs, usually and at worst: in the order of smsTexts.")
    async def sms_costs(self, info: Info) -> list[SmsTextCost]:
        return await load_text_costs(info, self.row)


@strawberry.type(description="The ordered steps by which overdue money is asked for.")
class CollectionCycle(Node):
    row: strawberry.Private[tables.CollectionCycle]
    name: str = strawberry.field(description="Its name.")

    @classmethod
    def of(cls, row: tables.CollectionCycle) -> Self:
        return cls(id=encode_id("CollectionCycle", row.id), row=row, name=row.name)

    @strawberry.field(description="Whose it is.")
    async def organization(
        self, info: Info
    ) -> Annotated["Organization", strawberry.lazy("dunlin.api.types.organization")]:
        return await organization.load_organization(info, self.row.organization_id)

    @strawberry.field(description="Its steps, in order.")
    async def steps(self, info: Info) -> list[CollectionStep]:
        return [CollectionStep.of(row) for row in await info.context.loaders.steps.load(self.row.id)]
