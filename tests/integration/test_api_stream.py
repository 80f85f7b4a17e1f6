"""Server-sent events at /graphql/stream: one operation each, resumable by Last-Event-ID."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dunlin.api import stays
from dunlin.api.ids import encode_id
from dunlin.api.transport.documents import hash_of
from dunlin.api.types.reminder import event_cursor
from dunlin.domain.tables import Organization, Reminder, Token
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token, open_one
from tests.client import JSON, acknowledged, error_codes
from tests.delivery import append_events, plan
from tests.serving import limited, until_nobody_is_left

PATH = "/graphql/stream"
WATCH = """subscription ($id: ID!, $after: String) {
  deliveryStatus(organizationId: $id, after: $after) { place: cursor status } }"""
Event = dict[str, str]


class Stream:
    """What comes, block by block, as the specification of server-sent events cuts it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self._blocks = self._cut()

    async def _cut(self) -> AsyncIterator[str]:
        text = ""
        async for chunk in self.response.aiter_text():
            assert "\r" not in chunk
            text += chunk
            while "\n\n" in text:
                block, _, text = text.partition("\n\n")
                yield block

    async def event(self) -> Event:
        """Return the fields of the next event; comments are counted."""
        async with asyncio.timeout(5):
            while (block := await anext(self._blocks)).startswith(":"):
                self.comments += 1
        return dict(line.split(": ", 1) for line in block.split("\n"))

    async def results(self, count: int) -> list[JSON]:
        events = [await self.event() for _ in range(count)]
        assert {event["event"] for event in events} == {"next"}
        return [json.loads(event["data"]) for event in events]

    async def ends(self) -> bool:
        """Return whether nothing more comes but the end."""
        async with asyncio.timeout(5):
            return [block async for block in self._blocks if not block.startswith(":")] == []


@pytest_asyncio.fixture
async def reminder(services: Services) -> Reminder:
    """A reminder with one event."""
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)
    return await Reminder.get()


@pytest_asyncio.fixture
async def token(services: Services, reminder: Reminder) -> str:
    return await a_token(services, await Organization.get(id=reminder.organization_id))


@asynccontextmanager
async def opened(
    http: httpx.AsyncClient,
    token: str,
    query: str,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    **variables: object,
) -> AsyncIterator[Stream]:
    given = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream", **(headers or {})}
    asked: JSON = {"query": query, "variables": variables}
    if method == "GET":
        parameters = {"query": query, "variables": json.dumps(variables)}
        request = http.build_request("GET", PATH, params=parameters, headers=given)
    else:
        request = http.build_request("POST", PATH, json=asked, headers=given)
    response = await http.send(request, stream=True)
    try:
        yield Stream(response)
    finally:
        await response.aclose()


def organization_id(reminder: Reminder) -> str:
    return encode_id("Organization", reminder.organization_id)


def cursor(reminder: Reminder, place: int) -> str:
    return event_cursor(reminder.organization_id, place)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_events_come_one_by_one_each_with_its_cursor(
    services: Services, http: httpx.AsyncClient, token: str, reminder: Reminder, method: str
) -> None:
    after = cursor(reminder, 0)
    async with opened(http, token, WATCH, method=method, id=organization_id(reminder), after=after) as stream:
        first = await stream.event()
        await append_events(services, reminder)
        second = await stream.event()

    assert (stream.response.status_code, stream.response.headers["content-type"]) == (
        200,
        "text/event-stream; charset=utf-8",
    )
    assert stream.response.headers["cache-control"] == "no-store"
    assert stream.response.headers["x-accel-buffering"] == "no"
    assert stream.response.headers["x-request-id"]
    assert [(one["event"], one["id"]) for one in (first, second)] == [
        ("next", cursor(reminder, 1)),
        ("next", cursor(reminder, 2)),
    ]
    assert json.loads(second["data"]) == {"data": {"deliveryStatus": {"place": cursor(reminder, 2), "status": "SENT"}}}


