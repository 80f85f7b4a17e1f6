"""Running an operation: how long it may take, and what is answered over connections that stay."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import lru_cache
from typing import Any

from graphql import GraphQLError, OperationType, get_operation_ast, parse
from strawberry.schema import BaseSchema
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from dunlin.api.context import Context
from dunlin.api.errors import ErrorCode
from dunlin.api.limits.bounds import LONGEST_DOCUMENT, MOST_TOKENS
from dunlin.api.transport.refused import Refused
from dunlin.api.transport.request import Asked

LONGEST_OPERATION_S = 30.0

_LONGEST_KEPT = 8_000  # characters


@asynccontextmanager
async def in_time(context: Context) -> AsyncIterator[None]:
    """Give up what takes longer than an operation may, by raising `Refused`. Waiting for one's turn does not count."""
    try:
        async with asyncio.timeout(LONGEST_OPERATION_S) as time:
            context.begins = lambda: time.reschedule(asyncio.get_running_loop().time() + LONGEST_OPERATION_S)
            yield
    except TimeoutError as error:
        message = (
            f"It took longer than {LONGEST_OPERATION_S:.0f} seconds. Ask for less; whether a change was made is"
            " not known, and with the same idempotency key or reference it is made once."
        )
        raise Refused(503, ErrorCode.TIMEOUT, message) from error


def kind_of(text: str, name: str | None) -> OperationType | None:
    """Return whether a document's operation is a query, mutation or subscription; None if that cannot be told.

    Such a document is not run either: it is too long, or bad syntax, or has no operation of that name.
    """
    if len(text) > LONGEST_DOCUMENT:
        return None
    return (_kept if len(text) <= _LONGEST_KEPT else _read)(text, name)


def _read(text: str, name: str | None) -> OperationType | None:
    try:
        document = parse(text, no_location=True, max_lexical_tokens=MOST_TOKENS)
    except (GraphQLError, RecursionError):
        return None
    operation = get_operation_ast(document, name)
    return None if operation is None else operation.operation


_kept = lru_cache(maxsize=256)(_read)


def is_subscription(text: str, asked: Asked) -> bool:
    return kind_of(text, asked.operation_name) is OperationType.SUBSCRIPTION


async def results(schema: BaseSchema, text: str, asked: Asked, context: Context) -> AsyncGenerator[ExecutionResult]:
    """Yield the result of a query or mutation, or those of a subscription; raise `Refused` for what takes too long.

    What cannot be executed yields one `PreExecutionError`.
    """
    source: Any = await schema.stream(
        text, variable_values=asked.variables, context_value=context, operation_name=asked.operation_name
    )
    async with aclosing(source):
        if is_subscription(text, asked):
            async for result in source:
                yield result
            return
        async with in_time(context):
            result = await anext(source)
        yield marked(result)


def marked(result: ExecutionResult) -> ExecutionResult:
    """Return the result of a query or mutation, as a `PreExecutionError` where nothing was executed.

    Strawberry alone tells by a plain result of variables that do not fit.
    """
    if result.data is None and result.errors and all(error.path is None for error in result.errors):
        return PreExecutionError(data=None, errors=result.errors, extensions=result.extensions)
    return result


def payload_of(result: ExecutionResult) -> dict[str, Any]:
    """Return a result as it is sent. Without `data` where nothing was executed."""
    payload: dict[str, Any] = {} if isinstance(result, PreExecutionError) else {"data": result.data}
    if result.errors:
        payload["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        payload["extensions"] = result.extensions
    return payload


def error_of(refused: Refused, request_id: str) -> dict[str, Any]:
    """Return a refusal as one of the errors that are sent."""
    return {"message": refused.message, "extensions": {"code": refused.code.value, "requestId": request_id}}


def is_unavailable(result: ExecutionResult) -> bool:
    """Return whether it lacks something that will be there later."""
    return any((error.extensions or {}).get("code") == ErrorCode.UNAVAILABLE for error in result.errors or ())
