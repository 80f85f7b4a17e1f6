"""What an HTTP request asks for: GraphQL over HTTP, edition of September 2026, with ids of documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

from dunlin.api.errors import ErrorCode
from dunlin.api.transport.media_type import is_json
from dunlin.api.transport.refused import Refused, malformed

_LONGEST_URL = 16 * 1024  # bytes of the query component: more than proxies let through

_PARAMETERS = ("query", "documentId", "operationName", "variables", "extensions")


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation, as asked for. What is null or, in a URL, empty counts as not given."""

    query: str | None
    document_id: str | None
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None

    @property
    def names_a_document(self) -> bool:
        return not (self.query is None and self.document_id is None and "persistedQuery" not in (self.extensions or {}))


async def read_request(request: Request) -> Asked:
    """Return what is asked for, or raise `Refused`."""
    return asked_by(_read_url(request) if request.method == "GET" else await _read_body(request))


def asked_by(given: object) -> Asked:
    """Return what an object of a body or of a WebSocket's message asks for, or raise `Refused`."""
    if not isinstance(given, dict):
        raise malformed("A request is one JSON object with a query. Several in one list are not taken.")
    return Asked(
        query=_text(given, "query"),
        document_id=_text(given, "documentId"),
        operation_name=_text(given, "operationName"),
        variables=_object(given, "variables"),
        extensions=_object(given, "extensions"),
    )


def _text(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    if isinstance(value, str | None):
        return value
    raise malformed(f"{name} is a string or null, not {_kind(value)}.")


def _object(given: Mapping[str, object], name: str) -> dict[str, Any] | None:
    value = given.get(name)
    if isinstance(value, dict | None):
        return value
    raise malformed(f"{name} is an object or null, not {_kind(value)}.")


def _kind(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def _read_url(request: Request) -> dict[str, object]:
    if len(request.scope["query_string"]) > _LONGEST_URL:
        message = f"A URL has at most {_LONGEST_URL:,} bytes of parameters. Send the request by POST."
        raise Refused(414, ErrorCode.BAD_USER_INPUT, message)
    given: dict[str, object] = {}
    for name in _PARAMETERS:
        values = request.query_params.getlist(name)
        if len(values) > 1:
            raise malformed(f"{name} is given once, not {len(values)} times.")
        if values and values[0]:
            given[name] = _decoded(name, values[0])
    return given


def _decoded(name: str, value: str) -> object:
    if name not in ("variables", "extensions"):
        return value
    try:
        return orjson.loads(value)
    except ValueError as error:
        raise malformed(f"{name} is JSON text of an object.") from error


async def _read_body(request: Request) -> object:
    if not is_json(request.headers.get("content-type")):
        message = "A request has the Content-Type application/json, in UTF-8."
        raise Refused(415, ErrorCode.BAD_USER_INPUT, message, {"Accept-Post": "application/json"})
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        message = "A request is not compressed: it has no Content-Encoding."
        raise Refused(415, ErrorCode.BAD_USER_INPUT, message, {"Accept-Encoding": "identity"})
    try:
        body = await request.body()
    except HTTPException as error:  # from the limit of its size
        raise Refused(error.status_code, ErrorCode.BAD_USER_INPUT, error.detail) from error
    try:
        # Refuses what json lets through: NaN, lone surrogates, endless nesting.
        return orjson.loads(body)
    except ValueError as error:
        raise Refused(400, ErrorCode.BAD_USER_INPUT, "The body is no JSON in UTF-8.") from error