LITERAL = """subscription {{ deliveryStatus(organizationId: "{id}"{after}) {{ status }} }}"""


@pytest.mark.parametrize(
    ("given", "last_seen", "first"),
    [
        pytest.param(None, 2, 3, id="nothing-given"),
        pytest.param(1, 2, 3, id="an-earlier-place"),
        pytest.param(3, 2, 4, id="a-later-place"),
        pytest.param(0, None, 1, id="no-last-event-id"),
    ],
)
@pytest.mark.parametrize("is_literal", [False, True], ids=["variable", "literal"])
async def test_a_client_that_comes_back_goes_on_behind_the_last_event_that_it_has(
    services: Services,
    http: httpx.AsyncClient,
    token: str,
    reminder: Reminder,
    given: int | None,
    last_seen: int | None,
    first: int,
    is_literal: bool,
) -> None:
    await append_events(services, reminder, 4)
    headers = {} if last_seen is None else {"Last-Event-ID": cursor(reminder, last_seen)}
    after = None if given is None else cursor(reminder, given)
    literal = LITERAL.format(id=organization_id(reminder), after="" if after is None else f', after: "{after}"')
    variables: dict[str, Any] = {} if is_literal else {"id": organization_id(reminder), "after": after}

    async with opened(http, token, literal if is_literal else WATCH, headers=headers, **variables) as stream:
        assert (await stream.event())["id"] == cursor(reminder, first)


@pytest.mark.parametrize("last_seen", ["garbage", event_cursor(999_999, 1), "ahead"])
async def test_a_last_event_id_that_is_no_place_in_the_log_is_told(
    http: httpx.AsyncClient, token: str, reminder: Reminder, last_seen: str
) -> None:
    headers = {"Last-Event-ID": cursor(reminder, 99) if last_seen == "ahead" else last_seen}
    async with opened(http, token, WATCH, headers=headers, id=organization_id(reminder)) as stream:
        [result] = await stream.results(1)
        assert error_codes(result) == ["BAD_USER_INPUT"]
        assert await stream.event() == {"event": "complete", "data": ""}
        assert await stream.ends()


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_query_is_one_result_and_complete(
    http: httpx.AsyncClient, token: str, reminder: Reminder, method: str
) -> None:
    async with opened(http, token, "{ viewer { name } }", method=method) as stream:
        [result] = await stream.results(1)
        assert result["data"] == {"viewer": {"name": "Tester"}}
        assert await stream.event() == {"event": "complete", "data": ""}
        assert await stream.ends()


RENAME = """mutation ($id: ID!) { renameOrganization(input: { organizationId: $id, name: "Gasworks" }) {
  organization { name } } }"""


async def test_a_change_is_made_by_post_and_not_by_get(http: httpx.AsyncClient, token: str, reminder: Reminder) -> None:
    async with opened(http, token, RENAME, method="GET", id=organization_id(reminder)) as stream:
        await stream.response.aread()
        assert (stream.response.status_code, stream.response.headers["allow"]) == (405, "POST")
        assert error_codes(stream.response.json()) == ["BAD_USER_INPUT"]
    assert (await Organization.get()).name == "Waterworks"

    async with opened(http, token, RENAME, id=organization_id(reminder)) as stream:
        [result] = await stream.results(1)
    assert result["data"] == {"renameOrganization": {"organization": {"name": "Gasworks"}}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("{", "GRAPHQL_PARSE_FAILED", id="syntax"),
        pytest.param("{ nothing }", "GRAPHQL_VALIDATION_FAILED", id="validation"),
        pytest.param("query A { __typename } query B { __typename }", "BAD_USER_INPUT", id="which-one"),
        pytest.param("fragment A on Viewer { name }", "BAD_USER_INPUT", id="no-operation"),
        pytest.param("{" * 500, "GRAPHQL_PARSE_FAILED", id="deep"),
    ],
)
async def test_what_cannot_be_run_is_told_in_the_stream(
    http: httpx.AsyncClient, token: str, reminder: Reminder, query: str, code: str
) -> None:
    async with opened(http, token, query) as stream:
        [result] = await stream.results(1)
        assert "data" not in result
        assert error_codes(result) == [code]
        assert result["errors"][0]["extensions"]["requestId"] == stream.response.headers["x-request-id"]
        assert await stream.event() == {"event": "complete", "data": ""}


