"""Users who have signed in at an issuer: what they may see and do, over HTTP and WebSocket, and what they are told."""

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dunlin.api.ids import encode_id
from dunlin.api.strangers import AT_ONCE
from dunlin.domain.choices import ActorKind, Permission
from dunlin.domain.tables import Account, AuditEntry, CollectionCycle, Organization
from dunlin.runtime.issuer_keys import KeyTimes
from dunlin.runtime.sign_in import open_sign_in
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token, an_account, an_organization, open_one
from tests.client import JSON, Socket, acknowledged, ask, connected, error_codes, graphql, mutate, problems
from tests.delivery import plan
from tests.flow.test_api_process import an_api_process, answer_of
from tests.issuer import AUDIENCE, KEYS, Issuer, key_number
from tests.serving import a_listener, address_of, served

VIEWER = "{ viewer { id name permissions } }"
ORGANIZATIONS = "{ organizations { nodes { id name } } }"
WATCH = "subscription ($id: ID!) { deliveryStatus(organizationId: $id) { status } }"
NEVER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class World:
    """Two accounts, the first with three organizations, and an API that lets in whom the issuer vouches for."""

    services: Services
    issuer: Issuer
    account: Account
    organizations: list[Organization]
    cycle: CollectionCycle
    foreign: Organization
    address: str
    http: httpx.AsyncClient

    def token(self, *organizations: Organization, permissions: object = tuple(Permission), **claims: object) -> str:
        """Sign a token of a user of some organizations, or of all."""
        granted = {
            "dunlin_account": self.account.id,
            "dunlin_organizations": [encode_id("Organization", one.id) for one in organizations] or "*",
            "dunlin_permissions": permissions,
        }
        return self.issuer.token(granted | claims)

    async def posted(self, token: str, query: str = VIEWER) -> httpx.Response:
        return await self.http.post("/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token}"})

    async def names(self, token: str) -> list[str]:
        nodes = (await ask(self.http, token, ORGANIZATIONS))["organizations"]["nodes"]
        return [node["name"] for node in nodes]


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer().serving() as issuer:
        yield issuer


@asynccontextmanager
async def api_of(
    services: Services, issuer: Issuer, times: KeyTimes | None = None, **changed: object
) -> AsyncIterator[World]:
    told = {"oidc_issuer": issuer.address, "oidc_audience": AUDIENCE, **changed}
    account = await an_account()
    first, cycle = await a_collecting_organization(services, account, name="Waterworks")
    others = [await an_organization(account, name=name) for name in ("Gasworks", "Library")]
    foreign = await an_organization(await an_account("Other"), name="Foreign")
    settled = services.settings.model_copy(update=told)
    with a_listener() as listener:
        async with (
            open_sign_in(settled, times or KeyTimes(refresh_every=NEVER)) as sign_in,
            served(replace(services, settings=settled, sign_in=sign_in), listener),
            httpx.AsyncClient(base_url=address_of(listener), timeout=10) as http,
        ):
            yield World(services, issuer, account, [first, *others], cycle, foreign, address_of(listener), http)


@pytest_asyncio.fixture
async def world(services: Services, issuer: Issuer) -> AsyncIterator[World]:
    async with api_of(services, issuer) as world:
        yield world


async def until_answered(world: World, token: str, status: int) -> None:
    async with asyncio.timeout(5):
        while (await world.posted(token)).status_code != status:
            pass


async def test_a_user_who_has_signed_in_is_the_viewer(world: World) -> None:
    data = await ask(world.http, world.token(permissions=["COLLECT", "READ"]), VIEWER)

    assert data["viewer"]["name"] == "Ada Reyes"
    assert data["viewer"]["permissions"] == ["READ", "COLLECT"]


