"""No text that is sent is larger than what was said of it at worst."""

import sys
import unicodedata
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from babel.localedata import locale_identifiers
from babel.numbers import list_currencies
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dunlin.domain.choices import CaseOrigin, ReturnReaction, SmsEncoding
from dunlin.domain.rules.case_input import MAX_AMOUNT, SMALLEST, NewCase, NewCustomer, check_cases
from dunlin.domain.rules.extent import ANYTHING, Size, extent_of, joined, worst_size
from dunlin.domain.rules.segments import encode
from dunlin.domain.rules.step_input import check_sms_text
from dunlin.domain.rules.texts import BadText, Filling, render
from dunlin.domain.rules.worst_text import longest, worst_of

GSM_7, UCS_2 = SmsEncoding.GSM_7, SmsEncoding.UCS_2
LANGUAGES = ["en", "nl", "fr", "fr-CH", "de-CH", "pl", "ar", "fa", "hi", "ja", "he", "sr-Latn-RS", "xx"]

# What makes texts large: extension characters, marks, joiners, flags, families, what composing takes apart or merges.
CHARACTERS = "ae0 €[]ßÇçжñ’文\u0301\u0323\u0308\u0345\u093c\u09be\u1100\u1161\u11a8\uac01\u1fa7\u0390ffiİΐǰ\ufe0f"  # noqa: RUF001
WIDE = "\U0001f600\U0001f1ea\U0001f44b\U0001f3fd\U0001d160\U0001d1c0\U000110ba\U0001e8d0\U00010428"
PRINTABLE = st.sampled_from(CHARACTERS + WIDE) | st.characters(codec="utf-8", exclude_categories=["C", "Z"])
LONG = st.builds(
    lambda text, count: (text * count)[:200], st.text(PRINTABLE, min_size=1, max_size=34), st.integers(1, 200)
)
NAMES = st.text(PRINTABLE, min_size=1, max_size=200) | LONG
LITERALS = st.text(st.sampled_from(CHARACTERS + WIDE + "\u200d\u00a0\n"), max_size=12)
ASSIGNED = ["x", "y", "amount", "reference"]
PLACES = ["customer.name", "organization.name", "amount", "due_date", "reference", "reaction", "payment_link", "x", "y"]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "").replace("\n", " ") + "'"


VALUES = st.sampled_from(PLACES) | LITERALS.map(quoted) | st.sampled_from(["12", "-1.5", "true", "nil", "empty"])
FILTERS = st.sampled_from(["upcase", "downcase", "capitalize", "strip", "truncate"]) | st.one_of(
    st.builds("truncate: {}".format, st.integers(-3, 60)),
    st.builds("truncate: {}, {}".format, st.integers(-3, 60), VALUES),
    st.builds("default: {}".format, VALUES),
)
EXPRESSIONS = st.builds(lambda value, filters: " | ".join([value, *filters]), VALUES, st.lists(FILTERS, max_size=3))
LEAVES = (
    LITERALS
    | LONG
    | EXPRESSIONS.map("{{{{ {} }}}}".format)
    | st.one_of(
        st.builds("{{% assign {} = {} %}}".format, st.sampled_from(ASSIGNED), EXPRESSIONS),
        EXPRESSIONS.map("{{% echo {} %}}".format),
        st.sampled_from(["{% comment %}ç{% endcomment %}", "{% raw %}{{ ç }}{% endraw %}", "{% increment x %}"]),
    )
)
CONDITIONS = st.sampled_from(["true", "false", "amount == 'x'", "customer.name contains 'a'", "reference > 'M'"])
BLOCKS = {
    "if": "{{% if {0} %}}{1}{{% elsif {0} %}}{2}{{% else %}}{1}{{% endif %}}".format,
    "unless": "{{%- unless {0} -%}}{1}{{% else %}}{2}{{% endunless %}}".format,
    "capture": "{{% if {0} %}}{{% capture x %}}{1}{{% endcapture %}}{{% endif %}}{2}".format,
    "case": "{{% case reference %}}{{% when 'a', 'b' %}}{1}{{% else %}}{2}{{% endcase %}}".format,
    "changed": "{{% ifchanged %}}{1}{{% endifchanged %}}{2}".format,
}
TEMPLATES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map("".join)
        | st.builds(
            lambda block, *parts: block(*parts), st.sampled_from(list(BLOCKS.values())), CONDITIONS, inner, inner
        )
    ),
    max_leaves=8,
)
FILLINGS = st.builds(
    Filling,
    customer_name=NAMES,
    organization_name=NAMES,
    amount=st.decimals(SMALLEST, MAX_AMOUNT - SMALLEST, places=4),
    currency=st.sampled_from(sorted(list_currencies())),
    due_on=st.dates(date(2000, 1, 1), date(2100, 12, 31)),
    reference=NAMES,
    reaction=st.sampled_from(list(ReturnReaction)),
    payment_link=st.none() | st.text("aZ9-._~:/?#[]@!$&'()*+,;=%", max_size=180).map("https://example.com/".__add__),
)


