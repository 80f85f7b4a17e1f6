"""Requests that carry no operation, and failures of ours: a named code, and none of our innards."""

import gzip
import json

import httpx
import pytest
import pytest_asyncio

from dunlin.domain.viewer import Viewer
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.client import error_codes, graphql

NEW = "application/graphql-response+json"
VIEWER = "{ viewer { name } }"


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    return await a_token(services, await an_account())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut-off"),
        pytest.param(b"query { viewer { name } }", id="not-json"),
        pytest.param(b'{"query": "{ viewer { name } }", "variables": {"a": NaN}}', id="nan"),
        pytest.param(b'{"query": "\xff\xfe"}', id="invalid-utf-8"),
        pytest.param(b'{"query": "\\ud800"}', id="lone-surrogate"),
        pytest.param(b'{"variables": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="json-too-deep"),
    ],
)
async def test_a_body_that_is_no_json_is_refused(http: httpx.AsyncClient, token: str, body: bytes) -> None:
    answer = await http.post("/graphql", content=body, headers=_headers(token))

    assert answer.status_code == 400
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]
    assert "data" not in answer.json()


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="empty-list"),
        pytest.param(json.dumps([{"query": VIEWER}]).encode(), id="batch"),
        pytest.param(b"3", id="number"),
        pytest.param(b'"x"', id="text"),
        pytest.param(b"true", id="boolean"),
        pytest.param(b"{}", id="no-query"),
        pytest.param(b'{"qeury": "{ viewer { name } }"}', id="no-query-but-a-typo"),
        pytest.param(b'{"query": null}', id="query-null"),
        pytest.param(b'{"query": ""}', id="query-empty"),
        pytest.param(b'{"query": 3}', id="query-number"),
        pytest.param(b'{"query": ["{ viewer { name } }"]}', id="query-list"),
        pytest.param(b'{"query": "{ viewer { name } }", "variables": []}', id="variables-list"),
        pytest.param(b'{"query": "{ viewer { name } }", "variables": "x"}', id="variables-text"),
        pytest.param(b'{"query": "{ viewer { name } }", "variables": 3}', id="variables-number"),
        pytest.param(b'{"query": "{ viewer { name } }", "operationName": 3}', id="operation-name-number"),
        pytest.param(b'{"query": "{ viewer { name } }", "operationName": {}}', id="operation-name-object"),
        pytest.param(b'{"query": "{ viewer { name } }", "extensions": 3}', id="extensions-number"),
        pytest.param(b'{"query": "{ viewer { name } }", "documentId": 3}', id="document-id-number"),
    ],
)
async def test_json_that_is_no_request_is_refused_whatever_the_client_takes(
    http: httpx.AsyncClient, token: str, body: bytes, accept: str
) -> None:
    answer = await http.post("/graphql", content=body, headers={**_headers(token), "Accept": accept})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == f"{accept}; charset=utf-8"
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]
    assert "data" not in answer.json()


async def test_properties_that_nobody_knows_and_nulls_are_as_if_not_given(http: httpx.AsyncClient, token: str) -> None:
    nulls = {"variables": None, "operationName": None, "extensions": None, "documentId": None}

    answer = await http.post("/graphql", json={"query": VIEWER, **nulls, "id": 3}, headers=_headers(token))

    assert answer.json()["data"]["viewer"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_a_body_of_another_content_type_is_refused(
    http: httpx.AsyncClient, token: str, content_type: str
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}

    answer = await http.post("/graphql", content=json.dumps({"query": VIEWER}), headers=headers)

    assert answer.status_code == 415
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("content_type", ["Application/JSON", "application/json;charset=UTF-8"])
async def test_json_is_taken_in_whatever_letters_it_is_announced(
    http: httpx.AsyncClient, token: str, content_type: str
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}

    answer = await http.post("/graphql", content=json.dumps({"query": VIEWER}), headers=headers)

    assert answer.json()["data"]["viewer"]


async def test_a_compressed_body_is_refused(http: httpx.AsyncClient, token: str) -> None:
    body = gzip.compress(json.dumps({"query": VIEWER}).encode())

    answer = await http.post("/graphql", content=body, headers={**_headers(token), "Content-Encoding": "gzip"})

    assert answer.status_code == 415


async def test_a_body_of_more_than_two_megabytes_is_refused(http: httpx.AsyncClient, token: str) -> None:
    body = {"query": VIEWER, "variables": {"filler": "x" * (2 * 1024 * 1024)}}

    answer = await http.post("/graphql", json=body, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 413
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_than_get_and_post_are_refused(http: httpx.AsyncClient, token: str, method: str) -> None:
    answer = await http.request(method, "/graphql", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST, GET"
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


async def test_a_get_request_changes_nothing(http: httpx.AsyncClient, token: str) -> None:
    document = 'mutation { editStep(input: {stepId: "x"}) { userErrors { code } } }'

    answer = await http.get("/graphql", params={"query": document}, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


async def test_a_subscription_needs_a_stream(http: httpx.AsyncClient, token: str) -> None:
    given = {"query": 'subscription { deliveryStatus(organizationId: "x") { status } }'}

    answer = await http.post("/graphql", json=given, headers={**_headers(token), "Accept": NEW})

    assert answer.status_code == 422
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("name", ["Other", "", "\0", None])
async def test_an_operation_that_the_document_does_not_have_is_refused(
    http: httpx.AsyncClient, token: str, name: str | None
) -> None:
    body = {"query": "query One { viewer { name } } query Two { viewer { id } }", "operationName": name}

    answer = await http.post("/graphql", json=body, headers={**_headers(token), "Accept": NEW})

    assert answer.status_code == 422
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


async def test_a_failure_of_ours_shows_nothing_but_the_id_of_the_request(
    http: httpx.AsyncClient, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(viewer: Viewer, permission: object) -> bool:
        raise RuntimeError("postgresql://dunlin:hunter2@db/dunlin")

    monkeypatch.setattr(Viewer, "may", broken)

    body = await graphql(http, token, "{ viewer { permissions } }")

    assert error_codes(body) == ["INTERNAL"]
    assert body["errors"][0]["extensions"]["requestId"]
    assert "hunter2" not in json.dumps(body)
    assert "RuntimeError" not in json.dumps(body)


async def test_a_failure_outside_of_graphql_shows_nothing_either(
    http: httpx.AsyncClient, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("postgresql://dunlin:hunter2@db/dunlin")

    monkeypatch.setattr("dunlin.api.authentication.tokens_of", broken)

    answer = await http.post("/graphql", json={"query": VIEWER}, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 500
    assert error_codes(answer.json()) == ["INTERNAL"]
    assert answer.json()["errors"][0]["extensions"]["requestId"] == answer.headers["x-request-id"]
    assert "hunter2" not in answer.text
