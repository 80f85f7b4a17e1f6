"""The WebSocket protocol graphql-transport-ws: who is let in, and what closes a socket."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
import websockets

from dunlin.api.ids import encode_id
from dunlin.domain.tables import Account
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account, an_organization
from tests.client import JSON, Socket, acknowledged, connected
from tests.serving import a_listener, address_of, served

VIEWER = "{ viewer { name } }"


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    return await a_token(services, await an_account())


@pytest_asyncio.fixture
async def socket(api_address: str, token: str) -> AsyncIterator[Socket]:
    async with acknowledged(api_address, token) as socket:
        yield socket


async def name_of_viewer(socket: Socket, operation: str = "1") -> str:
    await socket.subscribe(VIEWER, operation=operation)
    payload = await socket.event(operation)
    assert await socket.receive() == {"id": operation, "type": "complete"}
    name: str = payload["data"]["viewer"]["name"]
    return name


async def test_queries_are_answered_over_a_websocket_too(socket: Socket) -> None:
    assert await name_of_viewer(socket) == "Tester"


@pytest.mark.parametrize("key", ["Authorization", "authToken"])
async def test_a_token_is_given_in_the_first_message(api_address: str, token: str, key: str) -> None:
    async with connected(api_address) as socket:
        await socket.send(
            {"type": "connection_init", "payload": {key: token if key == "authToken" else f"Bearer {token}"}}
        )

        assert await socket.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize("protocol", ["graphql-ws", "chat"])
async def test_another_subprotocol_is_refused(api_address: str, services: Services, protocol: str) -> None:
    async with connected(api_address, protocol=protocol) as socket:
        assert await socket.close_code() == 4406


async def test_a_websocket_without_a_subprotocol_is_refused(api_address: str, services: Services) -> None:
    async with websockets.connect(api_address.replace("http", "ws") + "/graphql") as connection:
        assert await Socket(connection).close_code() == 4406


async def status_of_handshake(address: str, headers: dict[str, str]) -> int:
    url = address.replace("http", "ws") + "/graphql"
    protocols = [websockets.Subprotocol("graphql-transport-ws")]
    try:
        async with websockets.connect(url, subprotocols=protocols, additional_headers=headers):
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 101, id="no-browser"),
        pytest.param({"Origin": "http://$host"}, 101, id="same-origin"),
        pytest.param({"Origin": "https://elsewhere.example"}, 403, id="foreign"),
        pytest.param({"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "same-origin"}, 101, id="says-browser"),
        pytest.param({"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}, 403, id="says-cross"),
        pytest.param({"Origin": "null"}, 403, id="sandboxed-page"),
        pytest.param({"Origin": "https://app.example.com"}, 101, id="allowed"),
        pytest.param({"Origin": "https://APP.example.com:443"}, 101, id="allowed-written-otherwise"),
        pytest.param({"Origin": "http://app.example.com"}, 403, id="allowed-without-tls"),
        pytest.param({"Origin": "https://app.example.com.evil.example"}, 403, id="longer-name"),
        pytest.param({"Origin": "https://app.example.com:8443"}, 403, id="other-port"),
        pytest.param({"Origin": "https://dunlin.example.com"}, 101, id="public-address-behind-a-proxy"),
        pytest.param({"Origin": "https://["}, 403, id="no-origin-at-all"),
        pytest.param({"Origin": "\u00ff\ufffd".encode().decode("latin-1")}, 403, id="garbage"),
    ],
)
async def test_only_pages_of_known_origins_open_a_websocket(
    services: Services, headers: dict[str, str], status: int
) -> None:
    changed = {"allowed_origins": ("https://app.example.com",), "public_url": "https://dunlin.example.com/api"}
    known = replace(services, settings=services.settings.model_copy(update=changed))
    with a_listener() as listener:
        async with served(known, listener):
            address = address_of(listener)
            given = {name: value.replace("$host", address.removeprefix("http://")) for name, value in headers.items()}

            assert await status_of_handshake(address, given) == status


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("is_nested", [False, True], ids=["by itself", "in headers"])
async def test_a_token_comes_under_whatever_case_of_its_name(
    api_address: str, services: Services, name: str, is_nested: bool
) -> None:
    header: JSON = {name: f"Bearer {await a_token(services, await an_account())}"}
    async with connected(api_address) as socket:
        await socket.send({"type": "connection_init", "payload": {"headers": header} if is_nested else header})

        assert await socket.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize("payload", [None, {}, {"Authorization": "Basic eDp4"}, {"headers": {"Authorization": 3}}])
async def test_who_brings_no_token_in_connection_init_is_told_how(
    api_address: str, services: Services, payload: JSON | None
) -> None:
    async with connected(api_address) as socket:
        await socket.send({"type": "connection_init"} | ({} if payload is None else {"payload": payload}))

        assert await socket.close_code() == 4403
        assert socket.close_reason == (
            'Send a token as the payload of connection_init: {"Authorization": "Bearer <token>"}.'
        )


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(None, id="no-payload"),
        pytest.param({}, id="no-token"),
        pytest.param({"Authorization": "Bearer dunlin_unknown"}, id="unknown-token"),
        pytest.param({"authToken": "dunlin_unknown"}, id="unknown-bare-token"),
        pytest.param({"Authorization": "Basic eDp4"}, id="other-scheme"),
        pytest.param({"Authorization": 3}, id="number"),
        pytest.param({"Authorization": ["Bearer x"]}, id="list"),
        pytest.param({"authToken": "dunlin_" + "x" * 100_000}, id="endless-token"),
        pytest.param({"authToken": "dunlin_\0"}, id="nul"),
    ],
)
async def test_a_websocket_without_a_token_in_force_is_closed(
    api_address: str, services: Services, payload: JSON | None
) -> None:
    async with connected(api_address) as socket:
        message: JSON = {"type": "connection_init"}
        await socket.send(message if payload is None else message | {"payload": payload})

        assert await socket.close_code() == 4403


async def test_nobody_subscribes_before_having_been_let_in(api_address: str, services: Services) -> None:
    async with connected(api_address) as socket:
        await socket.subscribe(VIEWER)

        assert await socket.close_code() == 4401


def subscribing(**changed: object) -> JSON:
    return {"id": "1", "type": "subscribe", "payload": {"query": VIEWER}} | changed


MALFORMED = [
    pytest.param("", id="empty"),
    pytest.param("hello", id="not-json"),
    pytest.param('{"type":', id="cut-off"),
    pytest.param("null", id="null"),
    pytest.param("[]", id="list"),
    pytest.param("3", id="number"),
    pytest.param('"ping"', id="text"),
    pytest.param("[" * 100_000, id="deep"),
    pytest.param("{}", id="no-type"),
    pytest.param('{"type": null}', id="type-null"),
    pytest.param('{"type": 3}', id="type-number"),
    pytest.param('{"type": {}}', id="type-object"),
    pytest.param('{"type": "unheard-of"}', id="unknown-type"),
    pytest.param('{"type": "start", "id": "1", "payload": {"query": "{ viewer { name } }"}}', id="old-protocol"),
    pytest.param('{"type": "complete"}', id="complete-without-id"),
    pytest.param('{"type": "complete", "id": 1}', id="complete-with-a-number"),
    pytest.param(json.dumps(subscribing(id=None)), id="id-null"),
    pytest.param(json.dumps(subscribing(id=1)), id="id-number"),
    pytest.param(json.dumps(subscribing(id="")), id="id-empty"),
    pytest.param(json.dumps(subscribing(id=["1"])), id="id-list"),
    pytest.param(json.dumps(subscribing(id="1" * 129)), id="id-too-long"),
    pytest.param('{"type": "subscribe", "id": "1"}', id="no-payload"),
    pytest.param(json.dumps(subscribing(payload=None)), id="payload-null"),
    pytest.param(json.dumps(subscribing(payload="x")), id="payload-text"),
    pytest.param(json.dumps(subscribing(payload={})), id="no-query"),
    pytest.param(json.dumps(subscribing(payload={"query": 3})), id="query-number"),
    pytest.param(json.dumps(subscribing(payload={"query": VIEWER, "variables": []})), id="variables-list"),
    pytest.param(json.dumps(subscribing(payload={"query": VIEWER, "variables": "x"})), id="variables-text"),
    pytest.param(json.dumps(subscribing(payload={"query": VIEWER, "operationName": 3})), id="operation-name-number"),
    pytest.param(b"\x00\xff", id="binary"),
    pytest.param(json.dumps(subscribing()).encode(), id="json-in-binary"),
]


@pytest.mark.parametrize("frame", MALFORMED)
async def test_a_frame_that_is_no_message_closes_its_socket_and_no_other(
    api_address: str, token: str, socket: Socket, frame: str | bytes
) -> None:
    async with acknowledged(api_address, token) as careless:
        await careless.send_raw(frame)

        assert await careless.close_code() == 4400
    assert await name_of_viewer(socket) == "Tester"


@pytest.mark.parametrize("payload", [3, "x", [], None])
async def test_a_first_message_that_cannot_be_read_closes_the_socket(
    api_address: str, services: Services, payload: object
) -> None:
    async with connected(api_address) as socket:
        await socket.send({"type": "connection_init", "payload": payload})

        assert await socket.close_code() == 4400


async def test_a_second_first_message_closes_the_socket(socket: Socket) -> None:
    await socket.send({"type": "connection_init", "payload": {}})

    assert await socket.close_code() == 4429


async def test_an_id_that_is_in_use_closes_the_socket(socket: Socket) -> None:
    organization = await an_organization(await Account.get())
    watch = "subscription ($id: ID!) { deliveryStatus(organizationId: $id) { status } }"
    await socket.subscribe(watch, id=encode_id("Organization", organization.id))

    await socket.subscribe(VIEWER)

    assert await socket.close_code() == 4409


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("{", "GRAPHQL_PARSE_FAILED", id="syntax-error"),
        pytest.param("", "BAD_USER_INPUT", id="empty-document"),
        pytest.param("{ nothing }", "GRAPHQL_VALIDATION_FAILED", id="unknown-field"),
        pytest.param("subscription { deliveryStatus { status } }", "GRAPHQL_VALIDATION_FAILED", id="no-organization"),
        pytest.param("fragment A on Viewer { name }", "BAD_USER_INPUT", id="no-operation"),
    ],
)
async def test_a_bad_document_ends_its_operation_and_not_the_socket(socket: Socket, document: str, code: str) -> None:
    await socket.subscribe(document)

    message = await socket.receive()

    assert (message["type"], message["id"]) == ("error", "1")
    assert {error["extensions"]["code"] for error in message["payload"]} == {code}
    assert await name_of_viewer(socket) == "Tester"


async def test_variables_that_do_not_fit_end_their_operation_with_an_error(socket: Socket) -> None:
    await socket.subscribe("query ($id: ID!) { node(id: $id) { id } }")

    message = await socket.receive()

    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "BAD_USER_INPUT")
