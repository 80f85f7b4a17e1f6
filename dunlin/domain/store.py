"""The unit of work: one transaction, its delivery events as its last statements, the doorbell after commit."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from asyncpg import InterfaceError
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection
from tortoise.exceptions import DBConnectionError
from tortoise.transactions import in_transaction

from dunlin.domain.audit import Act, Actor, differences
from dunlin.domain.choices import AuditAction
from dunlin.domain.errors import ProblemCode, refuse
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.times import SendingTimes

T = TypeVar("T")


async def rows(sql: str, *parameters: object) -> list[dict[str, Any]]:
    """Run one statement, inside the transaction that is open here, if one is."""
    return await get_connection("default").execute_query_dict(sql, list(parameters))


async def database_time() -> datetime:
    """Return the time by the clock that all processes share, with which leases and what is due are compared."""
    time: datetime = (await rows("SELECT clock_timestamp() AS time"))[0]["time"]
    return time


async def is_reachable() -> bool:
    """Return whether the database answers."""
    try:
        await rows("SELECT 1")
    except Exception:  # whatever the driver raises: it does not answer
        return False
    return True


_WAS_LOST = "08"  # the class of connections that were lost
_NOT_NOW = {"53300", "57P01", "57P02", "57P03"}  # too many connections, shutting down, crashed, starting up
_GIVEN_UP = "57014"


def is_away(error: BaseException | None) -> bool:
    """Return whether an operation ended so because the database is away, and may be asked for again.

    What it did may be committed all the same: the answer to a commit can be lost, too.
    """
    code = str(getattr(error, "sqlstate", None) or "")
    return (
        isinstance(error, OSError | DBConnectionError | InterfaceError)
        or code.startswith(_WAS_LOST)
        or code in _NOT_NOW
    )


def is_too_slow(error: BaseException | None) -> bool:
    """Return whether the database gave a statement up because it took too long."""
    return str(getattr(error, "sqlstate", None) or "") == _GIVEN_UP


class Bell(Protocol):
    """Wakes other processes, best effort: never raises, and nobody waits for it."""

    def wake_planner(self) -> None: ...

    def wake_deliverer(self) -> None: ...

    def announce(self, organization_ids: Collection[int]) -> None:
        """Tell every API process that these organizations have new delivery events."""
        ...


async def hold_integrations(transaction: "Transaction", organization_id: int) -> None:
    """Keep an organization's integrations as they are until commit: the first lock of whoever touches its steps.

    Refuses with WRONG_STATE if the organization is closed; it cannot be closed before commit then.
    """
    await transaction.rows(
        "SELECT id FROM integration WHERE organization_id = $1 ORDER BY id FOR SHARE", organization_id
    )
    await require_open(transaction, organization_id)


async def require_open(transaction: "Transaction", organization_id: int) -> None:
    """Refuse with WRONG_STATE if the organization is closed. The caller holds its integrations."""
    if await transaction.rows("SELECT 1 FROM organization WHERE id = $1 AND closed_at IS NOT NULL", organization_id):
        raise refuse(ProblemCode.WRONG_STATE, "The organization is closed: it can be read, and nothing else.")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a reminder's status, to become a delivery event."""

    organization_id: int
    case_id: int
    reminder_id: int
    status: ReminderStatus
    occurred_at: datetime
    reason: str | None = None
    error_code: int | None = None


class Doer(Protocol):
    """Who an act is told of."""

    @property
    def account_id(self) -> int: ...

    @property
    def actor(self) -> Actor: ...


