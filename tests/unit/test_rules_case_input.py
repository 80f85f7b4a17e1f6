from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from dunlin.domain.choices import CaseOrigin
from dunlin.domain.errors import ProblemCode
from dunlin.domain.rules.case_input import NewCase, NewCustomer, check_cases, normalized

CUSTOMER = NewCustomer("C-1", "Ada Reyes", "en", "+447700900001", "ada@example.com")
CASE = NewCase(
    external_reference="INV-1",
    origin=CaseOrigin.OVERDUE_INVOICE,
    return_reason_code=None,
    customer=CUSTOMER,
    amount=Decimal("84.50"),
    currency="EUR",
    due_on=date(2026, 1, 15),
)
RETURNED = replace(CASE, origin=CaseOrigin.DIRECT_DEBIT_RETURN, return_reason_code="AM04")


def with_customer(**changes: Any) -> NewCase:
    return replace(CASE, customer=replace(CUSTOMER, **changes))


def with_amount(amount: str) -> NewCase:
    return replace(CASE, amount=Decimal(amount))


GOOD = {
    "an overdue invoice": CASE,
    "a returned direct debit": RETURNED,
    "a reason that nobody knows yet": replace(RETURNED, return_reason_code="XY99"),
    "a customer without phone, e-mail and language": with_customer(phone=None, email=None, language=None),
    "an empty phone and e-mail": with_customer(phone="", email=""),
    "a national number": with_customer(phone="0470 12 34 56"),
    "a name in other letters": with_customer(name="Łukasz Жук"),
    "a name with an apostrophe": with_customer(name="O'Hara-D’Arc"),  # noqa: RUF001
    "the longest name": with_customer(name="a" * 200),
    "an address with a plus and letters of the world": with_customer(email="ada+böhm@mail.exämple.co.uk"),
    "the smallest amount": with_amount("0.0001"),
    "the largest amount": with_amount("99999999999999.9999"),
    "zeros after the decimals": with_amount("12.500000000"),
    "a power of ten": with_amount("1E+3"),
    "the first due date": replace(CASE, due_on=date(2000, 1, 1)),
    "the last due date": replace(CASE, due_on=date(2100, 12, 31)),
    "a payment link": replace(CASE, payment_link="https://pay.example.com/i/INV-1?s=a%20b&t=1#top"),
    "a payment link with a port": replace(CASE, payment_link="https://pay.example.com:8443"),
    "the longest payment link": replace(CASE, payment_link="https://example.com/" + "a" * 180),
    "an empty payment link": replace(CASE, payment_link=""),
    "an origin that says none": replace(CASE, return_reason_code=""),
}


@pytest.mark.parametrize("case", GOOD.values(), ids=GOOD.keys())
def test_a_case_may_have(case: NewCase) -> None:
    assert check_cases([case], "BE") == []


