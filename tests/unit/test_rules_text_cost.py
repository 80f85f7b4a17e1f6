from datetime import date
from decimal import Decimal

import pytest

from dunlin.domain.carrier import SegmentPrice
from dunlin.domain.choices import SmsEncoding
from dunlin.domain.rules.extent import Size
from dunlin.domain.rules.gsm_replacement import replacement
from dunlin.domain.rules.price import Cost
from dunlin.domain.rules.segments import encode
from dunlin.domain.rules.text_cost import TextCost, cost_of

GSM_7, UCS_2 = SmsEncoding.GSM_7, SmsEncoding.UCS_2
DOLLAR = SegmentPrice(Decimal("0.05"), "USD")
DEAR = SegmentPrice(Decimal("0.11"), "USD")
EURO = SegmentPrice(Decimal("0.01"), "EUR")


def cost(text: str, language: str = "en", **prices: SegmentPrice) -> TextCost:
    return cost_of(text, language, organization_name="Waterworks", country="BE", prices=prices, today=date(2026, 3, 4))


def test_the_usual_counts_with_the_own_country_and_the_worst_with_the_dearest() -> None:
    found = cost("{{ organization.name }}" + "A" * 151, BE=DOLLAR, FR=DEAR, GB=DOLLAR)

    assert found.usual is not None
    assert (found.usual.size, found.usual.country, found.usual.cost) == (
        Size(GSM_7, 2),
        "BE",
        Cost(Decimal("0.10"), "USD"),
    )
    assert (found.worst.size, found.worst.country, found.worst.cost) == (
        Size(GSM_7, 2),
        "FR",
        Cost(Decimal("0.22"), "USD"),
    )


def test_without_the_own_country_s_price_the_usual_has_no_cost() -> None:
    found = cost("Please pay.", FR=DEAR)

    assert found.usual is not None
    assert (found.usual.cost, found.worst.cost) == (None, Cost(Decimal("0.11"), "USD"))


def test_prices_in_several_currencies_are_not_compared() -> None:
    found = cost("Please pay.", BE=EURO, FR=DEAR)

    assert (found.worst.price, found.worst.cost) == (None, None)


def test_a_text_that_comes_to_nothing_for_a_made_up_case_has_no_usual_size() -> None:
    found = cost("{% if reference == 'X' %}Please pay.{% endif %}")

    assert (found.usual, found.worst.size) == (None, Size(GSM_7, 1))


REASONS = {
    "nothing is to be said of a text that is always the same": ("Please pay {{ organization.name }}.", []),
    "a date alone changes nothing": ("{{ due_date }}", []),
    "what makes the worst more than the usual is named": (
        "{{ amount }} until {{ due_date }}" + "A" * 130,
        [
            "{{ amount }} has up to 26 characters, also such as are not in GSM-7.",
            "{{ due_date }} has up to 18 characters.",
        ],
    ),
    "tags that are not looked into": (
        "{% cycle 'A', 'B' %}",
        ["What its tags do is not looked into: it counts as the longest that is sent, 1,600 characters."],
    ),
}


@pytest.mark.parametrize(("text", "reasons"), REASONS.values(), ids=REASONS.keys())
def test_the_reasons_say_why_the_worst_is_what_it_is(text: str, reasons: list[str]) -> None:
    assert cost(text).reasons == reasons


def test_a_character_that_cannot_be_seen_is_named_by_its_number() -> None:
    assert cost("Please\u200bpay.").reasons[0].startswith("Not in GSM-7: U+200B.")


def test_the_characters_that_force_ucs_2_come_with_what_to_write_instead() -> None:
    found = cost("“Ça va”, c’est {{ amount }} – ж …")  # noqa: RUF001

    assert found.offending == [("“", '"'), ("”", '"'), ("’", "'"), ("–", "-"), ("ж", None), ("…", "...")]  # noqa: RUF001


INSTEAD = {
    "ç": "c",
    "á": "a",
    "ê": "e",
    "õ": "o",
    "ő": "o",
    "ł": "l",
    "œ": "oe",
    "\ufb01": "fi",
    "½": "1/2",
    "™": "TM",
    "\u00a0": " ",
    "\u2009": " ",
    "\uff21": "A",
    "`": "'",
    "\u00b4": "'",
    "«": '"',
    "—": "-",
    "\u200b": "",
    "\ufeff": "",
    "ж": None,
    "文": None,
    "\U0001f600": None,
    "°": None,
    "µ": None,
    "₹": None,
    "\u0301": None,
    "\u200d": None,
    "\u03b1": None,
}


@pytest.mark.parametrize(("character", "instead"), INSTEAD.items(), ids=map(ascii, INSTEAD))
def test_a_replacement_says_the_same_in_gsm_7_or_there_is_none(character: str, instead: str | None) -> None:
    assert replacement(character) == instead
    assert instead is None or encode(instead).encoding is GSM_7