async def test_the_viewer_s_id_stays_the_same_over_tokens(world: World) -> None:
    ids = [
        (await ask(world.http, world.token(sub=subject, name=name), VIEWER))["viewer"]["id"]
        for subject, name in (("user-1", "Ada"), ("user-1", "Ada Reyes"), ("user-2", "Ada"))
    ]

    assert ids[0] == ids[1] != ids[2]


async def test_tokens_of_this_service_are_let_in_beside(world: World) -> None:
    token = await a_token(world.services, world.account)

    assert (await ask(world.http, token, VIEWER))["viewer"]["name"] == "Tester"
    assert (await world.posted(f"{token}x")).status_code == 401


DOCUMENTS = {
    Permission.READ: ORGANIZATIONS,
    Permission.CONFIGURE: """mutation ($id: ID!) { updateSendingPolicy(input: { organizationId: $id,
        windowStart: "09:00", windowEnd: "17:00", days: [MONDAY] }) { userErrors { code } } }""",
    Permission.COLLECT: """mutation ($id: ID!, $cycle: ID!) { openCollectionCases(input: { organizationId: $id,
        cycleId: $cycle, cases: [] }) { userErrors { code } } }""",
    Permission.ADMIN: """mutation ($id: ID!) { renameOrganization(input: { organizationId: $id,
        name: "Waterworks" }) { userErrors { code } } }""",
}


@pytest.mark.parametrize("permission", Permission)
async def test_each_permission_that_the_issuer_names_is_held_and_no_other(world: World, permission: Permission) -> None:
    values: JSON = {
        "id": encode_id("Organization", world.organizations[0].id),
        "cycle": encode_id("CollectionCycle", world.cycle.id),
    }
    others = [other for other in Permission if other is not permission]

    async def codes(granted: object) -> list[str]:
        document = DOCUMENTS[permission]
        given = {name: value for name, value in values.items() if f"${name}:" in document}
        return error_codes(await graphql(world.http, world.token(permissions=granted), document, **given))

    assert await codes([permission]) == []
    assert await codes(others) == ["FORBIDDEN"]


async def test_a_user_sees_one_organization_or_several_or_all_of_the_account(world: World) -> None:
    first, second, third = world.organizations

    assert await world.names(world.token(first)) == ["Waterworks"]
    assert await world.names(world.token(first, third)) == ["Waterworks", "Library"]
    assert await world.names(world.token(first, second, third)) == ["Waterworks", "Gasworks", "Library"]
    assert await world.names(world.token()) == ["Waterworks", "Gasworks", "Library"]


async def test_an_organization_that_comes_later_is_seen_by_users_of_the_whole_account_only(world: World) -> None:
    of_all, of_some = world.token(), world.token(*world.organizations)
    await an_organization(world.account, name="Theatre")

    assert len(await world.names(of_all)) == 4
    assert len(await world.names(of_some)) == 3


@pytest.mark.parametrize("whose", ["beside", "foreign"])
async def test_an_organization_that_is_not_named_is_not_found(world: World, whose: str) -> None:
    first, beside, _ = world.organizations
    hidden = {"beside": beside, "foreign": world.foreign}[whose]
    token = world.token(first) if whose == "beside" else world.token()
    identity = encode_id("Organization", hidden.id)

    read = await graphql(world.http, token, "query ($id: ID!) { organization(id: $id) { name } }", id=identity)
    renamed = await mutate(
        world.http, token, "renameOrganization", "organization { name }", {"organizationId": identity, "name": "Ours"}
    )

    assert read["data"]["organization"] is None
    assert problems(renamed) == [("NOT_FOUND", "organizationId")]
    assert (await Organization.get(id=hidden.id)).name == hidden.name


async def test_what_a_user_does_stands_in_the_audit_trail_under_their_name(world: World) -> None:
    identity = encode_id("Organization", world.organizations[0].id)
    given = {"organizationId": identity, "name": "Water and Gas"}

    assert problems(await mutate(world.http, world.token(sub="user-7"), "renameOrganization", "", given)) == []

    entry = await AuditEntry.get(actor_kind=ActorKind.USER)
    assert (entry.actor_id, entry.actor_name, entry.address) == ("user-7", "Ada Reyes", "127.0.0.1")


