"""Who is let in: bearers of a token in force, and nobody else."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from dunlin.domain.choices import Permission
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.client import ask, error_codes

QUERY = {"query": "{ viewer { name permissions } }"}


NO_TOKEN = "Bearer"
BAD_TOKEN = 'Bearer error="invalid_token", error_description="The token is unknown, has expired or was revoked."'


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        pytest.param(None, NO_TOKEN, id="no-header"),
        pytest.param("", NO_TOKEN, id="empty"),
        pytest.param("Bearer", NO_TOKEN, id="no-token"),
        pytest.param("Bearer dunlin_unknown", BAD_TOKEN, id="unknown-token"),
        pytest.param("Bearer {token}x", BAD_TOKEN, id="one-character-more"),
        pytest.param("Bearer {expired}", BAD_TOKEN, id="expired-token"),
        pytest.param("Basic {token}", NO_TOKEN, id="other-scheme"),
        pytest.param("{token}", NO_TOKEN, id="no-scheme"),
        pytest.param("Bearer {token} {token}", BAD_TOKEN, id="two-tokens"),
        pytest.param("Bearer dunlin_" + "a" * 10_000, BAD_TOKEN, id="endless-token"),
        pytest.param("Bearer dunlin_é", BAD_TOKEN, id="letters-beyond-ascii"),
        pytest.param("Bearer e30.e30.e30", BAD_TOKEN, id="users-token-where-no-issuer-is-set"),
    ],
)
async def test_a_request_without_a_token_in_force_is_refused(
    http: httpx.AsyncClient, services: Services, header: str | None, challenge: str
) -> None:
    account = await an_account()
    filled = header and header.format(
        token=await a_token(services, account),
        expired=await a_token(services, account, expires_at=datetime.now(UTC) - timedelta(seconds=1)),
    )
    headers = {} if filled is None else {b"Authorization": filled.encode("latin-1")}

    answer = await http.post("/graphql", json=QUERY, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == challenge
    assert error_codes(answer.json()) == ["UNAUTHENTICATED"]
    assert "data" not in answer.json()


async def test_a_get_request_needs_a_token_too(http: httpx.AsyncClient) -> None:
    answer = await http.get("/graphql", params=QUERY)

    assert answer.status_code == 401
    assert error_codes(answer.json()) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_token_opens_whatever_the_case_of_its_scheme(
    http: httpx.AsyncClient, services: Services, scheme: str
) -> None:
    token = await a_token(services, await an_account(), expires_at=datetime.now(UTC) + timedelta(minutes=1))

    answer = await http.post("/graphql", json=QUERY, headers={"Authorization": f"{scheme} {token}"})

    assert answer.json()["data"]["viewer"]["name"] == "Tester"


async def test_the_viewer_is_the_token_with_what_it_allows(http: httpx.AsyncClient, services: Services) -> None:
    token = await a_token(services, await an_account(), frozenset({Permission.COLLECT, Permission.READ}))

    data = await ask(http, token, "{ viewer { id name permissions } }")

    assert data["viewer"]["name"] == "Tester"
    assert data["viewer"]["permissions"] == ["READ", "COLLECT"]
    assert data["viewer"]["id"]