def may_be_opened(filling: Filling) -> bool:
    customer = NewCustomer("C-1", filling.customer_name, None, None, None)
    case = NewCase(
        filling.reference,
        CaseOrigin.OVERDUE_INVOICE,
        None,
        customer,
        filling.amount,
        filling.currency,
        filling.due_on,
        payment_link=filling.payment_link,
    )
    return not check_cases([case], "BE")


def exceeded(text: str, filling: Filling, language: str) -> bool:
    """Return whether what is sent is larger than what was said of it at worst."""
    worst = worst_of(text, language, filling.organization_name).size
    sent = encode(render(text, filling, language))
    return sent.segments > worst.segments or (sent.encoding is UCS_2 and worst.encoding is GSM_7)


@settings(max_examples=400, deadline=None)
@given(TEMPLATES, FILLINGS, st.sampled_from(LANGUAGES))
def test_no_filling_makes_a_text_larger_than_its_worst(text: str, filling: Filling, language: str) -> None:
    assume(may_be_opened(filling))
    with suppress(BadText):  # it is not sent
        assert not exceeded(text, filling, language)


# One cluster of 34 units leaves half of each segment empty: nothing costs more per character.
CLUSTERS = ("a" + "\U0001e8d0" * 16 + "\u0301") * 11
WORST_NAMES = {
    "emoji": "\U0001f600" * 200,
    "clusters that fill half a segment": CLUSTERS,
    "one letter under 199 marks": "a" + "\u0301" * 199,
    "letters in decomposed form": "e\u0301\u0302" * 66,
    "ligatures, three letters in upper case": "\ufb03" * 200,
}


@pytest.mark.parametrize("name", WORST_NAMES.values(), ids=WORST_NAMES.keys())
@pytest.mark.parametrize(
    "text",
    [
        "{{ customer.name }}",
        "{{ customer.name | upcase }}",
        "{{ customer.name | truncate: 40 }}ç" + "ж" * 100,
        "{{ customer.name | truncate: 2 }}",  # no room for the three dots: Liquid then cuts from the other end
    ],
)
def test_the_dearest_names_stay_below_the_worst(text: str, name: str) -> None:
    filling = Filling(name, "Waterworks", Decimal("84.50"), "EUR", date(2026, 1, 1), "INV-1")
    assert may_be_opened(filling)

    assert not exceeded(text, filling, "en")


def test_the_dearest_name_reaches_the_worst() -> None:
    assert worst_of("{{ customer.name }}", "en", "Waterworks").size == Size(UCS_2, 11)
    assert encode(CLUSTERS).segments == 11


def test_a_character_that_a_mark_of_the_next_part_takes_apart_is_counted_apart() -> None:
    whole = extent_of(joined(frozenset({"\u01d6"}), extent_of(frozenset({"\u0323"}))))

    assert whole.units >= units(unicodedata.normalize("NFC", "\u01d6\u0323")) == 3


