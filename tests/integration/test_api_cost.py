"""What operations cost their callers, how that is told, and what is refused for it."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import DocumentNode, get_introspection_query
from graphql.language.parser import Parser

from dunlin.api.ids import encode_id
from dunlin.api.limits.cost import MOST, MOST_OF_SUBSCRIPTION
from dunlin.api.schema import schema
from dunlin.api.strangers import AT_ONCE
from dunlin.api.types.reminder import event_cursor
from dunlin.runtime.allowance import Allowance
from dunlin.runtime.bell import open_redis
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token, an_account, an_organization, open_one
from tests.client import JSON, acknowledged, error_codes
from tests.delivery import plan
from tests.serving import a_listener, address_of, served
from tests.statements import statements

NEW = "application/graphql-response+json"
VIEWER = "{ viewer { name } }"
LEFT = "{ rateLimit { cost limit remaining resetAt } }"
PAGE = "query ($n: Int) { organizations(first: $n) { nodes { id } } }"
DEAR = "{ organizations(first: 100) { nodes { collectionCases(first: 100) { nodes { id } } } } }"
LIMIT = 1_000


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    return await a_token(services, await an_account())


async def post(http: httpx.AsyncClient, token: str, query: str, **variables: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Accept": NEW}
    return await http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)


@asynccontextmanager
async def an_api(services: Services, limit: int = LIMIT, **settings: object) -> AsyncIterator[httpx.AsyncClient]:
    """Another API process, with a limit and settings of its own."""
    allowance = Allowance(services.redis, limit)
    changed = replace(services, allowance=allowance, settings=services.settings.model_copy(update=settings))
    with a_listener() as listener:
        async with served(changed, listener), httpx.AsyncClient(base_url=address_of(listener), timeout=10) as http:
            yield http


def address(http: httpx.AsyncClient) -> str:
    return str(http.base_url).rstrip("/")


async def test_every_answer_tells_what_it_cost_and_what_is_left(services: Services, token: str) -> None:
    async with an_api(services) as http:
        first = (await post(http, token, PAGE, n=30)).json()["extensions"]["cost"]
        second = (await post(http, token, PAGE, n=30)).json()["extensions"]["cost"]

    assert (first["requested"], first["limit"]) == (35, LIMIT)
    assert LIMIT - 70 <= second["remaining"] <= first["remaining"] - 30
    reset_at = datetime.fromisoformat(second["resetAt"])
    assert timedelta(0) < reset_at - datetime.now(UTC) < timedelta(seconds=6)


async def test_what_is_left_can_be_asked_for_and_costs_a_point(services: Services, token: str) -> None:
    async with an_api(services) as http:
        await post(http, token, PAGE, n=100)
        body = (await post(http, token, LEFT)).json()

    told, beside = body["data"]["rateLimit"], body["extensions"]["cost"]
    assert (told["cost"], told["limit"]) == (1, LIMIT)
    assert (told["remaining"], beside["requested"]) == (beside["remaining"], 1)
    assert LIMIT - 115 < told["remaining"] < LIMIT - 90


async def test_over_a_socket_queries_tell_it_too(services: Services, token: str) -> None:
    async with an_api(services) as http, acknowledged(address(http), token) as socket:
        await socket.subscribe(PAGE, n=30)
        told = await socket.event()

    assert told["extensions"]["cost"]["requested"] == 35


async def test_an_operation_that_is_too_dear_is_refused_with_what_it_costs(services: Services, token: str) -> None:
    async with an_api(services, 0) as http:
        answer = await post(http, token, DEAR)
        async with acknowledged(address(http), token) as socket:
            await socket.subscribe(DEAR)
            over_socket = await socket.receive()
            await socket.subscribe(VIEWER, operation="2")
            assert "data" in await socket.event("2")

    for error in (answer.json()["errors"][0], over_socket["payload"][0]):
        assert error["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
        assert error["extensions"]["limit"] == MOST
        assert error["extensions"]["cost"] > MOST
    assert (answer.status_code, over_socket["type"]) == (422, "error")
    assert "data" not in answer.json()


WATCH = "subscription ($id: ID!, $after: String) { deliveryStatus(organizationId: $id, after: $after) { status } }"


async def test_watching_costs_at_its_beginning_and_events_cost_nothing(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    token = await a_token(services, organization)
    await open_one(services, cycle)
    await plan(services)
    given = {"id": encode_id("Organization", organization.id), "after": event_cursor(organization.id, 0)}
    async with an_api(services) as http, acknowledged(address(http), token) as socket:
        await socket.subscribe(WATCH, **given)
        event = await socket.event()
        await socket.subscribe(LEFT, operation="2")
        left = (await socket.event("2"))["data"]["rateLimit"]["remaining"]

    assert event == {"data": {"deliveryStatus": {"status": "SCHEDULED"}}}
    assert LIMIT - 13 <= left <= LIMIT - 10


DEAR_EVENTS = (
    "subscription ($id: ID!, $n: Int = 100) { deliveryStatus(organizationId: $id) { ...F } }"
    " fragment F on DeliveryStatusEvent {"
    " reminder { case { organization { collectionCases(first: $n) { nodes { id } } } } } }"
)


async def test_a_subscription_whose_events_are_dear_is_refused(services: Services, token: str) -> None:
    async with an_api(services, 0) as http, acknowledged(address(http), token) as socket:
        await socket.subscribe(DEAR_EVENTS, id=encode_id("Organization", 1))
        over_socket = await socket.receive()
        as_events = await streamed(http, token, DEAR_EVENTS, id=encode_id("Organization", 1))

    assert over_socket["type"] == "error"
    for error in (over_socket["payload"][0], as_events["errors"][0]):
        assert error["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
        assert error["extensions"]["cost"] > 100
        assert error["extensions"]["limit"] == MOST_OF_SUBSCRIPTION
        assert "anew with every event" in error["message"]


async def streamed(http: httpx.AsyncClient, token: str, query: str, **variables: object) -> JSON:
    """Return the first result that comes as an event."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    answer = await http.post("/graphql/stream", json={"query": query, "variables": variables}, headers=headers)
    result: JSON = json.loads(answer.text.partition("data: ")[2].partition("\n")[0])
    return result


