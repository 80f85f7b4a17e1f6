"""What all mutations share: reading an id, running the action, and the sentence about userErrors."""

from collections.abc import Awaitable
from typing import TypeVar

from dunlin.api.context import Info
from dunlin.api.errors import settled
from dunlin.api.ids import MalformedId, decode_id
from dunlin.api.loaders import Loaders
from dunlin.domain.errors import ProblemCode, Refusal, refuse

T = TypeVar("T")

ERRORS = "What was wrong; empty when it was done. Then nothing else in the payload is null."


def row_id(type_name: str, text: str, field: str) -> int:
    """Return the row that an id of the input stands for, or refuse with INVALID under the field's path."""
    try:
        return decode_id(type_name, text)
    except MalformedId as error:
        raise refuse(ProblemCode.INVALID, str(error), field) from error


async def settle(info: Info, work: Awaitable[T]) -> T | Refusal:
    """Return what an action returns, or its refusal; what is shown of it afterwards is read anew."""
    outcome = await settled(work)
    info.context.loaders = Loaders()
    return outcome
