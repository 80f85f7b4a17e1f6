import unicodedata
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dunlin.domain.choices import SmsEncoding
from dunlin.domain.rules.segments import encode
from dunlin.domain.rules.texts import BadText, Filling, choose_language, render, unknown_placeholders

FILLING = Filling(
    customer_name="Ada Reyes",
    organization_name="Waterworks",
    amount=Decimal("1234.5"),
    currency="EUR",
    due_on=date(2026, 3, 4),
    reference="INV-1",
)

UNKNOWN = {
    "a text without placeholders": ("Please pay.", []),
    "every placeholder there is": (
        "{{ customer.name }} {{ organization.name }} {{ amount }} {{ due_date }} {{ reference }}",
        [],
    ),
    "a placeholder in brackets": ("{{ customer['name'] }}", []),
    "a placeholder with spaces in many places": ("{{customer.name}}{{-  amount  -}}", []),
    "a misspelled one": ("{{ custmer.name }}", ["custmer.name"]),
    "a misspelled part": ("{{ customer.nam }}", ["customer.nam"]),
    "a whole object": ("{{ customer }}", ["customer"]),
    "a part of a value": ("{{ amount.size }}", ["amount.size"]),
    "Python's own attributes": ("{{ customer.name.__class__ }}", ["customer.name.__class__"]),
    "a computed part": ("{{ customer[reference] }}", ["customer[reference]"]),
    "one in a condition": ("{% if paid %}Thanks{% endif %}", ["paid"]),
    "one with a default": ("{{ nickname | default: 'you' }}", ["nickname"]),
    "two, each once, in the order of the text": ("{{ b }}{{ a }}{{ b }}", ["b", "a"]),
    "a name that the text itself gives": ("{% assign who = customer.name %}{{ who }}", []),
    "one in a comment": ("{% comment %}{{ nobody }}{% endcomment %}", []),
    "single braces": ("{customer} {name}", []),
    "one that not every case has": ("{% if payment_link %}{{ payment_link }}{% endif %}", []),
}


