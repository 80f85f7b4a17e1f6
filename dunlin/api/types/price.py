"""What texts cost."""

from datetime import UTC, datetime
from typing import Annotated, Self

import strawberry

from dunlin.api.context import Info
from dunlin.api.scalars import CountryCode, CurrencyCode, LanguageCode
from dunlin.api.types.node import Money
from dunlin.domain import tables
from dunlin.domain.carrier import SegmentPrice
from dunlin.domain.choices import SmsEncoding
from dunlin.domain.price_list import ListedPrice
from dunlin.domain.rules.text_cost import PricedSize, TextCost, cost_of


@strawberry.type(description="What one segment to a country costs.")
class SmsPrice:
    country: CountryCode = strawberry.field(description="Where the number belongs.")
    price_per_segment: Money = strawberry.field(
        description="The carrier's current price for the connected account. Where networks differ, the highest; "
        "what networks add afterwards is not in it."
    )

    @classmethod
    def of(cls, country: str, price: SegmentPrice) -> Self:
        money = Money(amount=price.amount, currency=CurrencyCode(price.currency))
        return cls(country=CountryCode(country), price_per_segment=money)


@strawberry.type(
    description="Prices of texts for the connected account, in the organization's own country and in those of its "
    "customers' numbers. They are fetched soon after connecting, or after a country is first used, and every day."
)
class SmsPricing:
    listed: strawberry.Private[list[ListedPrice]]
    pricing_page_url: str = strawberry.field(description="The carrier's public price page for the country.")
    updated_at: datetime | None = strawberry.field(
        description="When the oldest of these prices was fetched; null while none is known."
    )

    @strawberry.field(description="The price for one country; null while it is not known.")
    def price(
        self, country: Annotated[CountryCode, strawberry.argument(description="Where the number belongs.")]
    ) -> SmsPrice | None:
        return next((SmsPrice.of(row.country, row.price) for row in self.listed if row.country == country), None)

    @strawberry.field(description="All known prices, by country code; none while disconnected.")
    def prices(self) -> list[SmsPrice]:
        return [SmsPrice.of(row.country, row.price) for row in self.listed]


async def load_pricing(info: Info, organization_id: int) -> SmsPricing:
    organization = await info.context.loaders.organization.load(organization_id)
    assert organization is not None, "an integration's organization exists"
    listed = await info.context.loaders.prices.load(organization_id)
    return SmsPricing(
        listed=listed,
        pricing_page_url=f"https://www.twilio.com/en-us/sms/pricing/{organization.country.lower()}",
        updated_at=min((row.fetched_at for row in listed), default=None),
    )


@strawberry.type(description="How large a text becomes, and what that costs.")
class SmsTextSize:
    encoding: SmsEncoding = strawberry.field(description="How it is encoded.")
    segments: int = strawberry.field(description="Into how many billed parts it is cut; the carrier's count decides.")
    price: SmsPrice | None = strawberry.field(
        description="The country and the price that it is counted with; null while no price is known."
    )
    cost: Money | None = strawberry.field(description="Segments times that price; null where there is none.")

    @classmethod
    def of(cls, sized: PricedSize) -> Self:
        cost = sized.cost
        return cls(
            encoding=sized.size.encoding,
            segments=sized.size.segments,
            price=SmsPrice.of(sized.country, sized.price) if sized.country and sized.price else None,
            cost=Money(amount=cost.amount, currency=CurrencyCode(cost.currency)) if cost else None,
        )


@strawberry.type(description="A character that makes a text expensive.")
class OffendingCharacter:
    character: str = strawberry.field(description="The character, which is not in GSM-7.")
    replacement: str | None = strawberry.field(
        description="What says the same in GSM-7; empty where it can be left out, null where there is nothing natural."
    )


@strawberry.type(description="What a text of a step costs: usually, and at worst.")
class SmsTextCost:
    language: LanguageCode = strawberry.field(description="The language of the text.")
    usual: SmsTextSize | None = strawberry.field(
        description="Filled in with made-up data, as by previewSms, and sent within the organization's own country; "
        "null where that makes no text."
    )
    worst: SmsTextSize = strawberry.field(
        description="What no text of this step exceeds, whatever the case: with the longest names and references, the "
        "largest amounts in any currency, the organization's present name and the longer branch of each condition, to "
        "the dearest country among those whose price is known. Often much more than is usual."
    )
    offending_characters: list[OffendingCharacter] = strawberry.field(
        description="What in the text itself, whatever is filled in, forces UCS-2: each once, in its order."
    )
    reasons: list[str] = strawberry.field(description="Plain sentences: why the worst is what it is.")

    @classmethod
    def of(cls, language: str, cost: TextCost) -> Self:
        return cls(
            language=LanguageCode(language),
            usual=SmsTextSize.of(cost.usual) if cost.usual else None,
            worst=SmsTextSize.of(cost.worst),
            offending_characters=[
                OffendingCharacter(character=character, replacement=replacement)
                for character, replacement in cost.offending
            ],
            reasons=cost.reasons,
        )


async def load_text_costs(info: Info, row: tables.CollectionStep) -> list[SmsTextCost]:
    """Return the cost of each text of a step; batched, however many steps there are."""
    loaders = info.context.loaders
    texts = await loaders.step_texts.load(row.texts_id)
    organization = await loaders.organization.load(row.organization_id)
    listed = await loaders.prices.load(row.organization_id)
    assert texts is not None, "a step's texts exist"
    assert organization is not None, "a step's organization exists"
    today = datetime.now(UTC).date()
    prices = {one.country: one.price for one in listed}
    costs = {
        language: cost_of(
            text,
            language,
            organization_name=organization.name,
            country=organization.country,
            prices=prices,
            today=today,
        )
        for language, text in texts.sms.items()
    }
    return [SmsTextCost.of(language, cost) for language, cost in costs.items()]
