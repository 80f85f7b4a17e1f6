import pytest

from dunlin.domain.rules.creditor import account_key, is_account


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("BE68539007547034", True),
        ("be68 5390 0754 7034", True),
        ("BE68539007547035", False),
        ("NL91ABNA0417164300", True),
        ("BE68ZZZ0123456789", True),
        ("BE68ABC0123456789", True),
        ("BE69ZZZ0123456789", False),
        ("DE98ZZZ09999999999", True),  # the example of the German central bank
        ("", False),
        ("12", False),
        ("BE68", False),
        ("BE68539007547034\0", False),
        ("\uff22\uff2568539007547034", False),
        ("B" * 36, False),
    ],
)
def test_an_iban_or_a_creditor_identifier_is_one_whose_check_digits_are_right(text: str, is_one: bool) -> None:
    assert is_account(text) is is_one


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        pytest.param("be68 5390 0754 7034", "BE68539007547034", True, id="blanks-and-capitals"),
        pytest.param("BE68ABC0123456789", "BE68ZZZ0123456789", True, id="a-branch-of-a-creditor"),
        pytest.param("BE68539007547034", "BE68ZZZ007547034", False, id="an-iban-has-no-branches"),
    ],
)
def test_who_collects_is_known_however_it_is_written(one: str, other: str, are_same: bool) -> None:
    assert (account_key(one) == account_key(other)) is are_same
