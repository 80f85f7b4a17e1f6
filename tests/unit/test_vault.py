import pytest

from dunlin.domain.carrier import TwilioCredentials
from dunlin.domain.vault import BrokenSeal
from dunlin.runtime.vault import AesVault

OLD, NEW, FOREIGN = b"o" * 32, b"n" * 32, b"f" * 32
CREDENTIALS = TwilioCredentials("AC1", "hidden-token", "SK1", "hidden-key")
VAULT = AesVault((NEW,))
SEALED = VAULT.seal(CREDENTIALS, organization_id=7)


@pytest.mark.parametrize(
    "credentials",
    [
        CREDENTIALS,
        TwilioCredentials("AC1", "hidden-token"),
        TwilioCredentials("", ""),
        TwilioCredentials("AC1", "clé-\U0001f511"),
    ],
    ids=["with an API key", "without an API key", "empty", "in any letters"],
)
def test_what_is_sealed_for_an_organization_is_opened_for_it(credentials: TwilioCredentials) -> None:
    sealed = VAULT.seal(credentials, organization_id=7)

    assert VAULT.open(sealed, organization_id=7) == credentials


@pytest.mark.parametrize("organization_id", [8, 70, 0, -7])
def test_another_organization_s_seal_is_broken(organization_id: int) -> None:
    with pytest.raises(BrokenSeal):
        VAULT.open(SEALED, organization_id=organization_id)


@pytest.mark.parametrize("place", range(len(SEALED)))
def test_one_flipped_bit_breaks_the_seal(place: int) -> None:
    flipped = bytearray(SEALED)
    flipped[place] ^= 1

    with pytest.raises(BrokenSeal):
        VAULT.open(bytes(flipped), organization_id=7)


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_a_value_that_was_cut_off_has_a_broken_seal(length: int) -> None:
    with pytest.raises(BrokenSeal):
        VAULT.open(SEALED[:length], organization_id=7)


def test_after_a_rotation_the_old_key_still_opens() -> None:
    sealed = AesVault((OLD,)).seal(CREDENTIALS, organization_id=7)

    assert AesVault((NEW, OLD)).open(sealed, organization_id=7) == CREDENTIALS


def test_after_a_rotation_the_new_key_seals() -> None:
    sealed = AesVault((NEW, OLD)).seal(CREDENTIALS, organization_id=7)

    assert AesVault((NEW,)).open(sealed, organization_id=7) == CREDENTIALS
    with pytest.raises(BrokenSeal):
        AesVault((OLD,)).open(sealed, organization_id=7)


def test_a_vault_knows_what_its_newest_key_has_sealed() -> None:
    assert VAULT.is_newest(SEALED)
    assert AesVault((NEW, OLD)).is_newest(SEALED)
    assert not AesVault((OLD, NEW)).is_newest(SEALED)
    assert not AesVault((OLD,)).is_newest(b"")


def test_a_key_that_is_no_longer_set_leaves_the_seal_closed() -> None:
    with pytest.raises(BrokenSeal, match="with a key that is not set"):
        AesVault((FOREIGN,)).open(SEALED, organization_id=7)


def test_the_same_credentials_are_sealed_differently_each_time() -> None:
    assert VAULT.seal(CREDENTIALS, organization_id=7) != SEALED


def test_a_sealed_value_shows_neither_account_nor_keys() -> None:
    assert not any(text in SEALED for text in (b"AC1", b"hidden", b"SK1"))


def test_credentials_show_their_account_and_no_secret() -> None:
    assert repr(CREDENTIALS) == str(CREDENTIALS) == "TwilioCredentials(AC1)"
    assert f"{[CREDENTIALS]}" == "[TwilioCredentials(AC1)]"
