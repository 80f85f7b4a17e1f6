from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.domain.choices import CaseOrigin
from dunlin.domain.rules.case_input import NewCase, NewCustomer, check_cases
from dunlin.domain.rules.case_row import OPTIONAL, REQUIRED, BadHeader, Flaw, read_header, read_row

ROW = {
    "external_reference": "INV-1",
    "customer_reference": "C-1",
    "customer_name": "Ada Reyes",
    "amount": "84.50",
    "currency": "EUR",
    "due_on": "2026-01-15",
}
FULL = ROW | {
    "origin": "DIRECT_DEBIT_RETURN",
    "return_reason_code": "AM04",
    "is_refund": "TRUE",
    "language": "fr-BE",
    "time_zone": "Europe/Brussels",
    "phone": "0470 12 34 56",
    "email": "ada@example.com",
    "payment_link": "https://pay.example.com/1",
}


def read(row: dict[str, str]) -> NewCase | list[Flaw]:
    return read_row(list(row), list(row.values()), "BE")


def flaws(**changed: str) -> list[tuple[str | None, str]]:
    found = read(ROW | changed)
    assert isinstance(found, list)
    return [(flaw.column, flaw.message) for flaw in found]


def test_a_row_with_what_is_needed_is_a_case() -> None:
    customer = NewCustomer("C-1", "Ada Reyes", None, None, None)

    assert read(ROW) == NewCase(
        "INV-1", CaseOrigin.OVERDUE_INVOICE, None, customer, Decimal("84.50"), "EUR", date(2026, 1, 15)
    )


def test_every_column_counts() -> None:
    customer = NewCustomer("C-1", "Ada Reyes", "fr-BE", "0470 12 34 56", "ada@example.com", "Europe/Brussels")

    assert read(FULL) == NewCase(
        "INV-1",
        CaseOrigin.DIRECT_DEBIT_RETURN,
        "AM04",
        customer,
        Decimal("84.50"),
        "EUR",
        date(2026, 1, 15),
        is_refund=True,
        payment_link="https://pay.example.com/1",
    )


def test_a_wanted_column_that_is_empty_is_as_if_it_were_not_there() -> None:
    assert read(ROW | dict.fromkeys(OPTIONAL, "")) == read(ROW)


def test_space_around_values_does_not_count() -> None:
    assert read({column: f"  {value} " for column, value in FULL.items()}) == read(FULL)


AMOUNT = "Write it as 1250.00: digits, a dot, at most 4 decimals, nothing between thousands."
FLAWS = {
    "a decimal comma": ({"amount": "12,50"}, [("amount", f"'12,50' is no amount. {AMOUNT}")]),
    "a thousands separator": ({"amount": "1.250,00"}, [("amount", f"'1.250,00' is no amount. {AMOUNT}")]),
    "a currency sign": ({"amount": "€12.50"}, [("amount", f"'€12.50' is no amount. {AMOUNT}")]),
    "no amount": ({"amount": ""}, [("amount", f"It is empty. {AMOUNT}")]),
    "a negative amount": ({"amount": "-5"}, [("amount", "An amount due is more than 0 and less than 10^14.")]),
    "five decimals": ({"amount": "1.00001"}, [("amount", "An amount has at most 4 decimals.")]),
    "digits of another script": ({"amount": "\u0661\u0662"}, [("amount", f"'\u0661\u0662' is no amount. {AMOUNT}")]),
    "a date as it is written elsewhere": (
        {"due_on": "15/01/2026"},
        [("due_on", "'15/01/2026' is no date. Write it as 2026-11-22.")],
    ),
    "a day that is not": ({"due_on": "2026-02-30"}, [("due_on", "'2026-02-30' is no date. Write it as 2026-11-22.")]),
    "no date": ({"due_on": ""}, [("due_on", "It is empty. Write it as 2026-11-22.")]),
    "a date of another century": ({"due_on": "1926-01-15"}, [("due_on", "A due date lies between 2000 and 2100.")]),
    "a currency by its name": (
        {"currency": "euro"},
        [("currency", "'euro' is no currency. Write it by ISO 4217, such as EUR.")],
    ),
    "an unknown origin": (
        {"origin": "INVOICE", "return_reason_code": "AM04"},
        [
            (
                "origin",
                "'INVOICE' is no origin. It is OVERDUE_INVOICE or DIRECT_DEBIT_RETURN; empty: OVERDUE_INVOICE.",
            )
        ],
    ),
    "a return without its reason": (
        {"origin": "DIRECT_DEBIT_RETURN"},
        [("return_reason_code", "A returned direct debit needs its reason, e.g. AM04.")],
    ),
    "a yes": ({"is_refund": "yes"}, [("is_refund", "'yes' is neither true nor false; empty: false.")]),
    "a language by its name": (
        {"language": "French"},
        [("language", "'French' is no language. Write it as nl or fr-BE.")],
    ),
    "an offset": (
        {"time_zone": "+01:00"},
        [("time_zone", "'+01:00' is no time zone. Write its IANA name, such as Europe/Brussels.")],
    ),
    "no phone number": (
        {"phone": "12"},
        [("phone", "This is no phone number. Write it as +32470123456, or as it is dialed within BE.")],
    ),
    "no e-mail address": ({"email": "ada"}, [("email", "This is no e-mail address. Write it as ada@example.com.")]),
    "no link": (
        {"payment_link": "pay.example.com"},
        [("payment_link", "A payment link is an address that begins with https:// and has at most 200 characters.")],
    ),
    "no name": ({"customer_name": " "}, [("customer_name", "This may not be empty.")]),
    "a long reference": (
        {"external_reference": "x" * 201},
        [("external_reference", "This has 1 to 200 printable characters.")],
    ),
    "NUL": (
        {"customer_name": "Ada\0"},
        [("customer_name", "It holds the control character U+0000. Only what can be printed is allowed.")],
    ),
    "two lines": (
        {"customer_reference": "C\n1"},
        [("customer_reference", "It holds the control character U+000A. Only what can be printed is allowed.")],
    ),
    "several things at once, each with its column": (
        {"amount": "x", "customer_reference": "", "language": "x"},
        [
            ("amount", f"'x' is no amount. {AMOUNT}"),
            ("language", "'x' is no language. Write it as nl or fr-BE."),
            ("customer_reference", "This may not be empty."),
        ],
    ),
}


