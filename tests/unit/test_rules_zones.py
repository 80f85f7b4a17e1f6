import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import timezone
from phonenumbers.tzdata import TIMEZONE_DATA

from dunlin.domain.rules.zones import possible_zones, widest_zones, zones_of_number

NUMBERS = {
    "a number of a country with one zone": ("+32470123456", ("Europe/Brussels",)),
    "a mobile number of a country whose islands have names of their own": (
        "+447400123456",
        ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London"),
    ),
    "an area code": ("+12125551234", ("America/New_York",)),
    "an area code with two zones": ("+19075550100", ("America/Adak", "America/Anchorage")),
    "a range reserved for fiction": (
        "+447700900001",
        ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/London"),
    ),
    "a number of no country": ("+883510012345", ()),
    "no number": ("nonsense", ()),
}


@pytest.mark.parametrize(("number", "zones"), NUMBERS.values(), ids=NUMBERS.keys())
def test_a_number_tells_all_zones_that_it_may_belong_to(number: str, zones: tuple[str, ...]) -> None:
    assert zones_of_number(number) == zones


def test_a_mobile_number_of_a_country_of_many_zones_may_be_in_any_of_them() -> None:
    zones = zones_of_number("+79161234567")

    assert {"Europe/Moscow", "Asia/Yekaterinburg", "Asia/Kamchatka"} <= set(zones)
    assert zones == tuple(sorted(zones))


def test_a_toll_free_number_has_no_area_so_all_of_its_calling_code_is_possible() -> None:
    assert {"America/New_York", "Pacific/Honolulu", "Pacific/Guam"} <= set(zones_of_number("+18005551234"))


CUSTOMERS = {
    "what was given counts alone": (("Asia/Tokyo", "+32470123456"), ("Asia/Tokyo",)),
    "else what the number tells": ((None, "+32470123456"), ("Europe/Brussels",)),
    "else the organization's, where the number tells nothing": ((None, "+883510012345"), ("Europe/Paris",)),
    "else the organization's, where there is no number": ((None, None), ("Europe/Paris",)),
    "a zone that has been given up since counts as not given": (("Mars/Base", "+32470123456"), ("Europe/Brussels",)),
}


@pytest.mark.parametrize(("customer", "zones"), CUSTOMERS.values(), ids=CUSTOMERS.keys())
def test_a_customer_may_be_in(customer: tuple[str | None, str | None], zones: tuple[str, ...]) -> None:
    assert possible_zones(*customer, "Europe/Paris") == zones


def test_there_are_rules_for_every_zone_that_numbers_may_tell() -> None:
    told = {name for names in TIMEZONE_DATA.values() for name in names}

    assert {zone for name in told for zone in possible_zones(name, None, "Etc/Nowhere")} == told


@settings(max_examples=200, derandomize=True, database=None)
@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_every_number_has_at_least_one_zone_and_they_are_sorted(number: str) -> None:
    zones = possible_zones(None, number, "Europe/Paris")

    assert zones
    assert list(zones) == sorted(set(zones))


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(st.sampled_from(sorted(TIMEZONE_DATA)), st.from_regex(r"[0-9]{4,9}", fullmatch=True))
def test_a_number_in_use_tells_what_libphonenumber_says_of_it(prefix: str, rest: str) -> None:
    number = f"+{prefix}{rest}"[:16]
    try:
        said = timezone.time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return
    if timezone.UNKNOWN_TIMEZONE not in said:
        assert zones_of_number(number) == tuple(sorted(said))


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(
    st.sampled_from([None, "Asia/Tokyo", "Mars/Base"]),
    st.none()
    | st.builds("+{}{}".format, st.sampled_from(sorted(TIMEZONE_DATA)), st.from_regex(r"[0-9]{4,9}", fullmatch=True)),
)
def test_the_widest_zones_leave_out_none_that_a_customer_may_be_in(zone: str | None, number: str | None) -> None:
    widest = widest_zones(zone, number, "Europe/Paris")

    assert set(possible_zones(zone, number, "Europe/Paris")) <= set(widest)
    assert list(widest) == sorted(set(widest))


def test_what_was_given_is_widest_too() -> None:
    assert widest_zones("Asia/Tokyo", "+32470123456", "Europe/Paris") == ("Asia/Tokyo",)