class Transaction:
    """What an action may do between begin and commit."""

    def __init__(self, connection: BaseDBAsyncClient, times: SendingTimes) -> None:
        self._connection = connection
        self.times = times
        self._changes: list[Change] = []
        self._acts: list[Act] = []
        self.plans_due = False
        self.reminders_due = False

    async def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """Run one statement and return its rows, those of RETURNING too."""
        return await self._connection.execute_query_dict(sql, list(parameters))

    def record(self, changes: Sequence[Change]) -> None:
        self._changes.extend(changes)

    def audit(
        self,
        doer: Doer,
        action: AuditAction,
        subject: tuple[str, int],
        *,
        organization_id: int | None,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        """Tell the audit trail what `doer` did to `subject`, a type of the schema and its row. Never give secrets."""
        changed = differences(before or {}, after or {})
        type_name, row_id = subject
        self._acts.append(Act(doer.account_id, organization_id, doer.actor, action, f"{type_name}:{row_id}", changed))

    async def append_acts(self) -> None:
        if self._acts:
            await self.rows(_APPEND_ACTS, *zip(*(_act_columns(act) for act in self._acts), strict=True))

    @property
    def announced(self) -> set[int]:
        return {change.organization_id for change in self._changes}

    async def append_events(self) -> None:
        """Give every recorded change its sequence and append it.

        The counter rows are the last locks that any transaction takes, always in the same order, and are held
        until commit: so sequence order is commit order, and nothing waits in a circle.
        """
        if self._changes:
            await self.rows(_APPEND_EVENTS, *zip(*(_columns(change) for change in self._changes), strict=True))


def _act_columns(act: Act) -> tuple[object, ...]:
    return (
        act.account_id,
        act.organization_id,
        act.actor.kind.value,
        act.actor.id,
        act.actor.name,
        act.actor.address,
        act.action.value,
        act.subject,
        json.dumps([asdict(difference) for difference in act.differences]),
    )


def _columns(change: Change) -> tuple[object, ...]:
    return (
        change.organization_id,
        change.case_id,
        change.reminder_id,
        change.status.value,
        change.reason,
        change.error_code,
        change.occurred_at,
    )


_TRIES = 3
_TRY_AGAIN = {"40001", "40P01"}  # serialization failure, deadlock detected
_LOCK_NOT_AVAILABLE = "55P03"
_A_MILLISECOND = timedelta(milliseconds=1)

_APPEND_ACTS = """
INSERT INTO audit_entry (account_id, organization_id, actor_kind, actor_id, actor_name, address, action, subject,
  changes, occurred_at)
SELECT t.account_id, t.organization_id, t.actor_kind, t.actor_id, t.actor_name, t.address, t.action, t.subject,
  t.changes::jsonb, now()
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[])
  AS t(account_id, organization_id, actor_kind, actor_id, actor_name, address, action, subject, changes)
"""

_APPEND_EVENTS = """
WITH new AS (
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::int[], $7::timestamptz[])
    WITH ORDINALITY AS t(organization_id, case_id, reminder_id, status, reason, error_code, occurred_at, place)
), held AS MATERIALIZED (
  SELECT s.id, counted.n
  FROM delivery_sequence s JOIN (SELECT organization_id, count(*) AS n FROM new GROUP BY organization_id) counted
    ON counted.organization_id = s.organization_id
  ORDER BY s.organization_id FOR UPDATE OF s
), advanced AS (
  UPDATE delivery_sequence s SET last_sequence = s.last_sequence + held.n
  FROM held WHERE s.id = held.id
  RETURNING s.organization_id, s.last_sequence - held.n AS base
)
INSERT INTO delivery_event (organization_id, sequence, reminder_id, case_id, status, reason, error_code, occurred_at)
SELECT n.organization_id, a.base + row_number() OVER (PARTITION BY n.organization_id ORDER BY n.place),
       n.reminder_id, n.case_id, n.status, n.reason, n.error_code, n.occurred_at
FROM new n JOIN advanced a USING (organization_id)
"""


class Busy(Exception):
    """Another transaction holds what this one needs. Nothing was changed."""


class Store:
    """Runs actions in transactions. Rollback is the default: an exception undoes everything."""

    def __init__(self, bell: Bell, times: SendingTimes = SendingTimes()) -> None:
        self._bell = bell
        self.times = times

    async def transact(self, work: Callable[[Transaction], Awaitable[T]], *, patience: timedelta | None = None) -> T:
        """Run `work` in one transaction, commit, then ring for what it changed; return its result.

        `work` is run anew where PostgreSQL ended it to resolve a deadlock, so it changes nothing but the database.
        With `patience`, raise `Busy` instead of waiting longer than that for what another transaction holds.
        """
        # A request that is canceled in the middle of BEGIN or COMMIT would leave a pooled connection in a
        # transaction for ever, so the transaction runs in a task of its own and ends either way.
        return await asyncio.shield(asyncio.create_task(self._run_again(work, patience)))

    async def _run_again(self, work: Callable[[Transaction], Awaitable[T]], patience: timedelta | None) -> T:
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._run(work, patience)
            except Exception as error:
                code = getattr(error, "sqlstate", None)
                if code == _LOCK_NOT_AVAILABLE:
                    raise Busy from error
                if code not in _TRY_AGAIN or not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _run(self, work: Callable[[Transaction], Awaitable[T]], patience: timedelta | None) -> T:
        async with in_transaction() as connection:
            transaction = Transaction(connection, self.times)
            if patience is not None:
                await transaction.rows(f"SET LOCAL lock_timeout = {int(patience / _A_MILLISECOND)}")
            result = await work(transaction)
            await transaction.append_acts()
            await transaction.append_events()
        if transaction.plans_due:
            self._bell.wake_planner()
        if transaction.reminders_due:
            self._bell.wake_deliverer()
        if transaction.announced:
            self._bell.announce(transaction.announced)
        return result