EMPTY, LINE = "This may not be empty.", "This has 1 to 200 printable characters."
NO_PHONE = "This is no phone number. Write it as +32470123456, or as it is dialed within BE."
NO_LINK = "A payment link is an address that begins with https:// and has at most 200 characters."
NO_MAIL = "This is no e-mail address. Write it as ada@example.com."
AMOUNT = "An amount due is more than 0 and less than 10^14."
DECIMALS = "An amount has at most 4 decimals."
DUE_DATE = "A due date lies between 2000 and 2100."
NO_REASON = "A returned direct debit needs its reason, e.g. AM04."
BAD_REASON = "A return reason is an ISO 20022 code of four characters."
EXTRA_REASON = "Only a case of origin DIRECT_DEBIT_RETURN has a return reason."
REQUIRED, INVALID = ProblemCode.REQUIRED, ProblemCode.INVALID
BAD = {
    "an empty reference": (replace(CASE, external_reference=""), REQUIRED, EMPTY, "externalReference"),
    "a blank reference": (replace(CASE, external_reference="  "), REQUIRED, EMPTY, "externalReference"),
    "a name that is long once composed": (
        with_customer(name="\U0001d160" * 67),
        INVALID,
        LINE,
        "customer.name",
    ),
    "a payment link without TLS": (
        replace(CASE, payment_link="http://example.com/"),
        INVALID,
        NO_LINK,
        "paymentLink",
    ),
    "a payment link to a script": (replace(CASE, payment_link="javascript:pay()"), INVALID, NO_LINK, "paymentLink"),
    "a payment link that shows another host": (
        replace(CASE, payment_link="https://bank.example@evil.example/"),
        INVALID,
        NO_LINK,
        "paymentLink",
    ),
    "a payment link to no host": (replace(CASE, payment_link="https://localhost/"), INVALID, NO_LINK, "paymentLink"),
    "a payment link with a blank": (
        replace(CASE, payment_link="https://example.com/a b"),
        INVALID,
        NO_LINK,
        "paymentLink",
    ),
    "a payment link beyond ASCII": (
        replace(CASE, payment_link="https://exämple.com/"),
        INVALID,
        NO_LINK,
        "paymentLink",
    ),
    "an endless payment link": (
        replace(CASE, payment_link="https://example.com/" + "a" * 181),
        INVALID,
        NO_LINK,
        "paymentLink",
    ),
    "a long reference": (replace(CASE, external_reference="a" * 201), INVALID, LINE, "externalReference"),
    "a reference of two lines": (replace(CASE, external_reference="a\nb"), INVALID, LINE, "externalReference"),
    "an empty customer reference": (
        with_customer(external_reference=""),
        REQUIRED,
        EMPTY,
        "customer.externalReference",
    ),
    "a long customer reference": (
        with_customer(external_reference="a" * 201),
        INVALID,
        LINE,
        "customer.externalReference",
    ),
    "an empty name": (with_customer(name=""), REQUIRED, EMPTY, "customer.name"),
    "a name with a null character": (with_customer(name="Ada\x00"), INVALID, LINE, "customer.name"),
    "a name that turns the writing around": (with_customer(name="Ada\u202e"), INVALID, LINE, "customer.name"),
    "a word for a phone": (with_customer(phone="none"), INVALID, NO_PHONE, "customer.phone"),
    "a phone that is too short": (with_customer(phone="+32 1"), INVALID, NO_PHONE, "customer.phone"),
    "a phone that is too long": (with_customer(phone="+32470123456789012"), INVALID, NO_PHONE, "customer.phone"),
    "a blank phone": (with_customer(phone="  "), INVALID, NO_PHONE, "customer.phone"),
    "a phone with a null character": (with_customer(phone="+32470123456\x00"), INVALID, NO_PHONE, "customer.phone"),
    "an address without a domain": (with_customer(email="ada"), INVALID, NO_MAIL, "customer.email"),
    "an address without a name": (with_customer(email="@example.com"), INVALID, NO_MAIL, "customer.email"),
    "an address at a bare word": (with_customer(email="ada@example"), INVALID, NO_MAIL, "customer.email"),
    "an address with a space": (with_customer(email="a da@example.com"), INVALID, NO_MAIL, "customer.email"),
    "two addresses": (with_customer(email="a@example.com,b@example.com"), INVALID, NO_MAIL, "customer.email"),
    "an address with two dots": (with_customer(email="ada@example..com"), INVALID, NO_MAIL, "customer.email"),
    "an address with a line end": (with_customer(email="ada@example.com\n"), INVALID, NO_MAIL, "customer.email"),
    "an address with a null character": (
        with_customer(email="ada\x00@example.com"),
        INVALID,
        NO_MAIL,
        "customer.email",
    ),
    "a long address": (with_customer(email="a" * 320 + "@example.com"), INVALID, NO_MAIL, "customer.email"),
    "an amount of nothing": (with_amount("0.00"), INVALID, AMOUNT, "amountDue.amount"),
    "an amount below nothing": (with_amount("-1"), INVALID, AMOUNT, "amountDue.amount"),
    "an amount too large to store": (with_amount("1E+14"), INVALID, AMOUNT, "amountDue.amount"),
    "an amount without end": (with_amount("Infinity"), INVALID, AMOUNT, "amountDue.amount"),
    "an amount that is no number": (with_amount("NaN"), INVALID, AMOUNT, "amountDue.amount"),
    "five decimals": (with_amount("1.23456"), INVALID, DECIMALS, "amountDue.amount"),
    "a decimal far behind a large amount": (
        with_amount("99999999999999.00000000000000000001"),
        INVALID,
        DECIMALS,
        "amountDue.amount",
    ),
    "an amount next to nothing": (with_amount("0.00000000000000000001"), INVALID, DECIMALS, "amountDue.amount"),
    "a due date long ago": (replace(CASE, due_on=date(1999, 12, 31)), INVALID, DUE_DATE, "dueOn"),
    "a due date far away": (replace(CASE, due_on=date(2101, 1, 1)), INVALID, DUE_DATE, "dueOn"),
    "a returned debit without reason": (
        replace(RETURNED, return_reason_code=None),
        REQUIRED,
        NO_REASON,
        "returnReasonCode",
    ),
    "a returned debit with an empty reason": (
        replace(RETURNED, return_reason_code=""),
        REQUIRED,
        NO_REASON,
        "returnReasonCode",
    ),
    "a reason in small letters": (
        replace(RETURNED, return_reason_code="md07"),
        INVALID,
        BAD_REASON,
        "returnReasonCode",
    ),
    "a reason of five characters": (
        replace(RETURNED, return_reason_code="AM041"),
        INVALID,
        BAD_REASON,
        "returnReasonCode",
    ),
    "an invoice with a return reason": (
        replace(CASE, return_reason_code="AM04"),
        INVALID,
        EXTRA_REASON,
        "returnReasonCode",
    ),
}


