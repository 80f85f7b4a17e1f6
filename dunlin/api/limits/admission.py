"""Whether an operation is run: its document is sound, its cost is within bounds, and its caller has so much left."""

import hashlib
import math
from collections.abc import Sequence
from datetime import timedelta

from graphql import GraphQLError
from strawberry.types import ExecutionContext

from dunlin.api.context import Context
from dunlin.api.errors import ErrorCode, bad_input
from dunlin.api.limits import cost
from dunlin.api.limits.reading import ReadDocument, Reader
from dunlin.api.limits.turns import AT_ONCE, LONGEST_WAIT_S, MOST_WAITING, Turns
from dunlin.api.limits.variables import flaw_of
from dunlin.domain.viewer import Viewer

LEAST = 1  # points that every request of a caller takes, whatever becomes of it


class CostTooHigh(GraphQLError):
    def __init__(self, requested: int, limit: int) -> None:
        advice = "Ask for smaller pages, or for less of each entry."
        if limit == cost.MOST_OF_SUBSCRIPTION:
            advice = "A subscription selects anew with every event: select less of each, and query the rest."
        message = f"The operation costs {requested:,} points, and at most {limit:,} are taken. {advice}"
        extensions = {"code": ErrorCode.COST_LIMIT_EXCEEDED.value, "cost": requested, "limit": limit}
        super().__init__(message, extensions=extensions)


class RateLimited(GraphQLError):
    def __init__(self, wait: timedelta, limit: int) -> None:
        seconds = max(1, math.ceil(wait / timedelta(seconds=1)))
        message = f"More than {limit:,} points a minute were asked for. Ask again in {seconds} s."
        super().__init__(message, extensions={"code": ErrorCode.RATE_LIMITED.value, "retryAfter": seconds})


def too_many_at_once() -> GraphQLError:
    message = (
        f"More than {AT_ONCE + MOST_WAITING} operations of the account run or wait already. Ask again when some have"
        " been answered."
    )
    return GraphQLError(message, extensions={"code": ErrorCode.RATE_LIMITED.value, "retryAfter": 1})


def waited_too_long() -> GraphQLError:
    message = (
        f"{AT_ONCE} operations of the account were running for {LONGEST_WAIT_S:.0f} seconds, and this one was not"
        " begun. Ask again when some have been answered."
    )
    return GraphQLError(message, extensions={"code": ErrorCode.RATE_LIMITED.value, "retryAfter": 5})


async def refusals(execution: ExecutionContext, text: str, reader: Reader, turns: Turns) -> Sequence[GraphQLError]:
    """Return why an operation is not run; empty: it may be, and its cost is taken.

    Where the document was read it is given to the execution, which then does not validate it.
    """
    context: Context = execution.context
    allowance = context.services.allowance
    caller = caller_of(context.viewer)
    if wait := allowance.is_overdrawn(caller):
        return [RateLimited(wait, allowance.limit)]
    if turns.is_full(context.viewer.account_id):
        await charge_refusal(context)
        return [too_many_at_once()]
    document = read_for(context, text, reader)
    if document is None:
        await charge_refusal(context)
        return [RateLimited(allowance.is_used_up(caller) or timedelta(0), allowance.limit)]
    execution.graphql_document, execution.validation_rules = document.tree, ()
    errors = _flaws(execution, document)
    points = _cost(execution, document)
    if not errors and points > (most := _most(execution, document)):
        errors = [CostTooHigh(points, most)]
    if errors:
        context.taken = await allowance.take(caller, _cost_of_refusing(text), in_any_case=True)
        return errors
    # What costs nothing, as to ask how much is left, takes its point also from who has none.
    context.taken = await allowance.take(caller, max(LEAST, points), in_any_case=not points)
    if not context.taken.wait:
        return []
    # Else whoever cannot pay for what they ask could have us read ever new documents.
    await allowance.take(caller, _cost_of_refusing(text) if context.is_new else LEAST, in_any_case=True)
    return [RateLimited(context.taken.wait, allowance.limit)]


async def charge_refusal(context: Context) -> None:
    """Take what the least costs for a request that was refused unread, unless it has paid already."""
    if context.taken is None:
        caller = caller_of(context.viewer)
        context.taken = await context.services.allowance.take(caller, LEAST, in_any_case=True)


def read_for(context: Context, text: str, reader: Reader) -> ReadDocument | None:
    """Return the document of an operation, read once for it; None where its caller has nothing left to have it read.

    Reading may take longer than all the rest.
    """
    if context.document is None:
        if not reader.keeps(text) and context.services.allowance.is_used_up(caller_of(context.viewer)):
            return None
        context.document, context.is_new = reader.read(text, context.viewer.account_id)
    return context.document


def caller_of(viewer: Viewer) -> str:
    """Return the name that the viewer's allowance has: one per token, or per person who has signed in."""
    return f"{viewer.actor.kind.value}:{hashlib.sha256(viewer.actor.id.encode()).hexdigest()[:32]}"


def _flaws(execution: ExecutionContext, document: ReadDocument) -> Sequence[GraphQLError]:
    if document.errors:
        return document.errors
    if document.is_introspection and not execution.context.services.settings.introspection:
        message = "The schema does not describe itself here: introspection is switched off."
        return [GraphQLError(message, extensions={"code": ErrorCode.GRAPHQL_VALIDATION_FAILED.value})]
    named = execution._provided_operation_name  # noqa: SLF001, the public one falls back to the first operation
    if named is None and document.operations > 1:
        return [bad_input("The document has several operations: name the one to run as operationName.")]
    if flaw := flaw_of(execution.variables or {}):
        return [bad_input(flaw)]
    return []


def _cost(execution: ExecutionContext, document: ReadDocument) -> int:
    if document.plan is None:
        return 0
    name = execution._provided_operation_name  # noqa: SLF001
    return cost.cost_of_operation(document.plan, name, execution.variables or {})


def _most(execution: ExecutionContext, document: ReadDocument) -> int:
    name = execution._provided_operation_name  # noqa: SLF001
    return cost.MOST if document.plan is None else cost.most_of_operation(document.plan, name)


def _cost_of_refusing(text: str) -> int:
    """Return the points of a document that was read for nothing, by its length."""
    return 10 + len(text) // 20