async def test_what_takes_too_long_ends_the_stream(
    services: Services, http: httpx.AsyncClient, token: str, reminder: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.transport.operation.LONGEST_OPERATION_S", 0.0)
    async with opened(http, token, "{ organizations { nodes { name } } }") as stream:
        [result] = await stream.results(1)
        assert error_codes(result) == ["TIMEOUT"]
        assert await stream.event() == {"event": "complete", "data": ""}


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        pytest.param({"headers": {"Accept": "application/json"}}, 406, "BAD_USER_INPUT", id="accepts-json"),
        pytest.param({"headers": {"Authorization": "Bearer dunlin_x"}}, 401, "UNAUTHENTICATED", id="unknown-token"),
        pytest.param({"headers": {"Authorization": ""}}, 401, "UNAUTHENTICATED", id="no-token"),
        pytest.param({"headers": {"Content-Type": "text/plain"}}, 415, "BAD_USER_INPUT", id="no-json"),
        pytest.param({"method": "PUT"}, 405, "BAD_USER_INPUT", id="put"),
        pytest.param({"method": "DELETE"}, 405, "BAD_USER_INPUT", id="delete"),
        pytest.param({"content": b"{"}, 400, "BAD_USER_INPUT", id="cut-off"),
        pytest.param({"content": b"null"}, 422, "BAD_USER_INPUT", id="null"),
        pytest.param({"content": b"[]"}, 422, "BAD_USER_INPUT", id="list"),
        pytest.param({"content": b"{}"}, 422, "BAD_USER_INPUT", id="no-query"),
        pytest.param({"content": b'{"query": 3}'}, 422, "BAD_USER_INPUT", id="query-number"),
        pytest.param({"content": b'{"documentId": "x"}'}, 404, "PERSISTED_QUERY_NOT_FOUND", id="unknown-document"),
        pytest.param({"content": b"\xff"}, 400, "BAD_USER_INPUT", id="no-utf-8"),
        pytest.param({"content": b" " * 3_000_000}, 413, "BAD_USER_INPUT", id="large"),
    ],
)
async def test_what_is_no_request_is_refused_as_json(
    http: httpx.AsyncClient, token: str, reminder: Reminder, changed: JSON, status: int, code: str
) -> None:
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "text/event-stream",
        "Content-Type": "application/json",
        **changed.get("headers", {}),
    }
    content = changed.get("content", b'{"query": "{ viewer { name } }"}')

    answer = await http.request(changed.get("method", "POST"), PATH, content=content, headers=headers)

    assert (answer.status_code, error_codes(answer.json())) == (status, [code])
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["errors"][0]["extensions"]["requestId"] == answer.headers["x-request-id"]
    if status == 405:
        assert answer.headers["allow"] == "POST, GET"


async def test_a_document_is_run_by_its_id_and_registered_by_its_hash(
    http: httpx.AsyncClient, token: str, reminder: Reminder
) -> None:
    query = "{ viewer { name } }"
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": hash_of(query)}}
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}

    statuses = []
    for body in ({"extensions": extensions}, {"query": query, "extensions": extensions}, {"extensions": extensions}):
        answer = await http.post(PATH, json=body, headers=headers)
        statuses.append(answer.status_code)

    assert statuses == [404, 200, 200]
    assert answer.text.endswith("event: complete\ndata: \n\n")


