from datetime import date
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

import phonenumbers
import pytest

from dunlin.demo.cases import structured_communication
from dunlin.demo.content import ACCOUNTS, DemoOrganization, DemoStep
from dunlin.demo.customers import DemoCustomer, make_customers
from dunlin.demo.numbers import RESERVED, TEST_NUMBERS, rings_nowhere
from dunlin.domain.choices import SmsEncoding, Weekday
from dunlin.domain.rules import step_input
from dunlin.domain.rules.segments import encode
from dunlin.domain.rules.texts import Filling, render

LANGUAGES = ("nl", "fr", "en", "de")
ORGANIZATIONS = [organization for account in ACCOUNTS for organization in account.organizations]
STEPS = {id(step.sms): step for one in ORGANIZATIONS for cycle in one.cycles for step in cycle.steps}.values()
EVERY_STEP = pytest.mark.parametrize(
    "step", [pytest.param(step, id=f"{number}-{step.name}") for number, step in enumerate(STEPS)]
)
LONGEST_NAME = max((organization.name for organization in ORGANIZATIONS), key=len)
EVERY_ORGANIZATION = pytest.mark.parametrize(
    "organization", [pytest.param(organization, id=organization.name) for organization in ORGANIZATIONS]
)


def filling(month: int, currency: str = "EUR") -> Filling:
    """Return longer values than any demo case has, with a date of `month`."""
    return Filling(
        customer_name="Maximiliane Hämäläinen-Van den Broeck",
        organization_name=LONGEST_NAME,
        amount=Decimal("12345.67"),
        currency=currency,
        due_on=date(2026, month, 28),
        reference="+++260/9410/00123+++",
    )


def customers_of(organization: DemoOrganization) -> list[DemoCustomer]:
    return make_customers(organization, Random(1))


@EVERY_STEP
def test_a_step_has_a_text_in_each_language_that_could_be_saved_as_it_is(step: DemoStep) -> None:
    assert tuple(step.sms) == LANGUAGES
    assert step_input.check_sms_texts(list(step.sms.items())) == []
    assert step_input.check_name(step.name) == []
    assert step_input.check_trigger_days(step.trigger_days) == []


@pytest.mark.parametrize("language", LANGUAGES)
@EVERY_STEP
def test_a_text_with_long_values_is_gsm_7_and_two_segments_in_every_month(step: DemoStep, language: str) -> None:
    for month in range(1, 13):
        encoded = encode(render(step.sms[language], filling(month), language))

        assert encoded.encoding is SmsEncoding.GSM_7, encoded.offending_characters
        assert encoded.segments <= 2


@pytest.mark.parametrize("currency", ["EUR", "GBP"])
@pytest.mark.parametrize("language", LANGUAGES)
@EVERY_STEP
def test_a_text_names_amount_reference_and_sender(step: DemoStep, language: str, currency: str) -> None:
    text = render(step.sms[language], filling(1, currency), language)

    assert {"EUR": "€", "GBP": "£"}[currency] in text
    assert encode(text).encoding is SmsEncoding.GSM_7
    assert "+++260/9410/00123+++" in text
    assert LONGEST_NAME in text


def test_every_default_language_has_texts() -> None:
    assert {organization.default_language for organization in ORGANIZATIONS} <= set(LANGUAGES)


def test_the_first_organization_is_belgian_and_writes_dutch() -> None:
    assert (ORGANIZATIONS[0].country, ORGANIZATIONS[0].default_language) == ("BE", "nl")


def test_the_organizations_differ_in_country_and_the_first_three_in_clock_too() -> None:
    zones = {ZoneInfo(organization.time_zone).key for organization in ACCOUNTS[0].organizations}

    assert len({organization.country for organization in ORGANIZATIONS}) == len(ORGANIZATIONS)
    assert len(zones) == 3


def test_the_first_account_may_text_at_any_hour_and_the_second_by_day_but_on_sundays() -> None:
    first, second = ({organization.window for organization in account.organizations} for account in ACCOUNTS)

    assert {(window.start, window.end, window.days) for window in first} == {("00:00", "24:00", frozenset(Weekday))}
    assert {(window.start, window.end, window.days) for window in second} == {
        ("08:00", "20:00", frozenset(Weekday) - {Weekday.SUNDAY})
    }


@EVERY_ORGANIZATION
def test_every_number_is_possible_and_rings_nowhere(organization: DemoOrganization) -> None:
    for customer in customers_of(organization):
        if customer.phone is not None:
            assert phonenumbers.is_possible_number(phonenumbers.parse(customer.phone))
            assert rings_nowhere(customer.phone)


@EVERY_ORGANIZATION
def test_no_two_customers_share_a_number_a_name_or_a_reference(organization: DemoOrganization) -> None:
    customers = customers_of(organization)
    numbers = [customer.phone for customer in customers if customer.phone]

    assert len(customers) == organization.customers
    assert len(set(numbers)) == len(numbers)
    assert len({customer.name for customer in customers}) == len(customers)
    assert len({customer.external_reference for customer in customers}) == len(customers)


@EVERY_ORGANIZATION
def test_some_customers_have_no_phone_no_mail_no_language_or_have_opted_out(organization: DemoOrganization) -> None:
    customers = customers_of(organization)

    assert any(customer.phone is None for customer in customers)
    assert any(customer.email is None for customer in customers)
    assert any(customer.language is None for customer in customers)
    assert any(customer.is_opted_out for customer in customers)
    assert {customer.phone for customer in customers}.issuperset(TEST_NUMBERS)


@EVERY_ORGANIZATION
def test_mail_goes_to_domains_for_examples_only(organization: DemoOrganization) -> None:
    for customer in customers_of(organization):
        if customer.email is not None:
            mailbox, domain = customer.email.split("@")
            assert mailbox.isascii()
            assert mailbox
            assert domain in ("example.com", "example.org", "example.net")


@EVERY_ORGANIZATION
def test_a_greeting_by_name_stays_in_gsm_7(organization: DemoOrganization) -> None:
    for customer in customers_of(organization):
        assert encode(customer.name).encoding is SmsEncoding.GSM_7


def test_the_same_seed_makes_the_same_customers() -> None:
    assert make_customers(ORGANIZATIONS[0], Random(1)) == make_customers(ORGANIZATIONS[0], Random(1))


@pytest.mark.parametrize(
    ("country", "inside", "outside"),
    [
        ("GB", "+447700900999", "+447700901000"),
        ("FR", "+33639989999", "+33639990000"),
        ("DE", "+4917604069099", "+4917604069100"),
        ("SE", "+46701740605", "+46701740604"),
    ],
)
def test_a_reserved_range_ends_where_its_regulator_says(country: str, inside: str, outside: str) -> None:
    assert any(inside in range_ for range_ in RESERVED[country])
    assert not rings_nowhere(outside)
    assert all(range_.source for range_ in RESERVED[country])


def test_a_range_holds_exactly_the_numbers_that_it_lists() -> None:
    for ranges in RESERVED.values():
        for range_ in ranges:
            assert all(number in range_ for number in range_.numbers())
            assert f"{range_.numbers()[0]}0" not in range_


def test_a_belgian_reference_ends_with_the_rest_by_97() -> None:
    assert structured_communication(123456789) == "+++012/3456/78939+++"
    assert structured_communication(97) == "+++000/0000/09797+++"