async def test_the_longest_subject_fits_into_the_audit_trail(world: World) -> None:
    given = {"organizationId": encode_id("Organization", world.organizations[0].id), "name": "Water and Gas"}
    token = world.token(sub="é" * 255, name=None)

    assert problems(await mutate(world.http, token, "renameOrganization", "", given)) == []

    assert (await AuditEntry.get(actor_kind=ActorKind.USER)).actor_name == "é" * 200


async def test_claims_may_begin_as_the_setting_says(services: Services, issuer: Issuer) -> None:
    prefix = "https://dunlin.example.com/"
    async with api_of(services, issuer, oidc_claim_prefix=prefix) as world:
        granted: JSON = {f"{prefix}account": world.account.id, f"{prefix}permissions": ["READ"]}
        token = issuer.token({**granted, f"{prefix}organizations": "*"})

        assert len(await world.names(token)) == 3
        refused = await world.posted(issuer.token(granted))
    assert refused.json()["errors"][0]["message"].startswith(f"The claim {prefix}organizations should be")
    assert f'error_description="The claim {prefix}organizations should' in refused.headers["www-authenticate"]


UNKNOWN_ACCOUNT = "The token names an account that does not exist."
NOT_ITS_OWN = "The token names an organization that its account does not have."


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        pytest.param({"dunlin_account": 999}, UNKNOWN_ACCOUNT, id="unknown-account"),
        pytest.param({"dunlin_account": None}, "The claim dunlin_account should", id="no-account"),
        pytest.param({"dunlin_account": "1"}, "The claim dunlin_account should", id="account-in-a-text"),
        pytest.param({"dunlin_organizations": []}, "The claim dunlin_organizations should", id="no-organization"),
        pytest.param(
            {"dunlin_organizations": [encode_id("Organization", 999)]}, NOT_ITS_OWN, id="unknown-organization"
        ),
        pytest.param({"dunlin_organizations": ["1"]}, "The claim dunlin_organizations should", id="no-id"),
        pytest.param({"dunlin_permissions": "READ"}, "The claim dunlin_permissions should", id="permissions-in-a-text"),
    ],
)
async def test_a_good_token_that_opens_nothing_here_is_forbidden_with_the_reason(
    world: World, claims: JSON, reason: str
) -> None:
    answered = await world.posted(world.token(**claims), ORGANIZATIONS)

    assert answered.status_code == 403
    assert error_codes(answered.json()) == ["FORBIDDEN"]
    assert answered.json()["errors"][0]["message"].startswith(reason)
    assert answered.headers["www-authenticate"].startswith(
        f'Bearer error="insufficient_scope", error_description="{reason}'
    )
    assert "data" not in answered.json()


async def test_one_organization_of_another_account_closes_all(world: World) -> None:
    answered = await world.posted(world.token(world.organizations[0], world.foreign), ORGANIZATIONS)

    assert (answered.status_code, answered.json()["errors"][0]["message"]) == (403, NOT_ITS_OWN)


async def test_another_account_s_organizations_are_not_opened_by_its_own_name(world: World) -> None:
    token = world.token(*world.organizations, dunlin_account=world.foreign.account_id)

    assert (await world.posted(token, ORGANIZATIONS)).status_code == 403


def wrong_tokens(world: World) -> dict[str, str]:
    now, good = int(time.time()), world.token()
    return {
        "The token has expired.": world.token(exp=now - 31),
        "The token is not valid yet.": world.token(nbf=now + 60),
        "The token is for another audience.": world.token(aud="https://other.example"),
        "The token is of another issuer.": world.token(iss="https://other.example"),
        "The token's signature is wrong.": world.issuer.token(signed_by=key_number(2)),
        "The issuer has no such key as the token is signed with.": world.issuer.token(headers={"kid": "unknown"}),
        "A token must be signed by RS256.": world.issuer.token(algorithm="PS256"),
        "A token has at most 8192 characters.": world.token(padding="x" * 8192),
        "This is no token.": good.replace(".", "!"),
        "The token cannot be read.": f"{good.split('.')[0]}.e.{good.split('.')[2]}",
    }