async def test_it_is_the_same_over_server_sent_events(services: Services, token: str) -> None:
    async with an_api(services) as http:
        told = await streamed(http, token, PAGE, n=30)
        too_dear = await streamed(http, token, DEAR)
        codes = [error_codes(await streamed(http, token, PAGE, n=100)) for _ in range(10)]

    assert told["extensions"]["cost"]["requested"] == 35
    assert error_codes(too_dear) == ["COST_LIMIT_EXCEEDED"]
    assert (codes[0], codes[-1]) == ([], ["RATE_LIMITED"])


async def test_the_cost_is_that_of_the_variables(services: Services, token: str) -> None:
    pages = "query ($n: Int) { organizations(first: $n) { nodes { collectionCases(first: $n) { nodes { id } } } } }"
    async with an_api(services, 0) as http:
        codes = [error_codes((await post(http, token, pages, n=n)).json()) for n in (10, 100, 10)]

    assert codes == [[], ["COST_LIMIT_EXCEEDED"], []]


async def test_who_has_nothing_left_is_told_when_to_ask_again(services: Services, token: str) -> None:
    async with an_api(services) as http:
        for _ in range(8):
            assert "data" in (await post(http, token, PAGE, n=100)).json()
        refused = await post(http, token, PAGE, n=100)
        async with acknowledged(address(http), token) as socket:
            await socket.subscribe(PAGE, n=100)
            over_socket = await socket.receive()

    [error] = refused.json()["errors"]
    assert (refused.status_code, error["extensions"]["code"]) == (429, "RATE_LIMITED")
    assert refused.headers["Retry-After"] == str(error["extensions"]["retryAfter"])
    assert 1 <= error["extensions"]["retryAfter"] <= 60
    assert (over_socket["type"], over_socket["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")


async def test_each_token_has_its_own(services: Services, token: str) -> None:
    other = await a_token(services, await an_account())
    async with an_api(services, 100) as http:
        codes = [error_codes((await post(http, one, PAGE, n=80)).json()) for one in (token, token, other)]

    assert codes == [[], ["RATE_LIMITED"], []]


async def test_a_token_has_as_much_whichever_process_it_asks(services: Services, token: str) -> None:
    async with an_api(services, 100) as one, an_api(services, 100) as other:
        codes = [error_codes((await post(http, token, PAGE, n=80)).json()) for http in (one, other)]

    assert codes == [[], ["RATE_LIMITED"]]


async def test_without_redis_a_process_counts_alone(services: Services, token: str) -> None:
    away = replace(services, allowance=Allowance(open_redis("redis://127.0.0.1:1/0"), 100))
    with a_listener() as listener:
        async with served(away, listener), httpx.AsyncClient(base_url=address_of(listener)) as http:
            codes = [error_codes((await post(http, token, PAGE, n=80)).json()) for _ in range(2)]

    assert codes == [[], ["RATE_LIMITED"]]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("{ viewer { x" + "y" * 400 + " } }", "GRAPHQL_VALIDATION_FAILED", id="no such field"),
        pytest.param("{ viewer { name " + " " * 400, "GRAPHQL_PARSE_FAILED", id="no document"),
        pytest.param(DEAR + "#" + "y" * 400, "COST_LIMIT_EXCEEDED", id="too dear"),
    ],
)
async def test_what_cannot_be_run_is_paid_for_until_it_is_not_read_any_more(
    services: Services, token: str, document: str, code: str
) -> None:
    async with an_api(services, 100) as http:
        told = [error_codes((await post(http, token, f"#{place}\n{document}")).json())[0] for place in range(6)]
        read = schema.reader.misses
        await post(http, token, f"#7\n{document}")

    assert told[0] == code
    assert told[-1] == "RATE_LIMITED"
    assert schema.reader.misses == read


