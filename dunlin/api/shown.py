"""Results as they are sent."""

from dataclasses import dataclass
from typing import Any

import orjson
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from dunlin.api.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class Shown:
    """A result in JSON, written once for all who are sent it.

    `errors` say why nothing was executed, None if it was. `cursor` is of the event that a subscription shows.
    `is_unavailable` if it lacks something that will be there later.
    """

    json: bytes
    errors: bytes | None = None
    is_unavailable: bool = False
    cursor: str | None = None


def shown(result: ExecutionResult, cursor: str | None = None) -> Shown:
    payload = payload_of(result)
    errors = orjson.dumps(payload["errors"]) if isinstance(result, PreExecutionError) else None
    return Shown(orjson.dumps(payload), errors, _is_unavailable(result), cursor)


def payload_of(result: ExecutionResult) -> dict[str, Any]:
    """Return a result as it is sent. Without `data` where nothing was executed."""
    payload: dict[str, Any] = {} if isinstance(result, PreExecutionError) else {"data": result.data}
    if result.errors:
        payload["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        payload["extensions"] = result.extensions
    return payload


def _is_unavailable(result: ExecutionResult) -> bool:
    """Return whether it lacks something that will be there later."""
    return any((error.extensions or {}).get("code") == ErrorCode.UNAVAILABLE for error in result.errors or ())