async def test_who_is_refused_is_told_why_and_nothing_of_the_token(world: World) -> None:
    for reason, token in wrong_tokens(world).items():
        answered = await world.posted(token)

        assert answered.status_code == 401, reason
        assert answered.headers["www-authenticate"] == f'Bearer error="invalid_token", error_description="{reason}"'
        extensions = {"code": "UNAUTHENTICATED", "requestId": answered.headers["x-request-id"]}
        assert answered.json() == {"errors": [{"message": reason, "extensions": extensions}]}
        assert not any(len(part) > 8 and part in answered.text for part in token.split("."))


async def test_nothing_of_a_token_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = [*wrong_tokens(world).values(), world.token(), world.token(dunlin_account=None)]
    with capture_logs() as logged:
        for token in tokens:
            await world.posted(token)
            async with connected(world.address) as socket:
                await socket.send({"type": "connection_init", "payload": {"authToken": token}})
        await world.issuer.leave()
        await world.posted(world.issuer.token(headers={"kid": "another"}))

    said = f"{logged}{caplog.messages}"
    assert "user-1" not in said
    assert not any(part in said for token in tokens for part in token.split(".") if len(part) > 8)


async def test_garbage_is_never_our_failure(world: World) -> None:
    good, sent = world.token(), list[str]()
    places = st.integers(1, len(good) - 1)

    @settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
        | st.text(st.characters(min_codepoint=161, max_codepoint=255), max_size=20)
        | st.builds(lambda at, letter: good[:at] + letter + good[at + 1 :], places, st.sampled_from("A.b-_=+/ é"))
        | places.map(lambda length: good[:length])
    )
    def generate(token: str) -> None:
        sent.append(token)

    generate()
    for token in sent:
        header = {b"Authorization": b"Bearer " + token.encode("latin-1")} if token else {}
        answered = await world.http.post("/graphql", json={"query": VIEWER}, headers=header)
        assert answered.status_code == (200 if token == good else 401), token
    for token in {*sent[:100], "dunlin_\ud800", f"{good}\ud800", "\0"} - {good}:
        async with connected(world.address) as socket:
            await socket.send({"type": "connection_init", "payload": {"authToken": token}})
            assert await socket.close_code() in (4400, 4403), token


async def test_a_new_key_opens_with_the_first_token_that_it_has_signed(world: World) -> None:
    old = world.token()
    await until_answered(world, old, 200)

    world.issuer.rotate("second", keep=True)

    assert (await world.posted(world.token())).status_code == 200
    assert (await world.posted(old)).status_code == 200


async def test_a_withdrawn_key_opens_nothing_after_the_next_refresh(services: Services, issuer: Issuer) -> None:
    async with api_of(services, issuer, KeyTimes(refresh_every=timedelta(0))) as world:
        old = world.token()
        await until_answered(world, old, 200)

        issuer.rotate("second")

        await until_answered(world, old, 401)
        assert (await world.posted(world.token())).status_code == 200


async def test_a_flood_of_tokens_with_unknown_keys_reaches_the_issuer_once(world: World) -> None:
    good = world.token()
    await until_answered(world, good, 200)
    before = issuer_asked(world)

    forged = [world.issuer.token(headers={"kid": f"unknown-{number}"}) for number in range(200)]
    statuses = [answered.status_code for answered in await asyncio.gather(*map(world.posted, forged))]

    assert set(statuses) == {401}
    assert issuer_asked(world) == before + 1
    assert (await world.posted(good)).status_code == 200


