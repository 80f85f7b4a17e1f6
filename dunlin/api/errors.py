"""Failures as clients see them.

Expected ones are `userErrors` of a mutation. The rest are top-level errors whose `extensions.code` is one of
`ErrorCode`, each with the request's id; what is ours to mend is INTERNAL, and says nothing else.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError

from dunlin.api.ids import MalformedId
from dunlin.domain.errors import Forbidden
from dunlin.domain.store import is_away, is_too_slow

if TYPE_CHECKING:
    from dunlin.api.context import Context

log = structlog.get_logger()

RETRY_AFTER_S = 5  # what is away now may be back then


class ErrorCode(StrEnum):
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    NOT_FOUND = "NOT_FOUND"
    COST_LIMIT_EXCEEDED = "COST_LIMIT_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_REQUIRED = "PERSISTED_QUERY_REQUIRED"
    TIMEOUT = "TIMEOUT"
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


# What the parser adds to a message where a name is nearly that of something else.
_SUGGESTION = re.compile(r" Did you mean [^?]*\?")


def coded(errors: Iterable[GraphQLError], context: "Context", *, is_executing: bool = True) -> list[GraphQLError]:
    """Return errors as clients see them, and log what is ours to mend."""
    coder = _Coder(context.request_id, context.services.settings.suggestions, is_executing)
    return [coder.coded(error) for error in errors]


@dataclass(frozen=True, slots=True)
class _Coder:
    request_id: str
    suggestions: bool
    is_executing: bool

    def coded(self, error: GraphQLError) -> GraphQLError:
        if error.extensions and "code" in error.extensions:
            return self._shown(error, error.message, error.extensions)
        original = error.original_error
        if isinstance(original, ClientError):
            return self._shown(error, original.message, original.extensions or {})
        if isinstance(original, Forbidden):
            return self._shown(error, str(original), _code(ErrorCode.FORBIDDEN))
        if isinstance(original, MalformedId):
            return self._shown(error, str(original), _code(ErrorCode.BAD_USER_INPUT))
        if isinstance(original, MissingQueryError | CannotGetOperationTypeError):
            return self._shown(error, error.message, _code(ErrorCode.BAD_USER_INPUT))
        if isinstance(error, GraphQLSyntaxError):
            return self._shown(error, error.message, _code(ErrorCode.GRAPHQL_PARSE_FAILED))
        if original is None or isinstance(original, GraphQLError):
            # What the document is not to blame for, the variables are.
            code = ErrorCode.BAD_USER_INPUT if self.is_executing else ErrorCode.GRAPHQL_VALIDATION_FAILED
            return self._shown(error, self._without_suggestion(error.message), _code(code))
        if is_away(original):
            log.warning("the database is away", error=type(original).__name__)
            message = (
                "The database does not answer. Ask again; whether a change was made is not known, and with the same"
                " idempotency key or reference it is made once."
            )
            return self._shown(error, message, {**_code(ErrorCode.UNAVAILABLE), "retryAfter": RETRY_AFTER_S})
        if is_too_slow(original):
            log.warning("a statement took too long", request_id=self.request_id)
            message = (
                "It took too long. Ask for less; whether a change was made is not known, and with the same idempotency"
                " key or reference it is made once."
            )
            return self._shown(error, message, _code(ErrorCode.TIMEOUT))
        return self._internal(error, original)

    def _internal(self, error: GraphQLError, original: Exception) -> GraphQLError:
        log.error("operation failed", request_id=self.request_id, exc_info=original)
        message = "Something went wrong on our side. Nothing is known to be wrong with the request."
        return self._shown(error, message, _code(ErrorCode.INTERNAL))

    def _without_suggestion(self, message: str) -> str:
        return message if self.suggestions else _SUGGESTION.sub("", message)

    def _shown(self, error: GraphQLError, message: str, extensions: Mapping[str, object]) -> GraphQLError:
        # A new one in any case: errors of validation are kept with the document, and shared by all that send it.
        return GraphQLError(
            message,
            nodes=error.nodes,
            source=error.source,
            positions=error.positions,
            path=error.path,
            extensions={**extensions, "requestId": self.request_id},
        )


def _code(code: ErrorCode) -> Mapping[str, object]:
    return {"code": code.value}
