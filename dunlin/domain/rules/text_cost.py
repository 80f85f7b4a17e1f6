"""What a text of a step costs: usually, and at worst."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from dunlin.domain.carrier import SegmentPrice
from dunlin.domain.rules.extent import Size
from dunlin.domain.rules.gsm_replacement import replacement
from dunlin.domain.rules.preview import draft, sample_filling
from dunlin.domain.rules.price import Cost, estimate
from dunlin.domain.rules.segments import encode
from dunlin.domain.rules.texts import MAX_SENT, PLACEHOLDERS, BadText, named
from dunlin.domain.rules.worst_text import Worst, longest, worst_of

_UCS_2 = "So the whole text goes as UCS-2: 70 characters in one segment, 67 in each of several, instead of 160 and 153."


@dataclass(frozen=True, slots=True)
class PricedSize:
    """A size with the price that it was counted with; no price and no cost where none is known."""

    size: Size
    country: str | None
    price: SegmentPrice | None

    @property
    def cost(self) -> Cost | None:
        return estimate(self.price, self.size.segments)


@dataclass(frozen=True, slots=True)
class TextCost:
    """`usual` is None where a made-up case makes no text. `offending` are (character, what to write instead)."""

    usual: PricedSize | None
    worst: PricedSize
    offending: list[tuple[str, str | None]]
    reasons: list[str]


def cost_of(
    text: str,
    language: str,
    *,
    organization_name: str,
    country: str,
    prices: Mapping[str, SegmentPrice],
    today: date,
) -> TextCost:
    """Return what `text` costs an organization of `country`, by the known prices of the countries that it texts to."""
    usual = _usual(text, language, organization_name, country, today)
    worst = worst_of(text, language, organization_name)
    offending = encode(worst.written).offending_characters
    return TextCost(
        usual=PricedSize(usual, country, prices.get(country)) if usual else None,
        worst=_at_dearest(worst.size, prices),
        offending=[(character, replacement(character)) for character in offending],
        reasons=list(_reasons(text, language, usual, worst, offending)),
    )


def worst_cost(text: str, language: str, organization_name: str, prices: Mapping[str, SegmentPrice]) -> PricedSize:
    """Return what `text` never exceeds, to the dearest of the countries whose price is known."""
    return _at_dearest(worst_of(text, language, organization_name).size, prices)


@lru_cache(maxsize=4_096)
def _usual(text: str, language: str, organization_name: str, country: str, today: date) -> Size | None:
    try:
        drafted = draft(text, language, sample_filling(organization_name, country, language, today))
    except BadText:
        return None
    return Size(drafted.encoded.encoding, drafted.encoded.segments) if drafted.text else None


def _at_dearest(size: Size, prices: Mapping[str, SegmentPrice]) -> PricedSize:
    """Count with the highest price; with none where there is none, or where currencies cannot be compared."""
    if len({price.currency for price in prices.values()}) != 1:
        return PricedSize(size, None, None)
    dearest = max(sorted(prices), key=lambda country: prices[country].amount)
    return PricedSize(size, dearest, prices[dearest])


def _reasons(text: str, language: str, usual: Size | None, worst: Worst, offending: tuple[str, ...]) -> Iterator[str]:
    """Say in plain sentences why the text may cost what it costs at worst."""
    if offending:
        yield f"Not in GSM-7: {' '.join(map(_shown, offending))}. {_UCS_2}"
    if worst.size == usual:
        return
    if not worst.is_known:
        yield f"What its tags do is not looked into: it counts as the longest that is sent, {MAX_SENT:,} characters."
        return
    for name in named(text):
        if name in PLACEHOLDERS and name != "organization.name":
            yield _reason(name, *longest(name, language))


def _reason(name: str, characters: int, is_gsm: bool) -> str:
    beyond = "" if is_gsm else ", also such as are not in GSM-7"
    return f"{{{{ {name} }}}} has up to {characters} characters{beyond}."


def _shown(character: str) -> str:
    return character if character.isprintable() else f"U+{ord(character):04X}"
