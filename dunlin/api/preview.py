"""What a text would become: rendered, encoded, counted and priced."""

from datetime import UTC, datetime
from typing import Self

import strawberry

from dunlin.api.context import Info
from dunlin.api.errors import ClientError, ErrorCode
from dunlin.api.ids import decode_id
from dunlin.api.scalars import CountryCode, CurrencyCode, LanguageCode
from dunlin.api.settle import settled
from dunlin.api.types.node import Money
from dunlin.api.types.price import SmsTextSize
from dunlin.domain.actions import preview_sms
from dunlin.domain.choices import SmsEncoding
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.rules.texts import MAX_LENGTH, PLACEHOLDERS


@strawberry.input(description="A text to look at before it is saved or sent.")
class PreviewSmsInput:
    organization_id: strawberry.ID = strawberry.field(description="Who would send it.")
    text: str = strawberry.field(
        description=f"At most {MAX_LENGTH} characters. It may name {', '.join(PLACEHOLDERS)} in double braces."
    )
    language: LanguageCode | None = strawberry.field(
        default=None,
        description="The language it is written in; dates and amounts follow. Without it that of the case's customer, "
        "else the organization's.",
    )
    country: CountryCode | None = strawberry.field(
        default=None, description="Where it would go, for the cost; without it the organization's own country."
    )
    case_id: strawberry.ID | None = strawberry.field(
        default=None, description="Fill it in with this case of the organization; without it with made-up data."
    )


@strawberry.type(description="What a text would become.")
class SmsPreview:
    text: str = strawberry.field(description="The text filled in; as it was written if it has unknown placeholders.")
    encoding: SmsEncoding = strawberry.field(description="How it is encoded.")
    segments: int = strawberry.field(description="Into how many billed parts it is cut; the carrier's count decides.")
    offending_characters: list[str] = strawberry.field(description="The characters that force UCS-2.")
    unknown_placeholders: list[str] = strawberry.field(
        description="Placeholders that do not exist. With them a step's text is refused."
    )
    estimated_cost: Money | None = strawberry.field(
        description="Segments times the price of the country; null while that price is not known."
    )
    worst: SmsTextSize | None = strawberry.field(
        description="What no text made of it exceeds, as in CollectionStep.smsCosts; null with unknown placeholders."
    )

    @classmethod
    def of(cls, preview: preview_sms.Preview) -> Self:
        draft, cost = preview.draft, preview.cost
        return cls(
            text=draft.text,
            encoding=draft.encoded.encoding,
            segments=draft.encoded.segments,
            offending_characters=list(draft.encoded.offending_characters),
            unknown_placeholders=draft.unknown_placeholders,
            estimated_cost=Money(amount=cost.amount, currency=CurrencyCode(cost.currency)) if cost else None,
            worst=SmsTextSize.of(preview.worst) if preview.worst else None,
        )


async def read_preview(info: Info, given: PreviewSmsInput) -> SmsPreview:
    outcome = await settled(
        info,
        preview_sms.preview_sms(
            info.context.reader,
            organization_id=decode_id("Organization", given.organization_id),
            text=given.text,
            language=given.language,
            country=given.country,
            case_id=None if given.case_id is None else decode_id("CollectionCase", given.case_id),
            now=datetime.now(UTC),
        ),
    )
    if isinstance(outcome, Refusal):
        is_missing = any(problem.code is ProblemCode.NOT_FOUND for problem in outcome.problems)
        raise ClientError(ErrorCode.NOT_FOUND if is_missing else ErrorCode.BAD_USER_INPUT, str(outcome))
    return SmsPreview.of(outcome)
