"""Pages of other origins: allowed by the operator, or not at all."""

import httpx
import pytest
import websockets

from dunlin.runtime.settings import BadSettings, read_settings
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.integration.test_api_documents import an_api

OURS, OTHER = "https://app.example.com", "https://evil.example.com"


def preflight(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }


async def test_a_page_of_an_allowed_origin_may_ask(services: Services) -> None:
    token = await a_token(services, await an_account())
    async with an_api(services, allowed_origins=(OURS,)) as http:
        asked = await http.options("/graphql", headers=preflight(OURS))
        answer = await http.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"Origin": OURS, "Authorization": f"Bearer {token}"}
        )

    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == answer.headers["access-control-allow-origin"] == OURS
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "authorization" in asked.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert {"Accept", "Origin"} <= {part.strip() for part in answer.headers["vary"].split(",")}


async def test_a_failure_can_be_read_by_an_allowed_page_too(services: Services) -> None:
    async with an_api(services, allowed_origins=(OURS,)) as http:
        answer = await http.post("/graphql", json={"query": "{ __typename }"}, headers={"Origin": OURS})

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == OURS


@pytest.mark.parametrize("allowed", [(), (OURS,)])
async def test_a_page_of_another_origin_may_not(services: Services, allowed: tuple[str, ...]) -> None:
    async with an_api(services, allowed_origins=allowed) as http:
        asked = await http.options("/graphql", headers=preflight(OTHER))
        answer = await http.post("/graphql", json={"query": "{ __typename }"}, headers={"Origin": OTHER})

    assert asked.status_code == 400
    assert "access-control-allow-origin" not in asked.headers
    assert "access-control-allow-origin" not in answer.headers


async def test_other_pages_of_the_service_are_for_nobody_elses_scripts(services: Services) -> None:
    async with an_api(services, allowed_origins=(OURS,)) as http:
        for path in ("/graphiql/settings.json", "/metrics", "/healthz"):
            assert "access-control-allow-origin" not in (await http.get(path, headers={"Origin": OURS})).headers


async def test_a_socket_of_an_allowed_page_is_opened_and_no_other(services: Services) -> None:
    protocol = websockets.Subprotocol("graphql-transport-ws")
    async with an_api(services, allowed_origins=(OURS,)) as http:
        url = f"ws://{http.base_url.host}:{http.base_url.port}/graphql"
        async with websockets.connect(url, subprotocols=[protocol], origin=websockets.Origin(OURS)):
            pass
        with pytest.raises(websockets.InvalidStatus, match="403"):
            await websockets.connect(url, subprotocols=[protocol], origin=websockets.Origin(OTHER))


@pytest.mark.parametrize("origin", ["app.example.com", "https://a.example/path", "https://*.example.com", "*", "null"])
def test_an_origin_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("DUNLIN_ALLOWED_ORIGINS", origin)

    with pytest.raises(BadSettings, match="DUNLIN_ALLOWED_ORIGINS: should be origins"):
        read_settings()


async def test_graphiql_can_be_switched_off(services: Services, http: httpx.AsyncClient) -> None:
    async with an_api(services, graphiql=False) as without:
        for path in ("/", "/graphiql", "/graphiql/settings.json", "/graphiql/assets/init.js"):
            assert (await without.get(path)).status_code == 404, path
            assert (await http.get(path, follow_redirects=True)).status_code == 200, path


async def test_a_failure_of_ours_can_be_read_by_an_allowed_page_too(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("dunlin.api.authentication.tokens_of", failing)
    async with an_api(services, allowed_origins=(OURS,)) as http:
        headers = {"Origin": OURS, "Authorization": "Bearer dunlin_x"}
        answer = await http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)

    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == OURS
    assert answer.json()["errors"][0]["extensions"]["requestId"] == answer.headers["x-request-id"]
