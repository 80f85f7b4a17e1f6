import pytest

from dunlin.domain.rules.phone import country_of, mask, normalize

NUMBERS = {
    "a number in E.164 stays as it is": ("+32470123456", "BE", "+32470123456"),
    "a country code overrules the organization's country": ("+447700900001", "BE", "+447700900001"),
    "spaces and signs are dropped": (" +32 (0)470/12.34-56 ", "BE", "+32470123456"),
    "a national number gets the country's code": ("0470 12 34 56", "BE", "+32470123456"),
    "the same digits are another number elsewhere": ("0470 12 34 56", "FR", "+33470123456"),
    "a number dialed abroad with 00": ("0032 470 12 34 56", "BE", "+32470123456"),
    "a number dialed abroad with 011": ("011 32 470 12 34 56", "US", "+32470123456"),
    "an Italian zero is kept": ("06 1234 5678", "IT", "+390612345678"),
    "letters of a vanity number are digits": ("1-800-FLOWERS", "US", "+18003569377"),
    "an extension is dropped": ("0470 12 34 56 ext. 7", "BE", "+32470123456"),
    "digits of another script": ("+٣٢٤٧٠١٢٣٤٥٦", "BE", "+32470123456"),
    "a number reserved for fiction": ("07700 900001", "GB", "+447700900001"),
    "the carrier's number for tests": ("+15005550006", "BE", "+15005550006"),
    "a word": ("none", "BE", None),
    "nothing": ("", "BE", None),
    "too short": ("+321", "BE", None),
    "too long": ("+3247012345678901", "BE", None),
    "endless": ("1" * 1_000, "BE", None),
    "a country code that does not exist": ("+999123456789", "BE", None),
    "a number without its area code": ("253-0000", "US", None),
    "a national number of a country that does not exist": ("0470123456", "ZZ", None),
    "an emergency number": ("112", "BE", None),
}


@pytest.mark.parametrize(("typed", "country", "expected"), NUMBERS.values(), ids=NUMBERS.keys())
def test_a_number_is_stored_in_e_164_or_not_at_all(typed: str, country: str, expected: str | None) -> None:
    assert normalize(typed, country) == expected


@pytest.mark.parametrize("number", [number for _, _, number in NUMBERS.values() if number])
def test_a_stored_number_is_read_as_itself_in_every_country(number: str) -> None:
    assert {normalize(number, country) for country in ("BE", "US", "IT", "JP")} == {number}


MASKS = {
    "Belgium": ("+32470123456", "+32 *** ** 56"),
    "a country code of one digit": ("+15005550006", "+1 *** ** 06"),
    "a country code of three digits": ("+3726543210", "+372 *** ** 10"),
    "no number": ("none", "***"),
    "a national number": ("0470123456", "***"),
    "nothing": ("", "***"),
}


@pytest.mark.parametrize(("number", "shown"), MASKS.values(), ids=MASKS.keys())
def test_a_number_is_shown_by_its_country_and_two_digits(number: str, shown: str) -> None:
    assert mask(number) == shown


COUNTRIES = {
    "Belgium": ("+32470123456", "BE"),
    "Estonia": ("+37251234567", "EE"),
    "the United States": ("+12025550123", "US"),
    "Jamaica, which shares +1": ("+18765550123", "JM"),
    "Jersey, which shares +44": ("+441534123456", "JE"),
    "a number reserved for fiction": ("+447700900001", "GB"),
    "a range of +1 that is not in use": ("+11234567890", None),
    "a network of no country": ("+882161234567", None),
    "no number": ("none", None),
}


@pytest.mark.parametrize(("number", "country"), COUNTRIES.values(), ids=COUNTRIES.keys())
def test_a_number_tells_its_country_where_it_can_be_known(number: str, country: str | None) -> None:
    assert country_of(number) == country