@pytest.mark.parametrize(("case", "code", "message", "path"), BAD.values(), ids=BAD.keys())
def test_a_case_may_not_have(case: NewCase, code: ProblemCode, message: str, path: str) -> None:
    problems = check_cases([case], "BE")

    assert [(problem.code, problem.message, ".".join(problem.path)) for problem in problems] == [
        (code, message, f"cases.0.{path}")
    ]


def test_everything_that_is_wrong_with_every_case_is_told_at_once() -> None:
    bad = NewCase(
        external_reference="",
        origin=CaseOrigin.DIRECT_DEBIT_RETURN,
        return_reason_code=None,
        customer=NewCustomer("", "", None, "none", "none"),
        amount=Decimal(0),
        currency="EUR",
        due_on=date(1999, 1, 1),
    )

    problems = check_cases([CASE, bad, with_amount("-1")], "BE")

    assert [".".join(problem.path) for problem in problems] == [
        "cases.1.externalReference",
        "cases.1.customer.externalReference",
        "cases.1.customer.name",
        "cases.1.customer.phone",
        "cases.1.customer.email",
        "cases.1.amountDue.amount",
        "cases.1.returnReasonCode",
        "cases.1.dueOn",
        "cases.2.amountDue.amount",
        "cases.2.externalReference",
    ]
    assert problems[-1].code is ProblemCode.DUPLICATE


def test_a_reference_stands_once_in_a_call_and_each_further_one_is_a_duplicate() -> None:
    problems = check_cases([CASE, replace(CASE, external_reference="INV-2"), CASE, CASE], "BE")

    assert [(problem.code, problem.path) for problem in problems] == [
        (ProblemCode.DUPLICATE, ("cases", "2", "externalReference")),
        (ProblemCode.DUPLICATE, ("cases", "3", "externalReference")),
    ]


def test_one_customer_may_have_several_cases_in_a_call() -> None:
    assert check_cases([CASE, replace(CASE, external_reference="INV-2")], "BE") == []


@pytest.mark.parametrize("count", [0, 1_001], ids=["none", "one too many"])
def test_a_call_opens_1_to_1000_cases(count: int) -> None:
    (problem,) = check_cases([CASE] * count, "BE")

    assert (problem.code, problem.path) == (ProblemCode.INVALID, ("cases",))
    assert problem.message == f"Give 1 to 1000 cases a call; these are {count}."


def test_a_thousand_cases_are_few_enough() -> None:
    customer = replace(CUSTOMER, phone=None)
    cases = [replace(CASE, external_reference=f"INV-{number}", customer=customer) for number in range(1_000)]

    assert check_cases(cases, "BE") == []


def test_a_national_number_is_read_as_of_the_organization_s_country() -> None:
    case = with_customer(phone="0470 12 34 56")

    assert normalized(case, "BE").customer.phone == "+32470123456"
    assert check_cases([with_customer(phone="(555) 010-0123")], "US") == []
    assert [problem.path[-1] for problem in check_cases([with_customer(phone="010-0123")], "US")] == ["phone"]


def test_what_was_left_empty_is_stored_as_nothing() -> None:
    customer = normalized(with_customer(phone="", email=""), "BE").customer

    assert (customer.phone, customer.email) == (None, None)


def test_normalizing_changes_nothing_else() -> None:
    assert normalized(CASE, "BE") == CASE
