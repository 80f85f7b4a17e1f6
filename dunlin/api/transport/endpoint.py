"""GraphQL over HTTP: one operation in, one answer out, for bearers of a token only."""

from collections.abc import Sequence

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from dunlin.api.context import Context
from dunlin.api.errors import ErrorCode
from dunlin.api.live import EventHub
from dunlin.api.request_id import request_id_of
from dunlin.api.shown import payload_of
from dunlin.api.transport.admission import Admission, address_of
from dunlin.api.transport.documents import Documents
from dunlin.api.transport.media_type import ANSWERS, MediaType, acceptable
from dunlin.api.transport.operation import in_time, marked, paying
from dunlin.api.transport.refused import (
    OK_FOR_OLD_CLIENTS,
    CannotRun,
    Refused,
    broken,
    malformed,
    refusal,
    retrying,
    written,
)
from dunlin.api.transport.request import Asked, read_request
from dunlin.runtime.wiring import Services

# By the edition of September 2026. What was executed, even in part, is 200.
_STATUS = {
    ErrorCode.GRAPHQL_PARSE_FAILED: 400,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.PERSISTED_QUERY_REQUIRED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.PERSISTED_QUERY_NOT_FOUND: 404,
    ErrorCode.BAD_USER_INPUT: 422,
    ErrorCode.COST_LIMIT_EXCEEDED: 422,
    ErrorCode.GRAPHQL_VALIDATION_FAILED: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.INTERNAL: 500,
    ErrorCode.TIMEOUT: 503,
    ErrorCode.UNAVAILABLE: 503,
}

_TAKES = {
    "POST": {OperationType.QUERY, OperationType.MUTATION},
    "GET": {OperationType.QUERY},
}
_METHODS = ", ".join(_TAKES)


log = structlog.get_logger()


class Endpoint:
    """`POST /graphql`, and `GET` for queries."""

    def __init__(
        self, services: Services, hub: EventHub, admission: Admission, documents: Documents, schema: BaseSchema
    ) -> None:
        self._services = services
        self._hub = hub
        self._admission = admission
        self._documents = documents
        self._schema = schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return  # nobody is there to be answered
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        media_type = MediaType.JSON
        try:
            require_method(request, _METHODS)
            media_type = accepted(request, ANSWERS)
            viewer = await self._admission.of(request)
            context = Context(
                self._services, self._hub, viewer, address_of(request), request_id=request_id_of(request.scope)
            )
            async with paying(context):
                asked = await read_request(request)
                query = self._documents.text_of(asked, viewer.account_id)
                result = await self._execute(request.method, query, asked, context)
        except Refused as refused:
            return refusal(request, refused, media_type)
        except ClientDisconnect:
            raise
        except Exception:  # answered here, so that also a page of another origin may read the request's id
            log.exception("request failed")
            return refusal(request, broken(), media_type)
        if not isinstance(result, PreExecutionError):
            self._documents.keep(asked, query, viewer.account_id)
        return _answer(result, media_type)

    async def _execute(self, method: str, query: str, asked: Asked, context: Context) -> ExecutionResult:
        try:
            async with in_time(asked, context):
                result = await self._schema.execute(
                    query,
                    variable_values=asked.variables,
                    context_value=context,
                    operation_name=asked.operation_name,
                    allowed_operation_types=_TAKES[method],
                )
        except InvalidOperationTypeError as error:
            raise _not_here(error.operation_type) from error
        except CannotGetOperationTypeError as error:
            raise CannotRun(422, ErrorCode.BAD_USER_INPUT, error.as_http_error_reason()) from error
        except MissingQueryError as error:
            raise malformed("A request has a query.") from error
        return marked(result)


def require_method(request: Request, allowed: str) -> None:
    if request.method not in allowed.split(", "):
        message = f"The methods are {allowed}, not {request.method}."
        raise Refused(405, ErrorCode.BAD_USER_INPUT, message, {"Allow": allowed})


def accepted(request: Request, offered: Sequence[MediaType]) -> MediaType:
    """Return the media type of the answer, or raise `Refused` if the client takes none that there is."""
    media_type = acceptable(request.headers.get("accept"), offered)
    if media_type is None:
        names = " or ".join(offered)
        raise Refused(406, ErrorCode.BAD_USER_INPUT, f"Answers are {names}, which the Accept header does not take.")
    return media_type


def _not_here(operation: OperationType) -> Refused:
    if operation is OperationType.SUBSCRIPTION:
        message = "A subscription runs over a WebSocket here, or as server-sent events at /graphql/stream."
        return CannotRun(422, ErrorCode.BAD_USER_INPUT, message)
    return Refused(405, ErrorCode.BAD_USER_INPUT, "GET only reads. Send a mutation by POST.", {"Allow": "POST"})


def _answer(result: ExecutionResult, media_type: MediaType) -> Response:
    body = payload_of(result)
    if "data" in body:
        return written(body, 200, media_type)
    extensions = body["errors"][0]["extensions"]
    code = ErrorCode(extensions["code"])
    status = 200 if media_type is MediaType.JSON and code in OK_FOR_OLD_CLIENTS else _STATUS[code]
    return written(body, status, media_type, retrying(extensions.get("retryAfter")))
