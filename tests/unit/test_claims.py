"""What the claims of a user's token grant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.api.claims import read_grant
from dunlin.api.ids import encode_id
from dunlin.domain.choices import Permission
from dunlin.domain.grant import Grant, GrantRefused

ONE, TWO = (encode_id("Organization", number) for number in (1, 2))
READ, COLLECT = Permission.READ, Permission.COLLECT
CLAIMS = {"dunlin_account": 7, "dunlin_organizations": [ONE, TWO], "dunlin_permissions": ["READ", "COLLECT"]}


def test_claims_name_account_organizations_and_permissions() -> None:
    assert read_grant(CLAIMS, "dunlin_") == Grant(7, frozenset({1, 2}), frozenset({READ, COLLECT}))


def test_a_star_stands_for_all_organizations_of_the_account() -> None:
    assert read_grant({**CLAIMS, "dunlin_organizations": "*"}, "dunlin_").organization_ids is None


def test_an_organization_that_is_named_twice_counts_once() -> None:
    assert read_grant({**CLAIMS, "dunlin_organizations": [ONE, ONE]}, "dunlin_").organization_ids == frozenset({1})


@pytest.mark.parametrize(
    ("names", "granted"),
    [
        (["READ"], {READ}),
        (["READ", "FLY"], {READ}),
        (["read", "Permission.READ", " READ", "READ,COLLECT", ""], set()),
        (["FLY"], set()),
        ([], set()),
        ([permission.value for permission in Permission], set(Permission)),
    ],
)
def test_only_names_of_permissions_give_something(names: list[str], granted: set[Permission]) -> None:
    assert read_grant({**CLAIMS, "dunlin_permissions": names}, "dunlin_").permissions == granted


def test_claims_may_begin_with_the_address_of_a_namespace() -> None:
    prefix = "https://dunlin.example.com/"
    claims = {name.replace("dunlin_", prefix): value for name, value in CLAIMS.items()}

    assert read_grant(claims, prefix).account_id == 7
    with pytest.raises(GrantRefused, match="claim dunlin_account"):
        read_grant(claims, "dunlin_")


MALFORMED: dict[str, list[object]] = {
    "dunlin_account": ["7", 7.0, True, 0, -7, 2**63, None, [7], {"id": 7}],
    "dunlin_organizations": [
        ONE,
        "",
        "**",
        [],
        ["*"],
        [ONE, "*"],
        [ONE, None],
        [1],
        [[ONE]],
        {"0": ONE},
        None,
        1,
        True,
        [encode_id("Account", 1)],
        [ONE, encode_id("CollectionCase", 1)],
        ["Organization:1"],
        [f"{ONE}\0"],
        [""],
    ],
    "dunlin_permissions": ["READ", "*", None, 1, {"READ": True}, ["READ", None], [["READ"]], [1]],
}


@pytest.mark.parametrize(
    ("claim", "value"), [(claim, value) for claim, values in MALFORMED.items() for value in values], ids=repr
)
def test_a_malformed_claim_grants_nothing_and_is_named(claim: str, value: object) -> None:
    with pytest.raises(GrantRefused, match=f"The claim {claim} should be"):
        read_grant({**CLAIMS, claim: value}, "dunlin_")


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_missing_claim_grants_nothing_and_is_named(claim: str) -> None:
    with pytest.raises(GrantRefused, match=f"The claim {claim} should be"):
        read_grant({name: value for name, value in CLAIMS.items() if name != claim}, "dunlin_")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("*RO1=é\0\ud800", max_size=9)
    | st.sampled_from([ONE, "READ"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["READ", ONE]), inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), VALUES))
def test_whatever_stands_in_the_claims_they_grant_something_sound_or_nothing(claims: dict[str, object]) -> None:
    try:
        grant = read_grant({**CLAIMS, **claims}, "dunlin_")
    except GrantRefused:
        return
    assert 1 <= grant.account_id < 2**63
    assert grant.organization_ids is None or grant.organization_ids <= {1, 2}
    assert grant.permissions <= set(Permission)