@pytest.mark.parametrize(("changed", "said"), FLAWS.values(), ids=FLAWS.keys())
def test_what_cannot_be_used_is_named_with_its_column_and_what_is_allowed(
    changed: dict[str, str], said: list[tuple[str, str]]
) -> None:
    assert flaws(**changed) == said


@pytest.mark.parametrize(("count", "said"), [(5, "It has 5 fields, and the header 6."), (7, "It has 7 fields")])
def test_a_row_of_another_length_is_not_guessed_at(count: int, said: str) -> None:
    found = read_row(list(ROW), [*ROW.values(), ""][:count], "BE")

    assert isinstance(found, list)
    assert (found[0].column, found[0].message.startswith(said), len(found)) == (None, True, 1)


HEADERS = {
    "an unknown column": ([*ROW, "iban"], "Unknown columns: 'iban'."),
    "a missing column": (list(ROW)[:-1], "Missing columns: due_on."),
    "a column twice": ([*ROW, "amount"], "Twice: amount."),
    "no name at all": ([*ROW, ""], "Unknown columns: ''."),
    "columns with tabs between": (["\t".join(ROW)], "Missing columns: external_reference, customer_reference,"),
    "what cannot be seen": ([*ROW, "\u200bphone"], "Unknown columns: '\\u200bphone'."),
}


@pytest.mark.parametrize(("fields", "said"), HEADERS.values(), ids=HEADERS.keys())
def test_a_header_is_refused_with_what_is_wrong_and_all_columns(fields: list[str], said: str) -> None:
    with pytest.raises(BadHeader) as refused:
        read_header(fields)

    assert said in str(refused.value)
    assert all(column in str(refused.value) for column in REQUIRED + OPTIONAL)


def test_columns_come_in_any_order_and_case() -> None:
    assert read_header([" Due_On", "AMOUNT ", *list(ROW)[:3], "currency"])[:2] == ["due_on", "amount"]


CELLS = st.text(max_size=30) | st.sampled_from(list(FULL.values()))


@given(st.fixed_dictionaries(dict.fromkeys(FULL, CELLS)), st.sampled_from(["BE", "US", "XX"]))
def test_whatever_stands_in_a_row_it_is_a_case_that_may_be_opened_or_has_flaws(
    row: dict[str, str], country: str
) -> None:
    found = read_row(list(row), list(row.values()), country)

    assert check_cases([found], country) == [] if isinstance(found, NewCase) else found
