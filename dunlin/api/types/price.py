"""What texts cost."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from dunlin.api.context import Info
from dunlin.api.scalars import CountryCode, CurrencyCode
from dunlin.api.types.node import Money
from dunlin.domain.price_list import ListedPrice


@strawberry.type(description="What one segment to a country costs.")
class SmsPrice:
    country: CountryCode = strawberry.field(description="Where the number belongs.")
    price_per_segment: Money = strawberry.field(
        description="The carrier's current price for the connected account. Where networks differ, the highest; "
        "what networks add afterwards is not in it."
    )

    @classmethod
    def of(cls, listed: ListedPrice) -> Self:
        amount, currency = listed.price.amount, CurrencyCode(listed.price.currency)
        return cls(country=CountryCode(listed.country), price_per_segment=Money(amount=amount, currency=currency))


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
        return next((SmsPrice.of(row) for row in self.listed if row.country == country), None)

    @strawberry.field(description="All known prices, by country code; none while disconnected.")
    def prices(self) -> list[SmsPrice]:
        return [SmsPrice.of(row) for row in self.listed]


async def load_pricing(info: Info, organization_id: int) -> SmsPricing:
    organization = await info.context.loaders.organization.load(organization_id)
    assert organization is not None, "an integration's organization exists"
    listed = await info.context.loaders.prices.load(organization_id)
    return SmsPricing(
        listed=listed,
        pricing_page_url=f"https://www.twilio.com/en-us/sms/pricing/{organization.country.lower()}",
        updated_at=min((row.fetched_at for row in listed), default=None),
    )