async def test_pages_of_allowed_origins_may_stream(services: Services, token: str, reminder: Reminder) -> None:
    changed = services.settings.model_copy(update={"allowed_origins": ("https://app.example.com",)})
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "last-event-id, authorization"}
    known, foreign = {"Origin": "https://app.example.com"}, {"Origin": "https://elsewhere.example"}
    async with (
        limited(replace(services, settings=changed)) as (address, _),
        httpx.AsyncClient(base_url=address) as http,
        opened(http, token, "{ __typename }", headers=known) as stream,
    ):
        assert stream.response.headers["access-control-allow-origin"] == "https://app.example.com"
        assert (await http.options(PATH, headers={**asked, **known})).status_code == 200
        assert (await http.options(PATH, headers={**asked, **foreign})).status_code == 400


async def test_a_quiet_stream_shows_that_it_lives(services: Services, token: str, reminder: Reminder) -> None:
    beat = timedelta(seconds=0.05)
    async with (
        limited(services, heartbeat=beat) as (address, _),
        httpx.AsyncClient(base_url=address) as http,
        opened(http, token, WATCH, id=organization_id(reminder)) as stream,
    ):
        hearing = asyncio.create_task(stream.event())
        async with asyncio.timeout(5):
            while stream.comments < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await append_events(services, reminder)
        assert (await hearing)["id"] == cursor(reminder, 2)


async def test_an_old_stream_ends_without_being_complete(services: Services, token: str, reminder: Reminder) -> None:
    age = timedelta(seconds=0.2)
    async with (
        limited(services, stream_lasts=age) as (address, _),
        httpx.AsyncClient(base_url=address) as http,
        opened(http, token, WATCH, id=organization_id(reminder)) as stream,
    ):
        assert await stream.ends()


@pytest.mark.parametrize("end", ["revoked", "expired", "stopped"])
async def test_a_stream_ends_with_its_token_or_its_process(
    services: Services, reminder: Reminder, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(stays, "_LOOKED_AT_EVERY_S", 0.01)
    organization = await Organization.get()
    expires_at = datetime.now(UTC) + timedelta(seconds=1) if end == "expired" else None
    token = await a_token(services, organization, expires_at=expires_at)
    async with limited(services) as (address, ground), httpx.AsyncClient(base_url=address) as http:
        async with opened(http, token, WATCH, id=organization_id(reminder)) as stream:
            if end == "revoked":
                await Token.all().update(revoked_at=datetime.now(UTC))
            if end == "stopped":
                ground.stays.end_all()
            assert await stream.ends()
        await until_nobody_is_left(ground)


async def test_streams_and_sockets_of_a_token_are_counted_together(
    services: Services, token: str, reminder: Reminder
) -> None:
    async with (
        limited(services, connections_per_token=2) as (address, ground),
        httpx.AsyncClient(base_url=address) as http,
        acknowledged(address, token),
    ):
        async with (
            opened(http, token, WATCH, id=organization_id(reminder)) as first,
            opened(http, token, WATCH, id=organization_id(reminder)) as second,
        ):
            await second.response.aread()
            assert first.response.status_code == 200
            assert (second.response.status_code, error_codes(second.response.json())) == (429, ["RATE_LIMITED"])
            assert second.response.headers["retry-after"] == "10"
        async with asyncio.timeout(5):
            while len(ground.stays._here) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with opened(http, token, WATCH, id=organization_id(reminder)) as third:
            assert third.response.status_code == 200


async def test_nothing_is_left_of_a_client_that_is_gone(services: Services, token: str, reminder: Reminder) -> None:
    async with limited(services) as (address, ground):
        for _ in range(3):
            http = httpx.AsyncClient(base_url=address)
            async with opened(http, token, WATCH, id=organization_id(reminder), after=cursor(reminder, 0)) as stream:
                await stream.event()
                assert ground.hub._feeds
                await http.aclose()

        await until_nobody_is_left(ground)
