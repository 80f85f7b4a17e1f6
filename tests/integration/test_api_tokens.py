"""Tokens by the API: an ADMIN makes, lists and revokes those of what is theirs, and grants only what they hold."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.choices import Permission
from dunlin.domain.tables import Account, Organization, Token
from dunlin.domain.vault import key_id
from dunlin.domain.viewer import issue_token
from dunlin.runtime.wiring import Services
from tests.build import ALL_PERMISSIONS, a_token, an_account, an_organization, everything_stored
from tests.client import JSON, ask, error_codes, graphql, mutate, problems

READ, ADMIN = Permission.READ, Permission.ADMIN
TOKEN = "id name prefix permissions organizations { name } createdAt expiresAt lastUsedAt revokedAt"
LIST = "{ tokens { nodes { name organizations { name } revokedAt } } }"
GOOD: JSON = {"name": "Bookkeeping", "permissions": ["READ"]}


@pytest_asyncio.fixture
async def account(services: Services) -> Account:
    return await an_account()


@pytest_asyncio.fixture
async def organization(account: Account) -> Organization:
    return await an_organization(account)


@pytest_asyncio.fixture
async def token(services: Services, account: Account) -> str:
    return await a_token(services, account)


async def create(http: httpx.AsyncClient, token: str, **changed: object) -> JSON:
    return await mutate(http, token, "createToken", f"secret token {{ {TOKEN} }}", {**GOOD, **changed})


async def test_a_new_token_is_shown_once_and_opens(http: httpx.AsyncClient, token: str) -> None:
    payload = await create(http, token, permissions=["COLLECT", "READ", "READ"], days=30)

    assert problems(payload) == []
    secret, made = payload["secret"], payload["token"]
    assert secret.startswith("dunlin_")
    assert (made["name"], made["prefix"], made["permissions"]) == ("Bookkeeping", secret[:12], ["READ", "COLLECT"])
    assert (made["organizations"], made["lastUsedAt"], made["revokedAt"]) == (None, None, None)
    lasting = datetime.fromisoformat(made["expiresAt"]) - datetime.fromisoformat(made["createdAt"])
    assert abs(lasting - timedelta(days=30)) < timedelta(minutes=1)
    data = await ask(http, secret, "{ viewer { name permissions } }")
    assert data == {"viewer": {"name": "Bookkeeping", "permissions": ["READ", "COLLECT"]}}


async def test_the_secret_is_stored_nowhere(http: httpx.AsyncClient, token: str) -> None:
    secret = (await create(http, token))["secret"]

    assert secret[:12] in str(await everything_stored())
    assert secret[12:] not in str(await everything_stored())


async def a_token_of(services: Services, account: Account, *organizations: Organization) -> str:
    return await issue_token(
        account_id=account.id,
        organization_ids=[organization.id for organization in organizations],
        name="Some",
        permissions=ALL_PERMISSIONS,
        expires_at=None,
        key=services.settings.secret_keys[0],
    )


async def test_a_token_of_several_organizations_opens_these_and_makes_tokens_of_these_only(
    http: httpx.AsyncClient, account: Account, organization: Organization, token: str
) -> None:
    gas, beside = await an_organization(account, name="Gas"), await an_organization(account, name="Beside")
    both = [encode_id("Organization", one.id) for one in (gas, organization)]

    made = await create(http, token, organizationIds=both, permissions=["READ", "ADMIN"])
    narrower = await create(http, made["secret"], organizationIds=both[:1])
    wider = await create(http, made["secret"], organizationIds=[*both, encode_id("Organization", beside.id)])
    listed = await ask(http, made["secret"], LIST)

    assert made["token"]["organizations"] == [{"name": "Waterworks"}, {"name": "Gas"}]
    data = await ask(http, made["secret"], "{ organizations { nodes { name } } }")
    assert data["organizations"]["nodes"] == [{"name": "Waterworks"}, {"name": "Gas"}]
    assert problems(narrower) == []
    assert problems(wider) == [("NOT_FOUND", "organizationIds.2")]
    assert [node["organizations"] for node in listed["tokens"]["nodes"]] == [
        [{"name": "Waterworks"}, {"name": "Gas"}],
        [{"name": "Gas"}],
    ]


async def test_a_token_of_one_organization_opens_that_one(
    http: httpx.AsyncClient, account: Account, organization: Organization, token: str
) -> None:
    await an_organization(account, name="Beside")

    payload = await create(http, token, organizationIds=[encode_id("Organization", organization.id)])

    assert payload["token"]["organizations"] == [{"name": "Waterworks"}]
    data = await ask(http, payload["secret"], "{ organizations { nodes { name } } }")
    assert data["organizations"]["nodes"] == [{"name": "Waterworks"}]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"name": " "}, [("INVALID", "name")], id="empty-name"),
        pytest.param({"name": "x" * 201}, [("INVALID", "name")], id="endless-name"),
        pytest.param({"permissions": []}, [("REQUIRED", "permissions")], id="no-permission"),
        pytest.param({"organizationIds": []}, [("REQUIRED", "organizationIds")], id="no-organization"),
        pytest.param({"organizationIds": ["x"]}, [("INVALID", "organizationIds.0")], id="malformed-organization"),
        pytest.param({"days": 0}, [("INVALID", "days")], id="no-day"),
        pytest.param({"days": 3651}, [("INVALID", "days")], id="too-many-days"),
        pytest.param(
            {"name": "", "permissions": [], "days": -1},
            [("INVALID", "name"), ("REQUIRED", "permissions"), ("INVALID", "days")],
            id="everything",
        ),
        pytest.param(
            {"permissions": ["READ", "COLLECT"]}, [("INVALID", "permissions.1")], id="a-permission-that-one-lacks"
        ),
    ],
)
async def test_a_bad_token_is_refused_and_nothing_is_stored(
    http: httpx.AsyncClient, services: Services, account: Account, changed: JSON, expected: list[tuple[str, str]]
) -> None:
    token = await a_token(services, account, frozenset({READ, ADMIN}))

    payload = await create(http, token, **changed)

    assert problems(payload) == expected
    assert (payload["secret"], payload["token"]) == (None, None)
    assert await Token.all().count() == 1


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        pytest.param(None, [("REQUIRED", "organizationIds")], id="the-whole-account"),
        pytest.param("Beside", [("NOT_FOUND", "organizationIds.0")], id="another-of-the-account"),
        pytest.param("Waterworks", [], id="its-own"),
    ],
)
async def test_an_admin_of_one_organization_makes_tokens_of_that_one_only(
    http: httpx.AsyncClient,
    services: Services,
    account: Account,
    organization: Organization,
    named: str | None,
    expected: list[tuple[str, str]],
) -> None:
    await an_organization(account, name="Beside")
    limited = await a_token(services, account, only=organization.id)
    given = {"organizationIds": [encode_id("Organization", (await Organization.get(name=named)).id)]} if named else {}

    payload = await create(http, limited, **given)

    assert problems(payload) == expected
    assert (payload["secret"] is None) == bool(expected)


async def test_an_admin_of_one_organization_sees_and_revokes_that_one_s_tokens_only(
    http: httpx.AsyncClient, services: Services, account: Account, organization: Organization, token: str
) -> None:
    limited = await a_token(services, account, only=organization.id)
    beside = await an_organization(account, name="Beside")
    await a_token(services, account, only=beside.id)
    await a_token_of(services, account, organization, beside)
    out_of_reach = [row for row in await Token.all() if row.organization_ids != [organization.id]]
    assert len(out_of_reach) == 3

    data = await ask(http, limited, LIST)

    assert [node["organizations"] for node in data["tokens"]["nodes"]] == [[{"name": "Waterworks"}]]
    for row in out_of_reach:
        given = {"tokenId": encode_id("ApiToken", row.id)}
        assert problems(await mutate(http, limited, "revokeToken", "", given)) == [("NOT_FOUND", "tokenId")]
        found = await ask(http, limited, "query ($id: ID!) { node(id: $id) { id } }", id=given["tokenId"])
        assert found == {"node": None}
    assert await Token.filter(revoked_at__isnull=False).count() == 0


async def test_an_admin_lists_the_tokens_of_the_account_also_revoked_and_expired_ones(
    http: httpx.AsyncClient, services: Services, account: Account, organization: Organization, token: str
) -> None:
    await a_token(services, account, expires_at=datetime.now(UTC) - timedelta(days=1))
    made = await create(http, token, organizationIds=[encode_id("Organization", organization.id)])
    await mutate(http, token, "revokeToken", "", {"tokenId": made["token"]["id"]})
    await a_token(services, await an_account("Stranger"))

    nodes = (await ask(http, token, LIST))["tokens"]["nodes"]

    assert [(node["name"], node["organizations"]) for node in nodes] == [
        ("Tester", None),
        ("Tester", None),
        ("Bookkeeping", [{"name": "Waterworks"}]),
    ]
    assert [node["revokedAt"] is None for node in nodes] == [True, True, False]


async def test_tokens_are_listed_by_page(http: httpx.AsyncClient, token: str) -> None:
    for _ in range(2):
        await create(http, token)

    page = "query ($after: String) { tokens(first: 2, after: $after) { nodes { name } pageInfo { endCursor } } }"
    first = (await ask(http, token, page))["tokens"]
    second = (await ask(http, token, page, after=first["pageInfo"]["endCursor"]))["tokens"]

    assert [len(part["nodes"]) for part in (first, second)] == [2, 1]


@pytest.mark.parametrize(("lacking", "code"), [(ADMIN, "FORBIDDEN"), (READ, "FORBIDDEN")])
async def test_listing_needs_both_admin_and_read(
    http: httpx.AsyncClient, services: Services, account: Account, lacking: Permission, code: str
) -> None:
    token = await a_token(services, account, ALL_PERMISSIONS - {lacking})

    assert error_codes(await graphql(http, token, LIST)) == [code]


async def test_a_token_is_no_node_for_whoever_is_no_admin(
    http: httpx.AsyncClient, services: Services, account: Account
) -> None:
    token = await a_token(services, account, ALL_PERMISSIONS - {ADMIN})
    own = encode_id("ApiToken", (await Token.get()).id)

    assert await ask(http, token, "query ($id: ID!) { node(id: $id) { id } }", id=own) == {"node": None}


async def test_a_revoked_token_is_refused_at_once(http: httpx.AsyncClient, token: str) -> None:
    made = await create(http, token)

    payload = await mutate(http, token, "revokeToken", f"token {{ {TOKEN} }}", {"tokenId": made["token"]["id"]})

    assert problems(payload) == []
    assert payload["token"]["revokedAt"] is not None
    assert error_codes(await graphql(http, made["secret"], "{ viewer { name } }")) == ["UNAUTHENTICATED"]


async def test_revoking_twice_keeps_the_first_time(http: httpx.AsyncClient, token: str) -> None:
    given = {"tokenId": (await create(http, token))["token"]["id"]}

    first, second = [await mutate(http, token, "revokeToken", "token { revokedAt }", given) for _ in range(2)]

    assert problems(second) == []
    assert second == first


async def test_a_token_may_revoke_itself(http: httpx.AsyncClient, token: str) -> None:
    own = encode_id("ApiToken", (await Token.get()).id)

    assert problems(await mutate(http, token, "revokeToken", "", {"tokenId": own})) == []

    assert error_codes(await graphql(http, token, "{ viewer { name } }")) == ["UNAUTHENTICATED"]


async def test_a_new_token_is_hashed_with_the_newest_key(
    http: httpx.AsyncClient, services: Services, token: str
) -> None:
    await create(http, token)

    assert {row.key_id for row in await Token.all()} == {key_id(services.settings.secret_keys[0]).hex()}
