import pytest

from dunlin.domain.rules.mail import mask

MASKS = {
    "an address": ("ada@example.com", "a***@example.com"),
    "one letter": ("a@example.com", "a***@example.com"),
    "a quoted sign": ('"ada@home"@example.com', '"***@example.com'),
    "a letter with an accent": ("élodie@example.com", "é***@example.com"),
    "no name": ("@example.com", "***"),
    "no domain": ("ada", "***"),
    "nothing": ("", "***"),
}


@pytest.mark.parametrize(("address", "shown"), MASKS.values(), ids=MASKS.keys())
def test_an_address_is_shown_by_its_first_letter_and_its_domain(address: str, shown: str) -> None:
    assert mask(address) == shown
