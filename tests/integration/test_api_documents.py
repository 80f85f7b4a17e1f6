"""Documents by their id: an allow-list of our own frontends', and automatic persisted queries."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from dunlin.api.transport.documents import read_manifest
from dunlin.runtime.settings import BadSettings, Settings
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.client import JSON, acknowledged, error_codes
from tests.serving import a_listener, address_of, served

NEW = "application/graphql-response+json"
VIEWER = "{ viewer { name } }"
LIST = "query List($first: Int) { organizations(first: $first) { nodes { id } } }"


def an_unheard_of_document() -> str:
    """A document that no test has sent before: the API under test is the same for all of them."""
    return f"query Q{uuid4().hex} {{ viewer {{ name }} }}"


def digest(query: str) -> str:
    return sha256(query.encode()).hexdigest()


def registering(query: str) -> JSON:
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(query)}}


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    return await a_token(services, await an_account())


async def post(http: httpx.AsyncClient, token: str, accept: str = NEW, **body: object) -> httpx.Response:
    return await http.post("/graphql", json=body, headers={"Authorization": f"Bearer {token}", "Accept": accept})


@asynccontextmanager
async def an_api(services: Services, **changes: object) -> AsyncIterator[httpx.AsyncClient]:
    """Another API process over the same services, by other settings."""
    changed = replace(services, settings=services.settings.model_copy(update=changes))
    with a_listener() as listener:
        async with served(changed, listener), httpx.AsyncClient(base_url=address_of(listener), timeout=10) as http:
            yield http


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """An allow-list as relay-compiler writes it, with one document under an id of its own."""
    path = tmp_path / "documents.json"
    path.write_text(json.dumps({digest(VIEWER): VIEWER, "list-1": LIST}))
    return path


async def test_a_document_is_registered_by_sending_it_once_with_its_hash(http: httpx.AsyncClient, token: str) -> None:
    document = an_unheard_of_document()
    unknown = await post(http, token, extensions=registering(document))
    sent = await post(http, token, query=document, extensions=registering(document))
    by_hash = await post(http, token, extensions=registering(document))
    by_id = await post(http, token, documentId=f"sha256:{digest(document)}")

    assert (unknown.status_code, error_codes(unknown.json())) == (404, ["PERSISTED_QUERY_NOT_FOUND"])
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert sent.json()["data"] == by_hash.json()["data"] == by_id.json()["data"]


async def test_a_registered_document_may_be_asked_for_by_url(http: httpx.AsyncClient, token: str) -> None:
    await post(http, token, query=LIST, extensions=registering(LIST))

    answer = await http.get(
        "/graphql",
        params={"extensions": json.dumps(registering(LIST)), "variables": '{"first": 1}'},
        headers={"Authorization": f"Bearer {token}"},
    )

    assert answer.json()["data"] == {"organizations": {"nodes": []}}


async def test_who_takes_json_only_gets_200_to_ask_again(http: httpx.AsyncClient, token: str) -> None:
    answer = await post(http, token, "application/json", extensions=registering(an_unheard_of_document()))

    assert (answer.status_code, error_codes(answer.json())) == (200, ["PERSISTED_QUERY_NOT_FOUND"])


async def test_a_document_is_known_over_a_websocket_too(http: httpx.AsyncClient, api_address: str, token: str) -> None:
    await post(http, token, query=VIEWER, extensions=registering(VIEWER))

    async with acknowledged(api_address, token) as socket:
        await socket.send({"id": "1", "type": "subscribe", "payload": {"extensions": registering(VIEWER)}})
        assert (await socket.event())["data"]["viewer"]
        assert (await socket.receive())["type"] == "complete"
        await socket.send({"id": "2", "type": "subscribe", "payload": {"documentId": "unknown"}})
        refused = await socket.receive()

    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"query": LIST, "extensions": registering(VIEWER)}, id="hash-of-another"),
        pytest.param({"query": VIEWER, "documentId": f"sha256:{digest(VIEWER)}"}, id="query-and-id"),
        pytest.param({"extensions": {"persistedQuery": {"version": 1}}}, id="no-hash"),
        pytest.param({"extensions": {"persistedQuery": {"version": 2, "sha256Hash": digest(VIEWER)}}}, id="version"),
        pytest.param({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "../x"}}}, id="no-hexadecimal"),
        pytest.param({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 3}}}, id="number"),
        pytest.param({"extensions": {"persistedQuery": "x"}}, id="text"),
    ],
)
async def test_a_document_that_is_named_badly_is_refused(http: httpx.AsyncClient, token: str, body: JSON) -> None:
    answer = await post(http, token, **body)

    assert (answer.status_code, error_codes(answer.json())) == (422, ["BAD_USER_INPUT"])


@pytest.mark.parametrize(
    "document", ["{ weather }", "{ viewer {", VIEWER + "#" * 8_000], ids=["invalid", "cut", "long"]
)
async def test_what_does_not_pass_or_is_too_long_is_not_kept(
    http: httpx.AsyncClient, token: str, document: str
) -> None:
    await post(http, token, query=document, extensions=registering(document))

    answer = await post(http, token, extensions=registering(document))

    assert error_codes(answer.json()) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_what_one_account_registers_no_other_one_finds(
    http: httpx.AsyncClient, token: str, services: Services
) -> None:
    document = an_unheard_of_document()
    await post(http, token, query=document, extensions=registering(document))

    answer = await post(http, await a_token(services, await an_account()), extensions=registering(document))

    assert error_codes(answer.json()) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_of_each_account_the_newest_hundred_are_kept(http: httpx.AsyncClient, token: str) -> None:
    documents = [f"{{ a{number}: __typename }}" for number in range(101)]
    for document in documents:
        await post(http, token, query=document, extensions=registering(document))

    oldest, newest = [
        await post(http, token, extensions=registering(document)) for document in (documents[0], documents[-1])
    ]

    assert error_codes(oldest.json()) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert "data" in newest.json()


async def test_documents_of_the_allow_list_are_known_by_their_ids(
    services: Services, token: str, manifest: Path
) -> None:
    async with an_api(services, documents=manifest) as http:
        by_hash = await post(http, token, extensions=registering(VIEWER))
        by_id = await post(http, token, documentId="list-1", variables={"first": 1})
        open_query = await post(http, token, query="{ __typename }")

    assert "data" in by_hash.json()
    assert by_id.json()["data"] == {"organizations": {"nodes": []}}
    assert open_query.json()["data"] == {"__typename": "Query"}


async def test_where_only_the_allow_list_is_run_everything_else_is_refused(
    services: Services, token: str, manifest: Path
) -> None:
    other = "{ __typename }"
    async with an_api(services, documents=manifest, documents_only=True) as http:
        listed = await post(http, token, query=VIEWER)
        refused = await post(http, token, query=other)
        registered = await post(http, token, query=other, extensions=registering(other))
        asked_again = await post(http, token, extensions=registering(other))
        async with acknowledged(str(http.base_url).rstrip("/"), token) as socket:
            await socket.subscribe(other)
            over_a_socket = await socket.receive()

    assert "data" in listed.json()
    assert (refused.status_code, error_codes(refused.json())) == (403, ["PERSISTED_QUERY_REQUIRED"])
    assert error_codes(registered.json()) == ["PERSISTED_QUERY_REQUIRED"]
    assert error_codes(asked_again.json()) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert over_a_socket["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_REQUIRED"


def test_an_allow_list_may_be_a_manifest_of_apollos(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    operation = {"id": digest(VIEWER), "name": "Viewer", "type": "query", "body": VIEWER}
    path.write_text(json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": [operation]}))

    assert read_manifest(path) == {digest(VIEWER): VIEWER}


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        pytest.param("", "JSON", id="empty"),
        pytest.param("[1]", "ids and texts", id="list"),
        pytest.param('{"a": 3}', "ids and texts", id="number"),
        pytest.param('{"operations": [3]}', "ids and texts", id="operations"),
        pytest.param('{"operations": [{"id": "a"}]}', "ids and texts", id="no-body"),
        pytest.param('{"a": "{ weather }"}', "the document a cannot be run: Cannot query field 'weather'", id="schema"),
        pytest.param('{"a": "{ viewer {"}', "the document a cannot be run: Syntax Error", id="syntax"),
    ],
)
def test_an_allow_list_that_cannot_be_used_stops_the_start_with_its_reason(
    tmp_path: Path, text: str, flaw: str
) -> None:
    path = tmp_path / "documents.json"
    path.write_text(text)

    with pytest.raises(BadSettings, match=flaw):
        read_manifest(path)


def test_an_allow_list_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="DUNLIN_DOCUMENTS"):
        read_manifest(tmp_path / "none.json")


def test_only_an_allow_list_can_be_the_only_thing_that_is_run() -> None:
    with pytest.raises(ValueError, match="DUNLIN_DOCUMENTS"):
        Settings(documents_only=True)
