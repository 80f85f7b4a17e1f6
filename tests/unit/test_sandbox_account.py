import json
from pathlib import Path

import pytest

from dunlin.sandbox.account import AccountsUnreadable, load_accounts, new_accounts, write_new_accounts

GOOD = {"sid": "AC" + "a" * 32, "auth_token": "b" * 32}

UNREADABLE: dict[str, tuple[object, str]] = {
    "a token of the wrong shape": ({"accounts": [GOOD | {"auth_token": "secret"}]}, "accounts.0.auth_token"),
    "a SID of the wrong shape": ({"accounts": [GOOD | {"sid": "SK1"}]}, "accounts.0.sid"),
    "a number that is not E.164": ({"accounts": [GOOD | {"phone_numbers": ["0123"]}]}, "phone_numbers.0"),
    "an unknown status": ({"accounts": [GOOD | {"status": "asleep"}]}, "'active', 'suspended' or 'closed'"),
    "an unknown key": ({"accounts": [GOOD | {"tokn": "x"}]}, "accounts.0.tokn Extra inputs"),
    "no account": ({"accounts": []}, "accounts Tuple should have at least 1 item"),
    "no list of accounts": ([], "object"),
}


@pytest.mark.parametrize(("content", "sentence"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_wrong_file_of_accounts_is_refused_with_the_place(content: object, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps(content))
    with pytest.raises(AccountsUnreadable) as unreadable:
        load_accounts(path)
    assert str(path) in str(unreadable.value)
    assert sentence in str(unreadable.value)
    assert "secret" not in str(unreadable.value)


def test_a_missing_file_of_accounts_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(AccountsUnreadable, match="No such file"):
        load_accounts(tmp_path / "sandbox.json")


def test_new_accounts_are_one_that_works_and_one_that_is_suspended(tmp_path: Path) -> None:
    path = tmp_path / "var" / "sandbox.json"
    write_new_accounts(path)
    working, suspended = load_accounts(path)
    assert (working.status, suspended.status) == ("active", "suspended")
    assert working.phone_numbers == ("+15005550006", "+447700900123")
    assert working.messaging_services[0].phone_numbers == working.phone_numbers


def test_a_new_file_of_accounts_is_readable_for_its_owner_alone(tmp_path: Path) -> None:
    write_new_accounts(tmp_path / "sandbox.json")
    assert (tmp_path / "sandbox.json").stat().st_mode & 0o077 == 0


def test_an_existing_file_of_accounts_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text("mine")
    write_new_accounts(path)
    assert path.read_text() == "mine"


def test_new_accounts_are_different_every_time() -> None:
    assert new_accounts() != new_accounts()


def test_an_account_does_not_show_its_token(tmp_path: Path) -> None:
    write_new_accounts(tmp_path / "sandbox.json")
    account = load_accounts(tmp_path / "sandbox.json")[0]
    assert account.auth_token not in repr(account)