@pytest.mark.parametrize(("text", "names"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_placeholders_that_do_not_exist_are_named(text: str, names: list[str]) -> None:
    assert unknown_placeholders(text) == names


BAD = {
    "an open placeholder": ("{{ amount", "expected '}}'"),
    "an empty placeholder": ("{{ }}", "expected"),
    "an open condition": ("{% if amount %}", "if"),
    "an empty condition": ("{% if %}", "missing expression"),
    "an unknown tag": ("{% pay %}", "unexpected tag 'pay'"),
    "a loop": ("{% for x in customer %}{{ x }}{% endfor %}", "unexpected tag 'for'"),
    "a loop as a table": ("{% tablerow x in customer %}{{ x }}{% endtablerow %}", "unexpected tag 'tablerow'"),
    "a loop inside a liquid tag": ("{% liquid for x in customer\necho x\nendfor %}", "unexpected tag 'for'"),
    "another file": ("{% include 'secret' %}", "unexpected tag 'include'"),
    "another file, rendered": ("{% render 'secret' %}", "unexpected tag 'render'"),
    "a range": ("{{ (1..9999999999) }}", "ranges are not allowed"),
    # This would count to ten thousand million, inside the process that answers everybody.
    "a search in a range": ("{% if (1..9999999999) contains 'a' %}x{% endif %}", "ranges are not allowed"),
    "a search in a range inside a liquid tag": (
        "{% liquid\nif (1..9999999999) contains 'a'\necho amount\nendif %}",
        "ranges are not allowed",
    ),
}


@pytest.mark.parametrize(("text", "reason"), BAD.values(), ids=BAD.keys())
def test_a_text_that_cannot_be_a_template_says_why(text: str, reason: str) -> None:
    with pytest.raises(BadText, match="^The text is not a valid template: .*" + reason):
        unknown_placeholders(text)
    with pytest.raises(BadText):
        render(text, FILLING, "en")


@pytest.mark.parametrize(
    "name", ["date", "append", "split", "map", "replace", "times", "join", "sort", "base64_encode"]
)
def test_a_filter_that_is_not_needed_in_a_text_is_refused(name: str) -> None:
    with pytest.raises(BadText, match=f"unknown filter '{name}'"):
        render(f"{{{{ customer.name | {name}: 'a' }}}}", FILLING, "en")


FILTERED = {
    "upcase": ("{{ customer.name | upcase }}", "ADA REYES"),
    "downcase": ("{{ customer.name | downcase }}", "ada reyes"),
    "capitalize": ("{{ 'ada reyes' | capitalize }}", "Ada reyes"),
    "strip": ("[{{ ' a ' | strip }}]", "[a]"),
    "truncate": ("{{ customer.name | truncate: 5, '.' }}", "Ada ."),
    "default": ("{{ '' | default: 'customer' }}", "customer"),
    "a condition": ("{% if reference == 'INV-1' %}first{% else %}other{% endif %}", "first"),
    "a choice": ("{% case reference %}{% when 'INV-1' %}first{% else %}other{% endcase %}", "first"),
    "two dots in brackets outside of placeholders": ("{{ reference }} (see...)", "INV-1 (see...)"),
}


@pytest.mark.parametrize(("text", "expected"), FILTERED.values(), ids=FILTERED.keys())
def test_the_few_filters_and_tags_that_a_text_needs_work(text: str, expected: str) -> None:
    assert render(text, FILLING, "en") == expected


RENDERED = {
    "nl": "Ada Reyes, € 1.234,50, 4 maart 2026, INV-1, Waterworks",
    "nl-BE": "Ada Reyes, € 1.234,50, 4 maart 2026, INV-1, Waterworks",
    "fr": "Ada Reyes, 1 234,50 €, 4 mars 2026, INV-1, Waterworks",
    "fr-BE": "Ada Reyes, 1 234,50 €, 4 mars 2026, INV-1, Waterworks",
    "de": "Ada Reyes, 1.234,50 €, 4. März 2026, INV-1, Waterworks",
    "en": "Ada Reyes, €1,234.50, March 4, 2026, INV-1, Waterworks",
    "en-GB": "Ada Reyes, €1,234.50, 4 March 2026, INV-1, Waterworks",
    "sv": "Ada Reyes, 1 234,50 €, 4 mars 2026, INV-1, Waterworks",
}


@pytest.mark.parametrize(("language", "expected"), RENDERED.items(), ids=RENDERED.keys())
def test_amounts_and_dates_are_written_as_in_the_language(language: str, expected: str) -> None:
    text = "{{ customer.name }}, {{ amount }}, {{ due_date }}, {{ reference }}, {{ organization.name }}"

    filled = render(text, FILLING, language)

    assert filled == expected
    assert encode(filled).encoding is SmsEncoding.GSM_7


AMOUNTS = {
    "pounds": ("84.5", "GBP", "en", "£84.50"),
    "cents are never lost": ("0.07", "EUR", "nl", "€ 0,07"),
    "a currency without cents": ("1200", "JPY", "en", "¥1,200"),
    "a currency with three decimals": ("1.5", "KWD", "en", "KWD1.500"),
    "millions": ("1234567.89", "EUR", "fr", "1 234 567,89 €"),
    "fractions of a cent are rounded half to even": ("0.125", "EUR", "nl", "€ 0,12"),
}


@pytest.mark.parametrize(("amount", "currency", "language", "expected"), AMOUNTS.values(), ids=AMOUNTS.keys())
def test_an_amount_is_written_with_its_currency(amount: str, currency: str, language: str, expected: str) -> None:
    filling = replace(FILLING, amount=Decimal(amount), currency=currency)

    assert render("{{ amount }}", filling, language) == expected


@pytest.mark.parametrize("language", ["tlh", "xx-YY", "qaa"])
def test_a_language_that_nobody_knows_writes_amounts_as_in_english(language: str) -> None:
    assert render("{{ amount }}", FILLING, language) == "€1,234.50"


@pytest.mark.parametrize("language", ["nl", "fr", "fr-CH", "de", "sv", "nb", "pl", "cs", "uk", "fi"])
def test_no_language_brings_a_no_break_space(language: str) -> None:
    filled = render("{{ amount }} {{ due_date }}", FILLING, language)

    assert "\u00a0" not in filled
    assert "\u202f" not in filled


def test_a_no_break_space_in_a_text_becomes_a_plain_one() -> None:
    assert render("Dear\u00a0{{ customer.name }}\u202f!", FILLING, "fr") == "Dear Ada Reyes !"


def test_a_text_is_stripped_and_keeps_its_lines() -> None:
    assert render(" \nDear\n\n{{ reference }} \n", FILLING, "en") == "Dear\n\nINV-1"


def test_a_filled_text_is_in_composed_form_whatever_was_typed() -> None:
    filling = replace(FILLING, customer_name="Zoe\u0308 Dupre\u0301")

    filled = render("Che\u0301r {{ customer.name }}", filling, "fr")

    assert filled == "Chér Zoë Dupré"
    assert unicodedata.is_normalized("NFC", filled)


def test_a_name_is_put_in_composed_form_before_it_is_cut() -> None:
    filling = replace(FILLING, customer_name="e\u0301" * 30)

    assert render("{{ customer.name | truncate: 23 }}", filling, "fr") == "é" * 20 + "..."


def test_a_text_of_1600_characters_is_the_longest_that_is_filled_in() -> None:
    text, filling = "{{ customer.name }}" * 8, replace(FILLING, customer_name="A" * 200)

    assert len(render(text, filling, "en")) == 1_600
    with pytest.raises(BadText, match="Filled in, it has 1,601 characters; a text message has at most 1,600"):
        render(text + "!", filling, "en")


INJECTIONS = {
    "a placeholder": "{{ reference }}",
    "a tag": "{% assign amount = 0 %}",
    "an unfinished tag": "{% if",
    "an end of markup": "}}{{ amount",
    "a raw block": "{% raw %}",
}


@pytest.mark.parametrize("name", INJECTIONS.values(), ids=INJECTIONS.keys())
def test_markup_in_a_customer_s_name_is_text_and_nothing_else(name: str) -> None:
    filling = replace(FILLING, customer_name=name, organization_name=name, reference=name)

    filled = render("{{ customer.name }}/{{ organization.name }}/{{ reference }}/{{ amount }}", filling, "en")

    assert filled == f"{name}/{name}/{name}/€1,234.50"


def test_a_name_is_not_escaped_because_a_text_message_is_not_a_web_page() -> None:
    assert render("{{ customer.name }}", replace(FILLING, customer_name="O'Hara & <Sons>"), "en") == "O'Hara & <Sons>"


def test_a_text_with_an_unknown_placeholder_is_refused_rather_than_sent_with_a_gap() -> None:
    with pytest.raises(BadText, match="'nickname' is undefined"):
        render("Dear {{ nickname }}", FILLING, "en")


NL_FR = {"nl": "Beste", "fr": "Cher"}
LANGUAGES = {
    "the customer's language comes first": (NL_FR, "fr", "nl", "fr"),
    "a customer without a language gets the default": (NL_FR, None, "nl", "nl"),
    "a regional language falls back to its base": (NL_FR, "fr-BE", "nl", "fr"),
    "a regional text is preferred where there is one": ({**NL_FR, "fr-BE": "Bonjour"}, "fr-BE", "nl", "fr-BE"),
    "a script falls back to the base language too": ({"sr": "x", "en": "y"}, "sr-Latn-RS", "en", "sr"),
    "a language without a text gets the default": (NL_FR, "de", "nl", "nl"),
    "a regional default falls back to its base": (NL_FR, "de", "fr-BE", "fr"),
    "a base language does not reach for a region": ({"fr-BE": "x", "nl": "y"}, "fr", "nl", "nl"),
    "the only text is meant for everybody": ({"en": "Dear"}, "de", "nl", "en"),
    "two texts in other languages are meant for others": (NL_FR, "de", "en", None),
    "a step without texts has none to choose": ({}, "fr", "nl", None),
    "a step without texts has none for nobody either": ({}, None, "nl", None),
}


@pytest.mark.parametrize(("texts", "wanted", "default", "chosen"), LANGUAGES.values(), ids=LANGUAGES.keys())
def test_the_language_falls_back_in_a_fixed_order(
    texts: dict[str, str], wanted: str | None, default: str, chosen: str | None
) -> None:
    assert choose_language(texts, wanted, default) == chosen


LINKED = replace(FILLING, payment_link="https://pay.example.com/1")
LINKS = {
    "where there is one": ("Pay: {{ payment_link }}", LINKED, "Pay: https://pay.example.com/1"),
    "in a condition that holds": (
        "{% if payment_link %}{{ payment_link }}{% else %}Call us.{% endif %}",
        LINKED,
        "https://pay.example.com/1",
    ),
    "in a condition that does not": (
        "{% if payment_link %}{{ payment_link }}{% else %}Call us.{% endif %}",
        FILLING,
        "Call us.",
    ),
    "unless there is one": ("{% unless payment_link %}Call us.{% endunless %}", FILLING, "Call us."),
    "with something in its place": ("{{ payment_link | default: 'Call us.' }}", FILLING, "Call us."),
}


@pytest.mark.parametrize(("text", "filling", "filled"), LINKS.values(), ids=LINKS.keys())
def test_a_payment_link_is_written(text: str, filling: Filling, filled: str) -> None:
    assert render(text, filling, "en") == filled


@pytest.mark.parametrize("text", ["Pay: {{ payment_link }}", "{{ payment_link | upcase }}"])
def test_a_payment_link_that_the_case_has_not_is_never_left_out_silently(text: str) -> None:
    with pytest.raises(BadText, match=r"^The text names payment_link, and the case has none\.$"):
        render(text, FILLING, "en")
