"""Running an operation: how long it may take, and what is answered over connections that stay."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graphql import GraphQLError, OperationType
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from dunlin.api.context import Context
from dunlin.api.errors import ErrorCode, coded
from dunlin.api.limits.admission import caller_of, charge_refusal
from dunlin.api.shown import Shown, shown
from dunlin.api.transport.ground import Ground
from dunlin.api.transport.refused import Refused
from dunlin.api.transport.request import Asked

LONGEST_OPERATION_S = 30.0


@asynccontextmanager
async def in_time(asked: Asked, context: Context) -> AsyncIterator[None]:
    """Give up what takes longer than an operation may, by raising `Refused`.

    Waiting for one's turn does not count, and a subscription may wait for its first event as long as it likes.
    """
    try:
        async with asyncio.timeout(LONGEST_OPERATION_S) as time:

            def begin() -> None:
                now = asyncio.get_running_loop().time()
                time.reschedule(None if is_watching(asked, context) else now + LONGEST_OPERATION_S)

            context.begins = begin
            yield
    except TimeoutError as error:
        message = (
            f"It took longer than {LONGEST_OPERATION_S:.0f} seconds. Ask for less; whether a change was made is"
            " not known, and with the same idempotency key or reference it is made once."
        )
        raise Refused(503, ErrorCode.TIMEOUT, message) from error


@asynccontextmanager
async def paying(context: Context) -> AsyncIterator[None]:
    """Have a request that is refused cost its caller something, and refuse at once who is too far in debt."""
    allowance = context.services.allowance
    if wait := allowance.is_overdrawn(caller_of(context.viewer)):
        seconds = max(1, math.ceil(wait.total_seconds()))
        message = f"Far more than {allowance.limit:,} points a minute were asked for. Ask again in {seconds} s."
        raise Refused(429, ErrorCode.RATE_LIMITED, message, retry_after=seconds)
    try:
        yield
    except Refused:
        await charge_refusal(context)
        raise


def is_watching(asked: Asked, context: Context) -> bool:
    """Return whether an operation is a subscription, as far as it has been read."""
    kind = None if context.document is None else context.document.kind_of(asked.operation_name)
    return kind is OperationType.SUBSCRIPTION


async def result_of(ground: Ground, text: str, asked: Asked, context: Context) -> Shown:
    """Return the result of a query or mutation; raise `Refused` if it takes too long."""
    try:
        async with in_time(asked, context):
            result = await ground.schema.execute(
                text, variable_values=asked.variables, context_value=context, operation_name=asked.operation_name
            )
    except (MissingQueryError, CannotGetOperationTypeError) as error:
        located = GraphQLError(str(error), original_error=error)
        result = PreExecutionError(data=None, errors=coded([located], context, is_executing=False))
    return shown(marked(result))


def marked(result: ExecutionResult) -> ExecutionResult:
    """Return the result of a query or mutation, as a `PreExecutionError` where nothing was executed.

    Strawberry alone tells by a plain result of variables that do not fit.
    """
    if result.data is None and result.errors and all(error.path is None for error in result.errors):
        return PreExecutionError(data=None, errors=result.errors, extensions=result.extensions)
    return result
