from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dunlin.domain.choices import SmsEncoding
from dunlin.domain.rules.segments import Encoded
from dunlin.domain.rules.texts import BadText, Filling
from dunlin.domain.rules.writing import Draft, Wording, write

FILLING = Filling("Ada Reyes", "Waterworks", Decimal("84.50"), "EUR", date(2026, 2, 1), "INV-1")
DRAFT = Draft(
    {"nl": Wording("Graag {{ amount }}"), "fr": Wording("Payez {{ amount }}"), "fr-CA": Wording("Merci")},
    "nl",
    "nl",
    FILLING,
)

LANGUAGES = {
    "the customer's": ("nl", "nl", False),
    "the customer's with its region": ("fr-CA", "fr-CA", False),
    "the base of the customer's": ("fr-BE", "fr", False),
    "the organization's where the customer's is not known": (None, "nl", False),
    "the organization's where the customer's has no text": ("de", "nl", True),
    "the organization's where not even the base has one": ("de-AT", "nl", True),
}


@pytest.mark.parametrize(("wanted", "language", "is_fallback"), LANGUAGES.values(), ids=LANGUAGES.keys())
def test_it_is_written_in(wanted: str | None, language: str, is_fallback: bool) -> None:
    written = write(replace(DRAFT, customer_language=wanted))

    assert (written.language, written.is_fallback) == (language, is_fallback)


def test_a_text_in_one_language_only_is_for_everybody_and_still_a_fallback() -> None:
    written = write(Draft({"en": Wording("Please pay.")}, "fr", "nl", FILLING))

    assert (written.language, written.is_fallback) == ("en", True)


def test_it_is_filled_in_and_counted() -> None:
    written = write(DRAFT)

    assert (written.text, written.encoded) == ("Graag € 84,50", Encoded(SmsEncoding.GSM_7, 1, ()))


NOTHING = {
    "no text fits": (
        replace(DRAFT, customer_language="de", default_language="en"),
        "The step has no text in de nor in en.",
    ),
    "it cannot be filled in": (
        replace(DRAFT, texts={"nl": Wording("{{ payment_link }}")}),
        "The text in nl cannot be sent. The text names payment_link, and the case has none.",
    ),
    "nothing is left of it": (
        replace(DRAFT, texts={"nl": Wording("{% if payment_link %}{{ payment_link }}{% endif %}")}),
        "The text in nl is empty once filled in.",
    ),
}


@pytest.mark.parametrize(("draft", "why"), NOTHING.values(), ids=NOTHING.keys())
def test_it_says_nothing_when(draft: Draft, why: str) -> None:
    with pytest.raises(BadText) as bad:
        write(draft)

    assert str(bad.value) == why


MAIL = Draft({"en": Wording("Dear {{ customer.name }}", "Invoice {{ reference }}")}, "en", "en", FILLING)


def test_an_e_mail_has_a_subject_and_no_segments() -> None:
    written = write(MAIL)

    assert (written.subject, written.text, written.encoded) == ("Invoice INV-1", "Dear Ada Reyes", None)


def test_a_subject_stays_one_line_whatever_is_filled_in() -> None:
    filling = replace(FILLING, reference="INV-1\r\nBcc: all@example.com")

    assert write(replace(MAIL, filling=filling)).subject == "Invoice INV-1 Bcc: all@example.com"


EMPTY_MAILS = {
    "no subject": Wording("Dear", "{% if payment_link %}Pay{% endif %}"),
    "no body": Wording("{% if payment_link %}Pay{% endif %}", "Invoice"),
}


@pytest.mark.parametrize("wording", EMPTY_MAILS.values(), ids=EMPTY_MAILS.keys())
def test_an_e_mail_says_nothing_with(wording: Wording) -> None:
    with pytest.raises(BadText, match="is empty once filled in"):
        write(replace(MAIL, texts={"en": wording}))
