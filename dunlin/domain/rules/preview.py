"""What a text would become, before anybody pays for it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel.numbers import get_territory_currencies

from dunlin.domain.rules.segments import Encoded, encode
from dunlin.domain.rules.texts import Filling, render, unknown_placeholders

# People who do not exist, with names of a usual length in GSM-7.
_NAMES = {
    "da": "Mette Nielsen",
    "de": "Anna Schneider",
    "es": "Carmen Romero",
    "et": "Mari Tamm",
    "fi": "Aino Virtanen",
    "fr": "Claire Dubois",
    "it": "Paola Ferrari",
    "nl": "Sofie Peeters",
    "no": "Ingrid Hansen",
    "pl": "Anna Kowalska",
    "pt": "Maria Pereira",
    "sv": "Karin Lindberg",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A text as it would go out, or as it was written where it names what does not exist."""

    text: str
    encoded: Encoded
    unknown_placeholders: list[str]


def draft(text: str, language: str, filling: Filling) -> Draft:
    """Return what `text` becomes, or raise `BadText`."""
    unknown = unknown_placeholders(text)
    rendered = text if unknown else render(text, filling, language)
    return Draft(rendered, encode(rendered), unknown)


def sample_filling(organization_name: str, country: str, language: str, today: date) -> Filling:
    """Return a made-up case of this organization."""
    currencies = get_territory_currencies(country, start_date=today)
    return Filling(
        customer_name=_NAMES.get(language.split("-")[0], "Alex Morgan"),
        organization_name=organization_name,
        amount=Decimal("128.50"),
        currency=currencies[0] if currencies else "EUR",
        due_on=today,
        reference="INV-20417",
        payment_link="https://pay.example.com/INV-20417",
    )
