"""Requests that cannot be carried out: each is answered with a named code, and none with our innards."""

import json

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLError, GraphQLScalarType

from dunlin.api.ids import encode_id
from dunlin.api.schema import schema
from dunlin.domain.viewer import Viewer
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.client import JSON, error_codes, graphql

VIEWER = "{ viewer { name } }"
OPEN = "mutation ($input: OpenCollectionCasesInput!) { openCollectionCases(input: $input) { userErrors { code } } }"
OPEN_ONE = """mutation {
  openCollectionCases(input: {organizationId: "x", cycleId: "x", cases: [{externalReference: "1", dueOn: %(date)s,
    customer: {externalReference: "1", name: "Ada", language: %(language)s},
    amountDue: {amount: %(amount)s, currency: %(currency)s}}]}) { userErrors { code } }
}"""
CONNECT = "mutation ($input: ConnectIntegrationInput!) { connectIntegration(input: $input) { userErrors { code } } }"


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    return await a_token(services, await an_account())


def nested(depth: int) -> str:
    return "{ viewer " + "{ a " * depth + "}" * depth + "}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut-off"),
        pytest.param(b"query { viewer { name } }", id="not-json"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="empty-list"),
        pytest.param(json.dumps([{"query": VIEWER}]).encode(), id="batch"),
        pytest.param(b"3", id="number"),
        pytest.param(b'"x"', id="text"),
        pytest.param(b"true", id="boolean"),
        pytest.param(b"{}", id="no-query"),
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
        pytest.param(b'{"query": "{ viewer { name } }", "variables": {"a": NaN}}', id="nan"),
        pytest.param(b'{"query": "\xff\xfe"}', id="invalid-utf-8"),
        pytest.param(b'{"query": "\\ud800"}', id="lone-surrogate"),
        pytest.param(b'{"variables": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="json-too-deep"),
    ],
)
async def test_a_body_that_is_no_graphql_request_is_refused(http: httpx.AsyncClient, token: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    answer = await http.post("/graphql", content=body, headers=headers)

    assert answer.status_code == 400
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]
    assert "data" not in answer.json()


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql", ""],
)
async def test_a_body_of_another_content_type_is_refused(
    http: httpx.AsyncClient, token: str, content_type: str
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}

    answer = await http.post("/graphql", content=json.dumps({"query": VIEWER}), headers=headers)

    assert answer.status_code == 400
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


