"""Failures as clients see them.

Expected ones are `userErrors` of a mutation. The rest are top-level errors whose `extensions.code` is one of
`ErrorCode`; what is ours to mend is INTERNAL, with nothing but the request's id.
"""

from collections.abc import Iterator
from enum import StrEnum

import structlog
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import MaskErrors
from strawberry.schema.exceptions import CannotGetOperationTypeError

from dunlin.api.ids import MalformedId
from dunlin.domain.errors import Forbidden
from dunlin.domain.store import is_away

log = structlog.get_logger()


class ErrorCode(StrEnum):
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    NOT_FOUND = "NOT_FOUND"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


class ClientError(GraphQLError):
    """A top-level error that the client can act on."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message, extensions={"code": code.value})


def bad_input(message: str) -> ClientError:
    return ClientError(ErrorCode.BAD_USER_INPUT, message)


def not_found(what: str) -> ClientError:
    return ClientError(ErrorCode.NOT_FOUND, f"There is no such {what}.")


class CodeErrors(MaskErrors):
    """Give every top-level error its code, and keep to ourselves what is ours."""

    _is_executing = False

    def on_execute(self) -> Iterator[None]:
        self._is_executing = True
        yield

    def _process_errors(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        return [self._coded(error) for error in errors]

    def _coded(self, error: GraphQLError) -> GraphQLError:
        if error.extensions and "code" in error.extensions:
            return error
        original = error.original_error
        if isinstance(original, ClientError):
            return _with_code(error, original.message, original.extensions)
        if isinstance(original, Forbidden):
            return _with_code(error, str(original), {"code": ErrorCode.FORBIDDEN.value})
        if isinstance(original, MalformedId):
            return _with_code(error, str(original), {"code": ErrorCode.BAD_USER_INPUT.value})
        if isinstance(original, MissingQueryError | CannotGetOperationTypeError):
            return _with_code(error, error.message, {"code": ErrorCode.BAD_USER_INPUT.value})
        if isinstance(error, GraphQLSyntaxError):
            return _with_code(error, error.message, {"code": ErrorCode.GRAPHQL_PARSE_FAILED.value})
        if original is None or isinstance(original, GraphQLError):
            # What the document is not to blame for, the variables are.
            code = ErrorCode.BAD_USER_INPUT if self._is_executing else ErrorCode.GRAPHQL_VALIDATION_FAILED
            return _with_code(error, error.message, {"code": code.value})
        if is_away(original):
            log.warning("the database is away", error=type(original).__name__)
            message = (
                "The database does not answer. Ask again; whether a change was made is not known, and with the same"
                " idempotency key or reference it is made once."
            )
            return _with_code(error, message, {"code": ErrorCode.UNAVAILABLE.value})
        return self._internal(error, original)

    def _internal(self, error: GraphQLError, original: Exception) -> GraphQLError:
        request_id = getattr(self.execution_context.context, "request_id", None)
        log.error("operation failed", request_id=request_id, exc_info=original)
        message = "Something went wrong on our side. Nothing is known to be wrong with the request."
        return _with_code(error, message, {"code": ErrorCode.INTERNAL.value, "requestId": request_id})


def _with_code(error: GraphQLError, message: str, extensions: dict[str, object] | None) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