def issuer_asked(world: World) -> int:
    return world.issuer.asked.count(KEYS)


async def test_forged_tokens_are_not_checked_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dunlin.api.strangers.PER_SECOND", 0.1)
    good, expired = world.token(), world.token(exp=0)
    assert [(await world.posted(expired)).status_code for _ in range(AT_ONCE + 1)] == [401] * (AT_ONCE + 1)
    forged = [world.token(number=number).rpartition(".")[0] + ".AAAA" for number in range(AT_ONCE + 1)]
    assert (await world.posted(good)).status_code == 200

    statuses = [(await world.posted(token)).status_code for token in forged]

    assert statuses == [401] * AT_ONCE + [429]
    assert (await world.posted(good)).status_code == 200
    assert (await world.posted(world.token(number=-1))).status_code == 429


async def test_nobody_waits_for_an_issuer_whose_keys_are_known(world: World) -> None:
    good = world.token()
    await until_answered(world, good, 200)
    asked = issuer_asked(world)
    released = world.issuer.hold()
    waiting = asyncio.create_task(world.posted(world.issuer.token(headers={"kid": "unknown"})))
    await world.issuer.was_asked(asked + 1)

    assert (await world.posted(good)).status_code == 200

    assert not waiting.done()
    released.set()
    assert (await waiting).status_code == 401


async def test_while_an_issuer_is_away_users_whose_keys_are_known_work_on(world: World) -> None:
    good = world.token()
    await until_answered(world, good, 200)

    await world.issuer.leave()

    assert (await world.posted(good)).status_code == 200
    unknown = await world.posted(world.issuer.token(headers={"kid": "unknown"}))
    assert unknown.status_code == 503


async def test_what_cannot_be_checked_is_unavailable_until_the_issuer_is_there(
    services: Services, issuer: Issuer
) -> None:
    await issuer.leave()
    async with api_of(services, issuer, KeyTimes(ask_again_after=timedelta(0))) as world:
        answered = await world.posted(world.token())

        assert answered.status_code == 503
        assert error_codes(answered.json()) == ["UNAVAILABLE"]
        assert answered.headers["retry-after"] == "5"
        assert answered.json()["errors"][0]["extensions"]["retryAfter"] == 5
        assert (await world.posted(await a_token(services, world.account))).status_code == 200
        async with connected(world.address) as socket:
            await socket.send({"type": "connection_init", "payload": {"authToken": world.token()}})
            assert await socket.close_code() == 1013

        await issuer.arrive()

        await until_answered(world, world.token(), 200)


async def watched(socket: Socket, organization: Organization) -> None:
    await socket.subscribe(WATCH, id=encode_id("Organization", organization.id))
    await socket.settle()


@pytest.mark.parametrize("key", ["Authorization", "authToken"])
async def test_a_user_watches_over_a_websocket(world: World, key: str) -> None:
    token = world.token(world.organizations[0], permissions=["READ"])
    async with connected(world.address) as socket:
        await socket.send(
            {"type": "connection_init", "payload": {key: token if key == "authToken" else f"Bearer {token}"}}
        )
        assert await socket.receive() == {"type": "connection_ack"}
        await watched(socket, world.organizations[0])

        await open_one(world.services, world.cycle)
        await plan(world.services)

        assert await socket.event() == {"data": {"deliveryStatus": {"status": "SCHEDULED"}}}


async def test_an_organization_that_is_not_named_cannot_be_watched(world: World) -> None:
    async with acknowledged(world.address, world.token(world.organizations[1])) as socket:
        await socket.subscribe(WATCH, id=encode_id("Organization", world.organizations[0].id))

        assert error_codes(await socket.event()) == ["NOT_FOUND"]


async def test_a_websocket_is_refused_with_the_reason(world: World) -> None:
    wrong = {**wrong_tokens(world), UNKNOWN_ACCOUNT: world.token(dunlin_account=999)}
    for reason, token in wrong.items():
        async with connected(world.address) as socket:
            await socket.send({"type": "connection_init", "payload": {"authToken": token}})

            assert (await socket.close_code(), socket.close_reason) == (4403, reason)