async def test_new_documents_of_who_has_nothing_left_are_not_parsed_over_any_transport(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[Parser] = []
    parse_document = Parser.parse_document

    def counting(parser: Parser) -> DocumentNode:
        parsed.append(parser)
        return parse_document(parser)

    monkeypatch.setattr(Parser, "parse_document", counting)
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    async with an_api(services, 100) as http, acknowledged(address(http), token) as socket:
        await socket.subscribe("# the first\n" + VIEWER)
        assert "data" in await socket.event()
        assert (await socket.receive())["type"] == "complete"
        read = len(parsed)
        for _ in range(2):
            await post(http, token, "{ nothing } #" + "x" * 1_000)
        drained = len(parsed), schema.reader.misses
        await socket.subscribe("# over a socket\n" + VIEWER, operation="2")
        over_socket = await socket.receive()
        streamed_codes = error_codes(await streamed(http, token, "# streamed\n" + VIEWER))
        await http.get("/graphql/stream", params={"query": "# by GET\n" + VIEWER}, headers=headers)
        await socket.subscribe("# " + "x" * 9_000 + "\n" + VIEWER, operation="3")
        long = await socket.receive()

    assert read == 1
    assert [one["payload"][0]["extensions"]["code"] for one in (over_socket, long)] == ["RATE_LIMITED"] * 2
    assert streamed_codes == ["RATE_LIMITED"]
    assert (len(parsed), schema.reader.misses) == drained


async def test_who_has_nothing_left_may_ask_how_much_is_left(services: Services, token: str) -> None:
    async with an_api(services, 100) as http:
        await post(http, token, LEFT)
        for place in range(9):
            await post(http, token, f"{{ nothing{place} }}" + "#" * 400)
        body = (await post(http, token, LEFT)).json()

    assert body["data"]["rateLimit"]["remaining"] == 0


async def test_a_document_is_read_once_for_all_who_send_it(services: Services, token: str) -> None:
    hits, misses = schema.reader.hits, schema.reader.misses
    document = PAGE + "# sent nowhere else"
    async with an_api(services) as http, acknowledged(address(http), token) as socket:
        for place in range(1, 21):
            assert "data" in (await post(http, token, document, n=place)).json()
            await socket.subscribe(document, operation=str(place), n=place)
            assert "data" in await socket.event(str(place))
            assert (await socket.receive())["type"] == "complete"
        told = (await http.get("/metrics")).text

    assert (schema.reader.hits - hits, schema.reader.misses - misses) == (39, 1)
    assert f'dunlin_documents_total{{outcome="hit"}} {schema.reader.hits:.1f}' in told
    assert f'dunlin_documents_total{{outcome="miss"}} {schema.reader.misses:.1f}' in told


async def test_introspection_can_be_switched_off(services: Services, token: str) -> None:
    asked = [
        get_introspection_query(),
        '{ __type(name: "Query") { name } }',
        "{ ...F } fragment F on Query { __schema { types { name } } }",
    ]
    async with an_api(services, 0) as on, an_api(services, 0, introspection=False) as off:
        answered = [error_codes((await post(on, token, query)).json()) for query in asked]
        refused = [error_codes((await post(off, token, query)).json()) for query in asked]
        names = (await post(off, token, "{ __typename viewer { __typename } }")).json()["data"]

    assert answered == [[]] * 3
    assert refused == [["GRAPHQL_VALIDATION_FAILED"]] * 3
    assert names == {"__typename": "Query", "viewer": {"__typename": "Viewer"}}


MISSPELT = [
    "{ viewr { name } }",
    "{ viewer { ... on Viewr { name } } }",
    "query ($id: IDD!) { organization(id: $id) { name } }",
    "{ organizations(frst: 1) { nodes { id } } }",
    '{ organization(id: "x") { collectionCases(filter: {states: [ACTIV]}) { nodes { id } } } }',
    '{ organization(id: "x") { collectionCases(filter: {stats: [ACTIVE]}) { nodes { id } } } }',
    "{ viewer { name @skp(if: true) } }",
    "{ ...Naem } fragment Name on Query { viewer { id } }",
]


FILTERED = (
    "query ($filter: CollectionCaseFilter) { organization(id: 1) { collectionCases(filter: $filter) { totalCount } } }"
)


async def test_suggestions_can_be_switched_off(services: Services, token: str) -> None:
    async with an_api(services, 0) as on, an_api(services, 0, suggestions=False) as off:
        with_names = [(await post(on, token, query)).text for query in MISSPELT]
        without = [(await post(off, token, query)).text for query in MISSPELT * 2]
        filters: list[JSON] = [{"states": ["ACTIV"]}, {"stats": []}]
        in_variables = [(await post(off, token, FILTERED, filter=one)).text for one in filters]

    assert sum("Did you mean" in text for text in with_names) >= 6
    assert not [text for text in without + in_variables if re.search("did you mean", text, re.IGNORECASE)]


async def test_graphiql_can_be_switched_off(services: Services) -> None:
    async with an_api(services, graphiql=False) as off:
        paths = ("/graphiql", "/graphiql/settings.json", "/graphiql/assets/init.js", "/")
        assert [(await off.get(path)).status_code for path in paths] == [404] * 4


async def test_a_million_cases_are_not_opened_in_one_operation(services: Services, token: str) -> None:
    organization = await an_organization()
    document = (
        "mutation ($cases: [OpenCaseInput!]!) { "
        + " ".join(
            f'a{i}: openCollectionCases(input: {{organizationId: "{encode_id("Organization", organization.id)}",'
            ' cycleId: "x", cases: $cases}) { userErrors { code } }'
            for i in range(6)
        )
        + " }"
    )
    case: JSON = {
        "externalReference": "A",
        "customer": {"externalReference": "C", "name": "N"},
        "amountDue": {"amount": "1.00", "currency": "EUR"},
        "dueOn": "2026-01-01",
    }
    async with an_api(services, 0) as http:
        body = (await post(http, token, document, cases=[case] * 1_000)).json()

    assert error_codes(body) == ["COST_LIMIT_EXCEEDED"]


FLAWED = {
    "a variable that nobody declares, of which there is to be one": (
        'mutation { connectIntegration(input: {organizationId: "x", kind: SMS, twilio: {accountSid: "x", authToken:'
        ' "x", sender: {phoneNumber: $number}}}) { userErrors { code } } }'
    ),
    "a number that has no end": "{ organizations(first: " + "9" * 9_000 + ") { nodes { id } } }",
    "a fraction that has no end": "{ organizations(first: 1." + "9" * 9_000 + ") { nodes { id } } }",
}


@pytest.mark.parametrize("document", FLAWED.values(), ids=FLAWED.keys())
async def test_what_libraries_stumble_over_is_refused_like_anything_else(
    http: httpx.AsyncClient, token: str, document: str
) -> None:
    assert set(error_codes((await post(http, token, document)).json())) == {"GRAPHQL_VALIDATION_FAILED"}


async def test_an_input_of_which_there_is_to_be_one_may_stand_in_a_fragment(
    http: httpx.AsyncClient, token: str
) -> None:
    document = (
        "fragment F on Mutation { connectIntegration(input: {organizationId: $id, kind: SMS, twilio: {accountSid:"
        ' "x", authToken: "x", sender: {phoneNumber: $number}}}) { userErrors { code } } }'
        " mutation ($id: ID!, $number: PhoneNumber!) { ...F }"
    )

    body = (await post(http, token, document, id=encode_id("Organization", 1), number="+447700900123")).json()

    assert [error["code"] for error in body["data"]["connectIntegration"]["userErrors"]] == ["NOT_FOUND"]


async def test_bad_tokens_from_one_address_are_not_looked_up_without_end(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.strangers.PER_SECOND", 0.1)
    async with an_api(services) as http:
        friend = (await post(http, token, VIEWER)).status_code
        refused = [await post(http, f"dunlin_{place}", VIEWER) for place in range(AT_ONCE + 5)]
        with statements(lambda statement: '"digest"' in statement) as asked:
            late = await post(http, "dunlin_late", VIEWER)
        friends = (await post(http, token, VIEWER)).status_code

    assert [answer.status_code for answer in refused[:AT_ONCE]] == [401] * AT_ONCE
    assert (late.status_code, error_codes(late.json()), asked) == (429, ["RATE_LIMITED"], [])
    [error] = late.json()["errors"]
    assert late.headers["Retry-After"] == str(error["extensions"]["retryAfter"])
    assert error["extensions"]["retryAfter"] >= 1
    assert (friend, friends) == (200, 200)


async def test_variables_without_end_are_refused_before_they_are_read(http: httpx.AsyncClient, token: str) -> None:
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    opening = (
        "mutation ($input: OpenCollectionCasesInput!) { openCollectionCases(input: $input) { userErrors { code } } }"
    )

    refused = [
        await post(http, token, document, ids=["x"] * 50_000),
        await post(http, token, opening, input={"cases": [{}] * 50_000}),
        await post(http, token, opening, input={f"x{place}": place for place in range(50_000)}),
    ]

    assert [error_codes(answer.json()) for answer in refused] == [["BAD_USER_INPUT"]] * 3


@pytest.mark.parametrize(
    "request_of",
    [
        pytest.param({"content": b"{"}, id="no JSON"),
        pytest.param({"json": {"documentId": "unknown"}}, id="an unknown document"),
        pytest.param({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, id="another type"),
        pytest.param({"json": {"query": "{ __typename }"}}, id="nothing"),
        pytest.param({"json": {"query": LEFT}}, id="how much is left"),
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/graphql/stream"])
async def test_every_request_of_a_token_takes_a_point_and_has_an_end(
    services: Services, token: str, path: str, request_of: dict[str, Any]
) -> None:
    accept = "text/event-stream" if path.endswith("stream") else NEW
    headers = {"Content-Type": "application/json", **request_of.get("headers", {})}
    sent: dict[str, Any] = {**request_of, "headers": {**headers, "Authorization": f"Bearer {token}", "Accept": accept}}
    async with an_api(services, 20) as http:
        first = await http.post(path, **sent)
        answers = [await http.post(path, **sent) for _ in range(60)]
        other = await post(http, await a_token(services, await an_account()), VIEWER)

    assert "RATE_LIMITED" not in first.text
    assert answers[-1].status_code == 429
    assert "RATE_LIMITED" in answers[-1].text
    assert int(answers[-1].headers["Retry-After"]) >= 1
    extensions = answers[-1].json()["errors"][0]["extensions"]
    assert extensions["retryAfter"] == int(answers[-1].headers["Retry-After"])
    assert "data" in other.json()
