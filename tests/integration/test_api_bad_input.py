"""Documents and values that do not fit the schema: refused with a code of their own, before anything is done."""

import json

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLError, GraphQLScalarType

from dunlin.api.schema import schema
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.client import JSON, error_codes, graphql

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
        pytest.param("query ($x: Nothing) { node(id: $x) { id } }", "GRAPHQL_VALIDATION_FAILED", id="unknown-type"),
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
    document = f"query ($first: {type_name}) {{ organizations(first: $first) {{ nodes {{ id }} }} }}"

    body = await graphql(http, token, document, first=value)

    assert error_codes(body) == ["BAD_USER_INPUT"]


async def test_a_variable_that_is_missing_is_bad_user_input(http: httpx.AsyncClient, token: str) -> None:
    body = await graphql(http, token, "query ($id: ID!) { node(id: $id) { id } }")

    assert error_codes(body) == ["BAD_USER_INPUT"]


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
async def test_a_bad_scalar_is_bad_user_input_in_a_variable_and_in_a_document(
    http: httpx.AsyncClient, token: str, scalar: str, value: object
) -> None:
    given = GOOD_SCALARS | {scalar: value}
    case = {
        "externalReference": "1",
        "customer": {"externalReference": "1", "name": "Ada", "language": given["language"]},
        "amountDue": {"amount": given["amount"], "currency": given["currency"]},
        "dueOn": given["date"],
    }

    in_variable = await graphql(http, token, OPEN, input={"organizationId": "x", "cycleId": "x", "cases": [case]})
    in_document = await graphql(http, token, OPEN_ONE % {name: json.dumps(one) for name, one in given.items()})

    assert error_codes(in_variable) == error_codes(in_document) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    "number", ["0470123456", "+32 470 12 34 56", "32470123456", "+0470123456", "+1", "", "+3\0", 5]
)
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
