"""Requests that nobody would send in good faith, made up by the hundred: refused in 4xx, never a failure of ours."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account

_PATIENCE_S = 5

T = TypeVar("T")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PARTS = ["query", "variables", "operationName", "extensions", "documentId", "id", "map"]
DOCUMENTS = st.sampled_from(
    ["{ viewer { name } }", "query A { __typename } query B { __typename }", "", "{", "\0", "é"]
)
EXTENSIONS = st.fixed_dictionaries({"persistedQuery": VALUES | st.fixed_dictionaries({"sha256Hash": VALUES})})
BODIES = st.dictionaries(st.sampled_from(PARTS), VALUES | DOCUMENTS | EXTENSIONS) | VALUES
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).map(str.strip)
MEDIA = st.sampled_from(
    ["application/json", "application/graphql-response+json", "*/*", "q=0", ";q=1.5", ",", "text/*"]
)
ACCEPT = HEADER | st.lists(MEDIA, max_size=6).map("".join)
# A head that is nearly one: what is sent ends the request, so that it is answered at once.
LINE = st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b""))
HEADS = st.lists(
    st.sampled_from([b"GET /graphql HTTP/1.1", b"POST /graphql HTTP/1.1", b"GET http://x/graphql?query=%zz HTTP/1.1",
                     b"GET /%ff%00 HTTP/1.1", b"Host: x", b"Content-Length: 3", b"Content-Length: -1",
                     b"Transfer-Encoding: chunked", b"Upgrade: websocket", b"Connection: Upgrade",
                     b"Expect: 100-continue"]) | LINE,
    min_size=1, max_size=6,
)  # fmt: skip


def made_up(strategy: st.SearchStrategy[T]) -> list[T]:
    """Return examples, always the same ones."""
    found: list[T] = []

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    collect()
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def token(opened: Services) -> str:
    return await a_token(opened, await an_account())


@pytest.fixture(autouse=True)
def nothing_failed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever was sent: nothing of it is logged as a failure of ours."""
    caplog.set_level(logging.INFO)
    with capture_logs() as logged:
        yield
    assert [entry for entry in logged if entry["log_level"] in ("error", "critical") or "exc_info" in entry] == []
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


def is_refused_or_answered(answer: httpx.Response) -> bool:
    """Whether it is an answer of GraphQL's shape, with a named code for each error, and no failure of ours."""
    body: dict[str, Any] = answer.json()
    codes = {error["extensions"]["code"] for error in body.get("errors", [])}
    return answer.status_code < 500 and "INTERNAL" not in codes and bool(codes or "data" in body)


async def test_any_body_is_answered(api_address: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=api_address, timeout=_PATIENCE_S) as http:
        for body in made_up(BODIES.map(json.dumps) | BODIES.map(repr)):
            answer = await http.post("/graphql", content=body.encode(), headers=headers)
            assert is_refused_or_answered(answer), body


async def test_any_bytes_of_any_type_are_answered(api_address: str, token: str) -> None:
    headers = {"Content-Type": HEADER | MEDIA, "Accept": ACCEPT, "X-Request-Id": HEADER}
    async with httpx.AsyncClient(base_url=api_address, timeout=_PATIENCE_S) as http:
        for body, given_headers in made_up(st.tuples(st.binary(max_size=200), st.fixed_dictionaries(headers))):
            everything = {**given_headers, "Authorization": f"Bearer {token}"}
            answer = await http.post("/graphql", content=body, headers=everything)
            assert is_refused_or_answered(answer), (body, given_headers)


async def test_any_url_is_answered(api_address: str, token: str) -> None:
    value = DOCUMENTS | st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | VALUES.map(json.dumps)
    async with httpx.AsyncClient(base_url=api_address, timeout=_PATIENCE_S) as http:
        for parameters in made_up(st.lists(st.tuples(st.sampled_from(PARTS), value))):
            answer = await http.get(
                "/graphql", params=httpx.QueryParams(tuple(parameters)), headers={"Authorization": f"Bearer {token}"}
            )
            assert is_refused_or_answered(answer), parameters


async def test_any_authorization_is_refused(api_address: str, opened: Services) -> None:
    given_values = HEADER | HEADER.map("Bearer {}".format) | HEADER.map("Bearer dunlin_{}".format)
    async with httpx.AsyncClient(base_url=api_address, timeout=_PATIENCE_S) as http:
        for authorization in made_up(given_values.map(str.strip)):
            answer = await http.post("/graphql", json={}, headers={"Authorization": authorization})
            assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer"), authorization


async def test_any_bytes_on_the_line_leave_the_service_as_it_was(api_address: str, token: str) -> None:
    sent = made_up(st.tuples(HEADS.map(b"\r\n".join), st.binary(max_size=20)).map(b"\r\n\r\n".join))
    for start in range(0, len(sent), 50):
        answers = await asyncio.gather(*(_exchange(api_address, data) for data in sent[start : start + 50]))
        assert not [answer for answer in answers if answer.startswith(b"HTTP/1.1 5")]

    async with httpx.AsyncClient(base_url=api_address, timeout=_PATIENCE_S) as http:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert answer.json()["data"] == {"__typename": "Query"}


async def _exchange(address: str, data: bytes) -> bytes:
    """Send and hang up; return what was answered before."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(0.5):
            return await reader.read(-1)
    except (TimeoutError, ConnectionError):  # it waits for more, and would hang up in the end
        return b""
    finally:
        writer.close()