async def test_the_longest_reason_fits_into_the_frame_that_closes(services: Services, issuer: Issuer) -> None:
    async with api_of(services, issuer, oidc_claim_prefix="x" * 200) as world, connected(world.address) as socket:
        await socket.send({"type": "connection_init", "payload": {"authToken": issuer.token()}})

        assert await socket.close_code() == 4403
        assert (socket.close_reason or "").startswith("The claim xxx")


def about_to_expire() -> int:
    """Return an end that is over, with the clock skew, in two to three seconds."""
    return int(time.time()) - 27


async def test_a_socket_is_closed_when_its_token_expires(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dunlin.api.stays._LOOKED_AT_EVERY_S", 0.01)
    monkeypatch.setattr("dunlin.api.stays._USERS_LOOKED_AT_EVERY_S", 0.01)
    async with acknowledged(world.address, world.token(exp=about_to_expire())) as socket:
        await watched(socket, world.organizations[0])

        assert (await socket.close_code(), socket.close_reason) == (4403, "The token has expired.")


async def test_a_socket_outlives_an_issuer_that_is_away_but_not_its_token(
    services: Services, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.stays._LOOKED_AT_EVERY_S", 0.01)
    monkeypatch.setattr("dunlin.api.stays._USERS_LOOKED_AT_EVERY_S", 0.01)
    times = KeyTimes(refresh_every=NEVER, trust_for=timedelta(seconds=0.2), ask_again_after=timedelta(0))
    async with api_of(services, issuer, times) as world, acknowledged(world.address, world.token()) as staying:
        token = world.token(exp=about_to_expire())
        async with acknowledged(world.address, token) as socket:
            await issuer.leave()
            await until_answered(world, token, 503)
            await watched(socket, world.organizations[0])

            assert (await socket.close_code(), socket.close_reason) == (4403, "The token has expired.")
        await staying.settle()


async def test_a_socket_is_closed_when_the_key_of_its_token_is_withdrawn(
    services: Services, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.stays._LOOKED_AT_EVERY_S", 0.01)
    monkeypatch.setattr("dunlin.api.stays._USERS_LOOKED_AT_EVERY_S", 0.01)
    async with (
        api_of(services, issuer, KeyTimes(refresh_every=timedelta(0))) as world,
        acknowledged(world.address, world.token()) as socket,
    ):
        await watched(socket, world.organizations[0])

        issuer.rotate("second")

        assert await socket.close_code() == 4403
        assert socket.close_reason == "The issuer has no such key as the token is signed with."


async def test_an_api_process_lets_in_users_of_the_issuer_that_is_set(services: Services) -> None:
    organization = await an_organization()
    prefix = "https://dunlin.example.com/"
    async with Issuer("ES256").serving() as issuer:
        told = {
            "DATABASE_URL": str(services.settings.database_url),
            "REDIS_URL": str(services.settings.redis_url),
            "SECRET_KEYS": base64.b64encode(services.settings.secret_keys[0]).decode(),
            "OIDC_ISSUER": issuer.address,
            "OIDC_AUDIENCE": AUDIENCE,
            "OIDC_ALGORITHM": "ES256",
            "OIDC_CLAIM_PREFIX": prefix,
        }
        granted = {"account": organization.account_id, "organizations": "*", "permissions": ["READ"]}
        token = issuer.token({f"{prefix}{name}": value for name, value in granted.items()})
        async with an_api_process(**told) as address, httpx.AsyncClient(base_url=address, timeout=10) as http:
            await answer_of(http)

            data = await ask(http, token, "{ viewer { name } organizations { nodes { name } } }")

    assert data == {"viewer": {"name": "Ada Reyes"}, "organizations": {"nodes": [{"name": organization.name}]}}