CHOICE = "{{% if true %}}{{% assign x = '{0}' %}}{{% else %}}{{% assign x = '{1}' %}}{{% endif %}}"
EXACT = {
    "without placeholders it is what it is": ("Pay us. " + "A" * 152, Size(GSM_7, 1)),
    "one more letter": ("Pay us. " + "A" * 153, Size(GSM_7, 2)),
    "in UCS-2": ("ж" * 70, Size(UCS_2, 1)),
    "one more letter in UCS-2": ("ж" * 71, Size(UCS_2, 2)),
    "what composes counts composed": ("e\u0301" * 160, Size(GSM_7, 1)),
    "space around it is not sent": ("A" * 160 + "\n ", Size(GSM_7, 1)),
    "the organization's name is known": ("{{ organization.name }}" + "A" * 150, Size(GSM_7, 1)),
    "a date is known but for its day": ("{{ due_date }}" + "A" * 142, Size(GSM_7, 1)),
    "the longest date": ("{{ due_date }}" + "A" * 143, Size(GSM_7, 2)),
    "some currencies have signs of their own": ("{{ amount }}", Size(UCS_2, 1)),
    "the longer branch counts": ("{% if true %}A{% else %}" + "A" * 161 + "{% endif %}", Size(GSM_7, 2)),
    "branches are not added up": (
        "{% if amount %}" + "A" * 99 + "{% else %}" + "A" * 99 + "{% endif %}",
        Size(GSM_7, 1),
    ),
    "what is assigned": ("{% assign x = 'ç' %}{{ x }}", Size(UCS_2, 1)),
    "what is assigned and not written": ("{% assign x = 'ç' %}A", Size(GSM_7, 1)),
    "what one branch assigns": (CHOICE.format("a", "ж") + "{{ x }}", Size(UCS_2, 1)),
    "what the other branch assigns": (CHOICE.format("ж", "a") + "{{ x }}", Size(UCS_2, 1)),
    "what is assigned in the other branch only": (
        "{% if true %}{% assign x = 'ж' %}{% else %}{% assign x = 'a' %}{{ x }}{% endif %}",
        Size(GSM_7, 1),
    ),
    "what is captured twice": ("{% capture x %}" + "A" * 81 + "{% endcapture %}{{ x }}{{ x }}", Size(GSM_7, 2)),
    "upper case may leave GSM-7": ("{{ 'è' | upcase }}", Size(UCS_2, 1)),
    "a comment is not sent": ("{% comment %}ç{% endcomment %}A", Size(GSM_7, 1)),
    "a name that is cut": ("{{ customer.name | truncate: 20 }}" + "A" * 26, Size(UCS_2, 1)),
    "a name that is cut, and one letter more": ("{{ customer.name | truncate: 20 }}" + "A" * 31, Size(UCS_2, 3)),
    "tags that are not looked into": ("{% case amount %}{% when 'x' %}A{% endcase %}", worst_size(ANYTHING)),
}


@pytest.mark.parametrize(("text", "size"), EXACT.values(), ids=EXACT.keys())
def test_the_worst_is_exact_where_it_can_be(text: str, size: Size) -> None:
    assert check_sms_text(text) == []
    assert worst_of(text, "en", "Waterworks").size == size


def test_what_is_written_is_told_from_what_is_filled_in() -> None:
    worst = worst_of("{% comment %}õ{% endcomment %}ç {{ organization.name | default: '’' }}\u00a0", "en", "Ø ж")  # noqa: RUF001

    assert worst.written == "ç ’"  # noqa: RUF001


@pytest.mark.parametrize(
    ("placeholder", "language", "expected"),
    [
        ("customer.name", "en", (200, False)),
        ("amount", "nl", (27, False)),
        ("due_date", "en", (18, True)),
        ("due_date", "pl", (20, False)),
    ],
)
def test_how_much_a_placeholder_may_bring_is_known(placeholder: str, language: str, expected: tuple[int, bool]) -> None:
    assert longest(placeholder, language) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([name.replace("_", "-") for name in locale_identifiers()]),
    st.decimals(SMALLEST, MAX_AMOUNT - SMALLEST, places=4),
    st.sampled_from(sorted(list_currencies())),
    st.dates(date(2000, 1, 1), date(2100, 12, 31)),
)
def test_every_language_writes_amounts_and_dates_within_their_worst(
    language: str, amount: Decimal, currency: str, due_on: date
) -> None:
    filling = Filling("Ada", "Waterworks", amount, currency, due_on, "INV-1")

    assert not exceeded("{{ amount }}", filling, language)
    assert not exceeded("{{ due_date }}" + "A" * 50, filling, language)
    assert not exceeded("{{ amount }}{{ due_date }}" + "A" * 25, filling, language)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_unicode_lets_characters_grow_no_more_than_is_counted_with() -> None:
    assigned = (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    every = [character for character in assigned if unicodedata.category(character)[0] in "LMS"]
    apart = {character: unicodedata.normalize("NFD", character) for character in every}
    kept = [character for character in every if unicodedata.normalize("NFC", character) == character]
    cased = {change(character) for character in every for change in (str.upper, str.lower, str.title)}
    written_otherwise = {text for text in cased if not text.startswith(tuple(map(chr, range(0x1D100, 0x1D200))))}

    assert max(units(text) for text in apart.values()) == 6
    assert max(units(apart[character]) for character in kept) == 4
    assert max(units(apart[character]) - units(character) for character in kept) == 3
    assert max(len(text) for text in cased) == 3
    assert max(units(unicodedata.normalize("NFD", text)) for text in written_otherwise) == 4
    assert {c for c in kept if unicodedata.combining(c)} <= {c for c in every if unicodedata.category(c)[0] == "M"}
