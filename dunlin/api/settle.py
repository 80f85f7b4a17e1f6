"""What every mutation does with what it is given, and with what its action says."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TypeVar

from dunlin.api.context import Info
from dunlin.api.ids import MalformedId, decode_id
from dunlin.api.loaders import Loaders
from dunlin.domain.errors import ProblemCode, Refusal, refuse
from dunlin.domain.idempotency import Once

T = TypeVar("T")

ERRORS = "What was wrong; empty when it was done. Then nothing else in the payload is null."


async def settled(info: Info, work: Awaitable[T]) -> T | Refusal:
    """Return what an action returns, or its refusal, which is an expected outcome of a mutation."""
    try:
        return await work
    except Refusal as refusal:
        return refusal
    finally:
        info.context.loaders = Loaders()  # what is shown afterwards is read anew


def once(key: str | None) -> Once | None:
    """Return what an action takes for the idempotencyKey of an input."""
    return None if key is None else Once(key, datetime.now(UTC))


def row_id(type_name: str, text: str, *path: str) -> int:
    """Return the row that an id of the input stands for, or refuse with INVALID under the field's path."""
    try:
        return decode_id(type_name, text)
    except MalformedId as error:
        raise refuse(ProblemCode.INVALID, str(error), *path) from error
