"""What a client is told when the database goes away, or does not end, in the middle of its request."""

import asyncio

import httpx
import pytest
from tortoise.transactions import in_transaction

from dunlin.api.ids import encode_id
from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_organization
from tests.client import error_codes, graphql

_RENAME = """
mutation ($id: ID!) { renameOrganization(input: { organizationId: $id, name: "Gasworks" }) {
  organization { name } userErrors { code }
} }
"""
_BREAK_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


async def test_a_request_whose_connection_breaks_off_may_be_made_again(
    services: Services, http: httpx.AsyncClient
) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)
    the_id = encode_id("Organization", organization.id)

    async with in_transaction() as connection:
        await connection.execute_query("SELECT id FROM organization FOR UPDATE")
        asking = asyncio.create_task(graphql(http, token, _RENAME, id=the_id))
        async with asyncio.timeout(10):
            while not await connection.execute_query_dict(_BREAK_OFF):
                await connection.execute_query("SELECT pg_stat_clear_snapshot()")
        body = await asking

    assert error_codes(body) == ["UNAVAILABLE"]
    assert "errors" not in await graphql(http, token, _RENAME, id=the_id)
    assert (await rows("SELECT name FROM organization"))[0]["name"] == "Gasworks"


async def test_an_operation_that_does_not_end_is_given_up_and_may_be_done_all_the_same(
    services: Services, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.transport.operation.LONGEST_OPERATION_S", 0.2)
    organization = await an_organization()
    token = await a_token(services, organization)
    the_id = encode_id("Organization", organization.id)

    async with in_transaction() as connection:
        await connection.execute_query("SELECT id FROM organization FOR UPDATE")
        answer = await http.post(
            "/graphql",
            json={"query": _RENAME, "variables": {"id": the_id}},
            headers={"Authorization": f"Bearer {token}"},
        )

    assert (answer.status_code, error_codes(answer.json())) == (503, ["TIMEOUT"])
    async with asyncio.timeout(10):
        while (await rows("SELECT name FROM organization"))[0]["name"] != "Gasworks":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