async def test_a_body_of_more_than_two_megabytes_is_refused(http: httpx.AsyncClient, token: str) -> None:
    body = {"query": VIEWER, "variables": {"filler": "x" * (2 * 1024 * 1024)}}

    answer = await http.post("/graphql", json=body, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 413
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_than_get_and_post_are_refused(http: httpx.AsyncClient, token: str, method: str) -> None:
    answer = await http.request(method, "/graphql", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 405
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("kind", ["mutation", "subscription"])
async def test_a_get_request_changes_and_watches_nothing(http: httpx.AsyncClient, token: str, kind: str) -> None:
    documents = {
        "mutation": 'mutation { editStep(input: {stepId: "x"}) { userErrors { code } } }',
        "subscription": 'subscription { deliveryStatus(organizationId: "x") { status } }',
    }

    answer = await http.get(
        "/graphql", params={"query": documents[kind]}, headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 400
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("{", "GRAPHQL_PARSE_FAILED", id="cut-off"),
        pytest.param("viewer", "GRAPHQL_PARSE_FAILED", id="no-document"),
        pytest.param("{ viewer { name } } }", "GRAPHQL_PARSE_FAILED", id="one-brace-too-many"),
        pytest.param('{ node(id: "\\uD800") { id } }', "GRAPHQL_PARSE_FAILED", id="lone-surrogate"),
        pytest.param("{ nothing }", "GRAPHQL_VALIDATION_FAILED", id="unknown-field"),
        pytest.param("{ viewer }", "GRAPHQL_VALIDATION_FAILED", id="no-selection"),
        pytest.param("{ viewer { name { a } } }", "GRAPHQL_VALIDATION_FAILED", id="selection-of-a-leaf"),
        pytest.param("{ node { id } }", "GRAPHQL_VALIDATION_FAILED", id="missing-argument"),
        pytest.param('{ viewer(x: "1") { name } }', "GRAPHQL_VALIDATION_FAILED", id="unknown-argument"),
        pytest.param('{ organizations(first: "1") { nodes { id } } }', "GRAPHQL_VALIDATION_FAILED", id="text-as-int"),
        pytest.param("query ($x: Nothing) { viewer { name } }", "GRAPHQL_VALIDATION_FAILED", id="unknown-type"),
        pytest.param("{ viewer { ...Missing } }", "GRAPHQL_VALIDATION_FAILED", id="unknown-fragment"),
        pytest.param(
            "{ viewer { ...A } } fragment A on Viewer { ...A }", "GRAPHQL_VALIDATION_FAILED", id="fragment-cycle"
        ),
        pytest.param(nested(50), "GRAPHQL_VALIDATION_FAILED", id="deep"),
    ],
)
async def test_a_document_that_does_not_fit_the_schema_has_the_code_of_its_fault(
    http: httpx.AsyncClient, token: str, document: str, code: str
) -> None:
    body = await graphql(http, token, document)

    assert set(error_codes(body)) == {code}
    assert body.get("data") is None


@pytest.mark.parametrize("depth", [1_000, 100_000])
async def test_a_document_nested_too_deep_is_refused(http: httpx.AsyncClient, token: str, depth: int) -> None:
    body = await graphql(http, token, nested(depth))

    assert error_codes(body)
    assert "INTERNAL" not in error_codes(body)
    assert body.get("data") is None


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        pytest.param("Int", "1", id="text-as-int"),
        pytest.param("Int", 1.5, id="fraction-as-int"),
        pytest.param("Int", 2**31, id="int-too-large"),
        pytest.param("Int", 1e300, id="int-far-too-large"),
        pytest.param("Int", True, id="boolean-as-int"),
        pytest.param("Int", [], id="list-as-int"),
        pytest.param("Int!", None, id="null-as-required-int"),
    ],
)
async def test_a_variable_of_the_wrong_type_is_bad_user_input(
    http: httpx.AsyncClient, token: str, type_name: str, value: object
) -> None:
    document = "query ($first: %s) { organizations(first: $first) { nodes { id } } }" % type_name

    body = await graphql(http, token, document, first=value)

    assert error_codes(body) == ["BAD_USER_INPUT"]


async def test_a_variable_that_is_missing_is_bad_user_input(http: httpx.AsyncClient, token: str) -> None:
    body = await graphql(http, token, "query ($id: ID!) { node(id: $id) { id } }")

    assert error_codes(body) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("name", ["Other", "", "\0"])
