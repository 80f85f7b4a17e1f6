"""Do a request once: the same key with the same input gives the same answer, also when both come at once.

The key is written in the transaction of what is done under it, so that either both stand or neither. A refused
request leaves its key free.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from tortoise.models import Model

from dunlin.domain.errors import ProblemCode, Refusal, refuse
from dunlin.domain.store import Store, Transaction, rows
from dunlin.domain.viewer import Viewer

KEPT = timedelta(hours=24)
MAX_LENGTH = 200

T = TypeVar("T")
M = TypeVar("M", bound=Model)
Kept = Mapping[str, Any]


class Answer(Protocol[T]):
    """How an answer is kept, by reference, and found again. What it names is shown as it is then."""

    def keep(self, result: T) -> Kept: ...

    async def recall(self, kept: Kept) -> T: ...


@dataclass(frozen=True, slots=True)
class RowOf(Generic[M]):
    """The answer is one row of a table."""

    table: type[M]

    def keep(self, result: M) -> Kept:
        return {"id": result.pk}

    async def recall(self, kept: Kept) -> M:
        found = await self.table.get_or_none(id=kept["id"])
        if found is None:
            message = "This was done under the same key before, and what came of it has been removed since."
            raise refuse(ProblemCode.NOT_FOUND, message)
        return found


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has a key. Keys belong to the account; `fingerprint` tells two inputs apart."""

    account_id: int
    organization_id: int
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Once:
    """The key by which a client has a request done once, and when it came."""

    key: str
    now: datetime


@dataclass(frozen=True, slots=True)
class RowsOf(Generic[M]):
    """The answer is some rows of a table, in an order."""

    table: type[M]

    def keep(self, result: list[M]) -> Kept:
        return {"ids": [row.pk for row in result]}

    async def recall(self, kept: Kept) -> list[M]:
        found = {row.pk: row for row in await self.table.filter(id__in=kept["ids"])}
        return [found[row_id] for row_id in kept["ids"]]


def request_of(
    viewer: Viewer, organization_id: int, key: str | None, action: str, content: Mapping[str, object]
) -> Request | None:
    """Return the request with its key; None without one. `content` is all that `action` was given.

    Refuses with INVALID a key that is none. Give no secret in `content` but as a keyed digest.
    """
    if key is None:
        return None
    if not (1 <= len(key) <= MAX_LENGTH and key.isprintable() and key.strip()):
        message = f"An idempotency key has 1 to {MAX_LENGTH} printable characters."
        raise refuse(ProblemCode.INVALID, message, "idempotencyKey")
    canonical = json.dumps({"action": action, **content}, sort_keys=True, default=str)
    return Request(viewer.account_id, organization_id, key, hashlib.sha256(canonical.encode()).hexdigest())


async def earlier_answer(request: Request | None, now: datetime) -> Kept | None:
    """Return what was answered under the key, if it is known; refuse with IDEMPOTENCY_KEY_REUSED for another input."""
    if request is None:
        return None
    found = await rows(_FIND, request.account_id, request.key, now - KEPT)
    return _matching(request, found[0]) if found else None


async def once(
    transaction: Transaction,
    request: Request | None,
    now: datetime,
    work: Callable[[], Awaitable[T]],
    answer: Answer[T],
) -> T:
    """Return what `work` returns, or what it returned when the request came first.

    Call it before any other lock is taken. Whoever brings the same key meanwhile waits for this transaction.
    Refuses with IDEMPOTENCY_KEY_REUSED if the key came with another input.
    """
    if request is None:
        return await work()
    while not await _claim(transaction, request, now):
        kept = await earlier_answer(request, now)
        if kept is not None:
            return await answer.recall(kept)
    result = await work()
    await transaction.rows(_KEEP, request.account_id, request.key, json.dumps(answer.keep(result)))
    return result


def by_key(
    viewer: Viewer,
    organization_id: int,
    given: Once | None,
    action: str,
    content: Mapping[str, object],
    work: Callable[[Transaction], Awaitable[T]],
    answer: Answer[T],
) -> Callable[[Transaction], Awaitable[T]]:
    """Return `work` as the transaction of a request that is done once; as it is where no key was given.

    `content` as for `request_of`, which refuses a key that is none.
    """
    if given is None:
        return work
    request = request_of(viewer, organization_id, given.key, action, content)

    async def do(transaction: Transaction) -> T:
        return await once(transaction, request, given.now, lambda: work(transaction), answer)

    return do


async def forget_requests(store: Store, now: datetime, *, limit: int = 1_000) -> int:
    """Forget at most `limit` keys that have been kept long enough; return how many."""

    async def forget(transaction: Transaction) -> int:
        return len(await transaction.rows(_FORGET, now - KEPT, limit))

    return await store.transact(forget)


async def _claim(transaction: Transaction, request: Request, now: datetime) -> bool:
    """Write the key, unless it stands there already. An expired one counts as not there."""
    await transaction.rows(_FORGET_ONE, request.account_id, request.key, now - KEPT)
    claimed = await transaction.rows(
        _CLAIM, request.account_id, request.organization_id, request.key, request.fingerprint, now
    )
    return bool(claimed)


def _matching(request: Request, found: Mapping[str, Any]) -> Kept:
    if found["fingerprint"] != request.fingerprint:
        raise _reused()
    kept: Kept = json.loads(found["answer"])
    return kept


def _reused() -> Refusal:
    message = "This idempotency key came with another input before. Use a new one for each request."
    return refuse(ProblemCode.IDEMPOTENCY_KEY_REUSED, message, "idempotencyKey")


_FIND = """
SELECT fingerprint, answer FROM idempotency_key WHERE account_id = $1 AND key = $2 AND created_at > $3
"""

_CLAIM = """
INSERT INTO idempotency_key (account_id, organization_id, key, fingerprint, answer, created_at)
VALUES ($1, $2, $3, $4, '{}', $5)
ON CONFLICT (account_id, key) DO NOTHING RETURNING id
"""

_KEEP = "UPDATE idempotency_key SET answer = $3::text::jsonb WHERE account_id = $1 AND key = $2"

_FORGET_ONE = "DELETE FROM idempotency_key WHERE account_id = $1 AND key = $2 AND created_at <= $3"

_FORGET = """
WITH old AS (
  SELECT id FROM idempotency_key WHERE created_at <= $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM idempotency_key k USING old WHERE k.id = old.id RETURNING k.id
"""
