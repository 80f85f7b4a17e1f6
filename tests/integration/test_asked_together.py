"""What requests that come at the same time share: statements, and nothing else."""

import asyncio

import httpx
import pytest
from tortoise.connection import get_connection

from dunlin.api.authentication import Door, NotLetIn
from dunlin.api.ids import encode_id
from dunlin.api.token_uses import TokenUses
from dunlin.domain.store import rows
from dunlin.domain.tables import Organization
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account, an_organization
from tests.client import error_codes, graphql
from tests.statements import statements

ORGANIZATION = "query ($id: ID!) { organization(id: $id) { name } }"


async def test_each_sees_only_what_it_may_of_what_is_read_for_all(services: Services, http: httpx.AsyncClient) -> None:
    organizations = [await an_organization(await an_account(), name=f"Waterworks {place}") for place in range(4)]
    tokens = [await a_token(services, organization) for organization in organizations]
    asked = [(mine, theirs) for mine in range(4) for theirs in range(4)] * 5

    bodies = await asyncio.gather(
        *(
            graphql(http, tokens[mine], ORGANIZATION, id=encode_id("Organization", organizations[theirs].id))
            for mine, theirs in asked
        )
    )

    for (mine, theirs), body in zip(asked, bodies, strict=True):
        if mine == theirs:
            assert body["data"]["organization"]["name"] == organizations[mine].name
        else:
            assert error_codes(body) == ["NOT_FOUND"]


async def test_what_many_ask_for_at_once_is_read_by_few_statements(services: Services) -> None:
    organizations = [await an_organization(await an_account()) for _ in range(5)]
    secrets = [await a_token(services, organization) for organization in organizations]
    door = Door(services.settings.secret_keys, TokenUses(), None)

    with statements(lambda said: "FROM token" in said or 'FROM "organization"' in said) as read:
        viewers = await asyncio.gather(*(door.viewer_of_token(secret, None) for secret in secrets * 10))
        found = await asyncio.gather(*(services.organizations.get(one.id) for one in organizations * 10))

    assert [viewer.account_id for viewer in viewers] == [one.account_id for one in organizations] * 10
    assert [row and row.id for row in found] == [one.id for one in organizations] * 10
    assert len(read) <= 4


@pytest.mark.parametrize("bad", ["dunlin_\ud800", "dunlin_é", "dunlin_" + "x" * 600, "dunlin_\0"])
async def test_a_token_that_cannot_be_one_takes_nothing_from_others(services: Services, bad: str) -> None:
    organization: Organization = await an_organization(await an_account())
    secret = await a_token(services, organization)
    door = Door(services.settings.secret_keys, TokenUses(), None)

    async def refused() -> None:
        with pytest.raises(NotLetIn):
            await door.viewer_of_token(bad, None)

    good = [door.viewer_of_token(secret, None) for _ in range(3)]
    viewers = await asyncio.gather(refused(), *good, refused())

    assert [viewer.account_id for viewer in viewers[1:4] if viewer] == [organization.account_id] * 3


async def test_a_connection_goes_back_to_its_pool_without_its_transaction(services: Services) -> None:
    await an_account("Before")
    pool = get_connection("default")._pool

    async with pool.acquire() as connection:
        await connection.execute("BEGIN")
        await connection.execute("DELETE FROM account")
        used = await connection.fetchval("SELECT pg_backend_pid()")

    assert [row["name"] for row in await rows("SELECT name FROM account")] == ["Before"]
    state = await rows("SELECT state FROM pg_stat_activity WHERE pid = $1", used)
    assert [row["state"] for row in state if row["state"] != "active"] in ([], ["idle"])