async def test_an_operation_that_the_document_does_not_have_is_refused(
    http: httpx.AsyncClient, token: str, name: str
) -> None:
    body = {"query": "query One { viewer { name } } query Two { viewer { id } }", "operationName": name}

    answer = await http.post("/graphql", json=body, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 400
    assert error_codes(answer.json()) == ["BAD_USER_INPUT"]


BAD_SCALARS = [
    pytest.param("date", "2026-02-30", id="date-that-does-not-exist"),
    pytest.param("date", "2026-2-3", id="date-without-zeros"),
    pytest.param("date", "2026-01-15T00:00:00Z", id="date-with-a-time"),
    pytest.param("date", "20260115", id="date-without-dashes"),
    pytest.param("date", "", id="date-empty"),
    pytest.param("date", 20260115, id="date-as-number"),
    pytest.param("amount", 12.5, id="decimal-as-float"),
    pytest.param("amount", 12, id="decimal-as-int"),
    pytest.param("amount", "12,50", id="decimal-with-comma"),
    pytest.param("amount", "1e5", id="decimal-with-exponent"),
    pytest.param("amount", "NaN", id="decimal-nan"),
    pytest.param("amount", "Infinity", id="decimal-infinite"),
    pytest.param("amount", " 1", id="decimal-with-blank"),
    pytest.param("amount", "1\n", id="decimal-with-line-feed"),
    pytest.param("amount", "٣", id="decimal-in-other-digits"),
    pytest.param("amount", "1" * 100, id="decimal-too-long"),
    pytest.param("currency", "eur", id="currency-in-small-letters"),
    pytest.param("currency", "EURO", id="currency-too-long"),
    pytest.param("currency", "QQQ", id="currency-that-does-not-exist"),
    pytest.param("currency", "E\0R", id="currency-with-nul"),
    pytest.param("language", "dutch", id="language-as-word"),
    pytest.param("language", "NL", id="language-in-capitals"),
    pytest.param("language", "nl_BE", id="language-with-underscore"),
    pytest.param("language", "nl\n", id="language-with-line-feed"),
    pytest.param("language", "n\0", id="language-with-nul"),
]
GOOD_SCALARS = {"date": "2026-01-15", "amount": "12.50", "currency": "EUR", "language": "nl"}


@pytest.mark.parametrize(("scalar", "value"), BAD_SCALARS)
async def test_a_bad_scalar_in_a_variable_is_bad_user_input(
    http: httpx.AsyncClient, token: str, scalar: str, value: object
) -> None:
    given = GOOD_SCALARS | {scalar: value}
    case = {
        "externalReference": "1",
        "customer": {"externalReference": "1", "name": "Ada", "language": given["language"]},
        "amountDue": {"amount": given["amount"], "currency": given["currency"]},
        "dueOn": given["date"],
    }

    body = await graphql(http, token, OPEN, input={"organizationId": "x", "cycleId": "x", "cases": [case]})

    assert error_codes(body) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(("scalar", "value"), BAD_SCALARS)
async def test_a_bad_scalar_in_a_document_is_bad_user_input(
    http: httpx.AsyncClient, token: str, scalar: str, value: object
) -> None:
    given = {name: json.dumps(good) for name, good in (GOOD_SCALARS | {scalar: value}).items()}

    body = await graphql(http, token, OPEN_ONE % given)

    assert error_codes(body) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("number", ["0470123456", "+32 470 12 34 56", "32470123456", "+0470123456", "+1", "", "+3\0", 5])
async def test_a_bad_phone_number_is_bad_user_input(http: httpx.AsyncClient, token: str, number: object) -> None:
    twilio = {"accountSid": "AC", "authToken": "x", "sender": {"phoneNumber": number}}

    body = await graphql(http, token, CONNECT, input={"organizationId": "x", "kind": "SMS", "twilio": twilio})

    assert error_codes(body) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    "sender",
    [
        pytest.param({}, id="none"),
        pytest.param({"phoneNumber": "+447700900123", "alphanumeric": "Dunlin"}, id="two"),
        pytest.param({"phoneNumber": None}, id="null"),
    ],
)
async def test_a_sender_is_exactly_one_of_its_kinds(http: httpx.AsyncClient, token: str, sender: JSON) -> None:
    twilio = {"accountSid": "AC", "authToken": "x", "sender": sender}

    body = await graphql(http, token, CONNECT, input={"organizationId": "x", "kind": "SMS", "twilio": twilio})

    assert error_codes(body) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("DateTime", "2026-11-22T08:30:00"),
        ("DateTime", "2026-11-22"),
        ("DateTime", "2026-13-22T08:30:00Z"),
        ("DateTime", "now"),
        ("DateTime", 1764000000),
        ("CountryCode", "be"),
        ("CountryCode", "BEL"),
        ("CountryCode", "B\0"),
        ("TimeZone", "Europe/Nowhere"),
        ("TimeZone", "europe/brussels"),
        ("TimeZone", "../../etc/passwd"),
        ("TimeZone", None),
    ],
)
def test_a_scalar_that_no_input_has_yet_refuses_bad_values_too(scalar: str, value: object) -> None:
    kind = schema._schema.type_map[scalar]
    assert isinstance(kind, GraphQLScalarType)

    with pytest.raises(GraphQLError) as refused:
        kind.parse_value(value)

    assert refused.value.extensions == {"code": "BAD_USER_INPUT"}


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

    monkeypatch.setattr("dunlin.api.endpoint.viewer_of_header", broken)

    answer = await http.post("/graphql", json={"query": VIEWER}, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 500
    assert error_codes(answer.json()) == ["INTERNAL"]
    assert "hunter2" not in answer.text
    assert encode_id("Viewer", 1) not in answer.text
