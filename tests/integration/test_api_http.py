"""GraphQL over HTTP, edition of September 2026: media types, status codes, and requests by URL."""

import json
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio

from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.client import JSON, error_codes

OLD, NEW = "application/json", "application/graphql-response+json"
VIEWER = "{ viewer { name } }"

# What is asked, the code of the error, the status for who takes the newer media type, and for who takes the older only.
SITUATIONS = {
    "done": ({"query": VIEWER}, [], 200, 200),
    "done-in-part": ({"query": '{ viewer { name } organization(id: "x") { id } }'}, ["BAD_USER_INPUT"], 200, 200),
    "no-syntax": ({"query": "{ viewer {"}, ["GRAPHQL_PARSE_FAILED"], 400, 200),
    "not-in-the-schema": ({"query": "{ weather }"}, ["GRAPHQL_VALIDATION_FAILED"], 422, 200),
    "no-such-operation": ({"query": f"query A {VIEWER}", "operationName": "B"}, ["BAD_USER_INPUT"], 422, 200),
    "which-operation": ({"query": f"query A {VIEWER} query B {VIEWER}"}, ["BAD_USER_INPUT"], 422, 200),
    "variable-missing": ({"query": "query($id: ID!) { node(id: $id) { id } }"}, ["BAD_USER_INPUT"], 422, 200),
    "unknown-document": ({"documentId": "sha256:00"}, ["PERSISTED_QUERY_NOT_FOUND"], 404, 200),
    "no-query": ({}, ["BAD_USER_INPUT"], 422, 422),
    "no-object": ([], ["BAD_USER_INPUT"], 422, 422),
}


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    return await a_token(services, await an_account())


async def _post(http: httpx.AsyncClient, token: str, body: object, accept: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": OLD, "Accept": accept}
    return await http.post("/graphql", content=json.dumps(body), headers=headers)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("accept", [OLD, NEW])
async def test_every_situation_has_its_status_and_its_code(
    http: httpx.AsyncClient, token: str, situation: str, accept: str
) -> None:
    body, codes, status_of_new, status_of_old = SITUATIONS[situation]

    answer = await _post(http, token, body, accept)

    assert answer.status_code == (status_of_new if accept == NEW else status_of_old)
    assert answer.headers["content-type"] == f"{accept}; charset=utf-8"
    assert error_codes(answer.json()) == codes


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_there_is_data_only_where_something_was_executed(
    http: httpx.AsyncClient, token: str, situation: str
) -> None:
    body, *_ = SITUATIONS[situation]

    answer = await _post(http, token, body, NEW)

    assert ("data" in answer.json()) == situation.startswith("done")


async def test_a_root_field_that_fails_leaves_null_as_data(http: httpx.AsyncClient, services: Services) -> None:
    token = await a_token(services, await an_account(), permissions=frozenset())

    answer = await _post(http, token, {"query": "{ organizations { nodes { id } } }"}, NEW)

    assert answer.status_code == 200
    assert answer.json()["data"] is None
    assert error_codes(answer.json()) == ["FORBIDDEN"]


async def test_a_client_that_takes_no_json_is_refused(http: httpx.AsyncClient, token: str) -> None:
    answer = await _post(http, token, {"query": VIEWER}, "text/html, image/*")

    assert answer.status_code == 406
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]
    assert NEW in answer.json()["errors"][0]["message"]


async def test_nobody_on_the_way_keeps_an_answer(http: httpx.AsyncClient, token: str) -> None:
    answer = await _post(http, token, {"query": VIEWER}, NEW)

    assert answer.headers["cache-control"] == "no-store"
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        pytest.param({"query": VIEWER}, 200, id="query"),
        pytest.param({"query": VIEWER, "operationName": "", "variables": "", "extensions": ""}, 200, id="empty"),
        pytest.param({"query": f"query A {VIEWER} query B {VIEWER}", "operationName": "B"}, 200, id="operation"),
        pytest.param({"query": "query($n: Int) { organizations(first: $n) { nodes { id } } }",
                      "variables": '{"n": 1}'}, 200, id="variables"),
        pytest.param({"query": VIEWER, "variables": "{"}, 422, id="variables-no-json"),
        pytest.param({"query": VIEWER, "variables": "[1]"}, 422, id="variables-a-list"),
        pytest.param({"query": VIEWER, "extensions": '"x"'}, 422, id="extensions-a-text"),
        pytest.param([("query", VIEWER), ("query", "{ __typename }")], 422, id="twice"),
        pytest.param({}, 422, id="nothing"),
        pytest.param({"query": VIEWER + " " * 17_000}, 414, id="too-long"),
        pytest.param({"query": "mutation { createOrganization }"}, 405, id="mutation"),
    ],
)  # fmt: skip
async def test_a_query_may_come_by_url(
    http: httpx.AsyncClient, token: str, parameters: JSON | list[tuple[str, str]], status: int
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Accept": NEW}

    answer = await http.get(f"/graphql?{urlencode(parameters)}", headers=headers)

    assert answer.status_code == status
    assert error_codes(answer.json()) == ([] if status == 200 else ["BAD_USER_INPUT"])


async def test_bytes_in_a_url_that_are_no_text_are_no_failure_of_ours(http: httpx.AsyncClient, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Accept": NEW}

    answer = await http.get("/graphql?query=%ff%fe{viewer}", headers=headers)

    assert answer.status_code == 400


async def test_every_answer_and_each_of_its_errors_carry_the_id_of_the_request(
    http: httpx.AsyncClient, token: str
) -> None:
    given = {"Authorization": f"Bearer {token}", "Accept": NEW, "X-Request-Id": "shop-42:7"}
    for body in (VIEWER, '{ node(id: "x") { id } organization(id: "x") { id } }', "{", "{ weather }"):
        answer = await http.post("/graphql", json={"query": body}, headers=given)

        assert answer.headers["x-request-id"] == "shop-42:7"
        assert {error["extensions"]["requestId"] for error in answer.json().get("errors", [])} <= {"shop-42:7"}


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>"])
async def test_an_id_that_cannot_be_one_is_replaced(http: httpx.AsyncClient, given: str) -> None:
    answer = await http.post("/graphql", json={"query": VIEWER}, headers={"X-Request-Id": given})

    assert answer.status_code == 401
    assert answer.headers["x-request-id"] not in ("", given)
    assert answer.json()["errors"][0]["extensions"]["requestId"] == answer.headers["x-request-id"]


async def test_a_page_that_there_is_not_is_told_like_everything_else(http: httpx.AsyncClient) -> None:
    answer = await http.get("/nowhere")

    assert answer.status_code == 404
    assert error_codes(answer.json()) == ["NOT_FOUND"]
