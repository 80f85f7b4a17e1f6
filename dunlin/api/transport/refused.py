"""Requests that are turned away before anything runs, and how all of them are told."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from dunlin.api.errors import ErrorCode
from dunlin.api.request_id import HEADER, request_id_of
from dunlin.api.transport.media_type import MediaType

# Clients that know application/json only take another status for a failure of the network, and never show its reason.
# This is what a request can have that is well-formed and cannot be run.
OK_FOR_OLD_CLIENTS = {
    ErrorCode.GRAPHQL_PARSE_FAILED,
    ErrorCode.GRAPHQL_VALIDATION_FAILED,
    ErrorCode.BAD_USER_INPUT,
    ErrorCode.COST_LIMIT_EXCEEDED,
    ErrorCode.PERSISTED_QUERY_NOT_FOUND,
    ErrorCode.PERSISTED_QUERY_REQUIRED,
}


class Refused(Exception):
    """A request that is not answered with data. `message` says what was wrong and what is allowed.

    `retry_after` is in whole seconds, and told in the error itself as well as, over HTTP, in the header.
    """

    is_well_formed = False

    def __init__(
        self,
        status: int,
        code: ErrorCode,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.headers = {**(headers or {}), **retrying(retry_after)}


class CannotRun(Refused):
    """The refusal of a well-formed request for a document or an operation that there is not."""

    is_well_formed = True


def malformed(message: str) -> Refused:
    """Return the refusal of what is no request of GraphQL over HTTP, though it could be read."""
    return Refused(422, ErrorCode.BAD_USER_INPUT, message)


def broken() -> Refused:
    """Return the refusal of what we have failed to do."""
    return Refused(500, ErrorCode.INTERNAL, "Something went wrong on our side.")


def retrying(seconds: int | None) -> dict[str, str]:
    """Return the headers that say when to ask again."""
    return {} if seconds is None else {"Retry-After": str(seconds)}


def error_of(refused: Refused, request_id: str) -> dict[str, Any]:
    """Return a refusal as one of the errors that are sent."""
    extensions: dict[str, Any] = {"code": refused.code.value, "requestId": request_id}
    if refused.retry_after is not None:
        extensions["retryAfter"] = refused.retry_after
    return {"message": refused.message, "extensions": extensions}


def refusal(request: Request, refused: Refused, media_type: MediaType = MediaType.JSON) -> Response:
    """Return the answer to a request that is turned away, in GraphQL's shape and without `data`."""
    request_id = request_id_of(request.scope)
    body = {"errors": [error_of(refused, request_id)]}
    is_ok = refused.is_well_formed and media_type is MediaType.JSON
    # The id also here, for an answer that is made when everything else has failed passes the middleware by.
    headers = {**refused.headers, HEADER: request_id}
    return written(body, 200 if is_ok else refused.status, media_type, headers)


def written(body: object, status: int, media_type: MediaType, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer that nobody on the way may keep."""
    fixed = {
        "Content-Type": f"{media_type.value}; charset=utf-8",
        "Cache-Control": "no-store",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(orjson.dumps(body), status, {**fixed, **(headers or {})})
