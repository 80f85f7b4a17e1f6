"""Recording what carriers report: all that has come while a commit ran shares the next one."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from dunlin.domain.actions.record_reports import Reported, record_report, record_reports
from dunlin.domain.store import Busy, Store, database_time

_MOST_TOGETHER = 200
# While one group is committed, another is stored; more would make them small, and each of them costs by itself.
_MOST_GROUPS = 2
_WORTH_A_GROUP = 12
_PATIENCE = timedelta(milliseconds=50)  # many times a lock is held, but by the disconnect of a large organization


@dataclass(frozen=True, slots=True)
class _Waiting:
    organization_id: int
    reported: Reported
    recorded: asyncio.Future[None]

    def settle(self, error: Exception | None) -> None:
        if self.recorded.done():  # who asked has gone
            return
        if error is None:
            self.recorded.set_result(None)
        else:
            self.recorded.set_exception(error)


class ReportRecorder:
    """Records reports in groups. One per process.

    What cannot share a commit is recorded apart, of each organization one after the other: so one that somebody holds
    keeps no more than one connection to the database waiting.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._groups = 0  # under way
        self._apart: dict[int, deque[Callable[[], Awaitable[None]]]] = {}  # by organization
        self._held: dict[int, list[_Waiting]] = {}  # by organization: what has come since it was found held
        self._tasks: set[asyncio.Task[None]] = set()

    async def record(self, organization_id: int, reported: Reported) -> None:
        """Return when the report is committed, or raise why it is not."""
        waiting = _Waiting(organization_id, reported, asyncio.get_running_loop().create_future())
        self._line_up(waiting)
        await waiting.recorded

    def _line_up(self, waiting: _Waiting) -> None:
        if waiting.organization_id in self._held:
            self._held[waiting.organization_id].append(waiting)
            return
        self._waiting.append(waiting)
        if not self._groups or (self._groups < _MOST_GROUPS and len(self._waiting) >= _WORTH_A_GROUP):
            self._groups += 1
            self._begin(self._record_all())

    async def _record_all(self) -> None:
        while self._waiting and (self._groups == 1 or len(self._waiting) >= _WORTH_A_GROUP):
            group, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
            try:
                await self._record_group(group, _PATIENCE)
            except Busy:
                for organization_id, theirs in _by_organization(group).items():
                    self._wait_for(organization_id, theirs)
        self._groups -= 1

    async def _record_group(self, group: Sequence[_Waiting], patience: timedelta | None) -> None:
        reports = [waiting.reported for waiting in group]
        try:
            left = {id(one) for one in await record_reports(self._store, reports, None, patience=patience)}
        except Exception as error:
            if isinstance(error, Busy) and patience is not None:
                raise
            left = {id(one) for one in reports}  # one that cannot be stored must not take the others with it
        for waiting in group:
            if id(waiting.reported) in left:
                self._do_apart(waiting.organization_id, partial(self._record_alone, waiting))
            else:
                waiting.settle(None)

    def _wait_for(self, organization_id: int, group: list[_Waiting]) -> None:
        if organization_id in self._held:
            self._held[organization_id] += group
        else:
            self._held[organization_id] = []
            self._do_apart(organization_id, partial(self._record_patiently, organization_id, group))

    async def _record_patiently(self, organization_id: int, group: Sequence[_Waiting]) -> None:
        await self._record_group(group, None)
        for waiting in self._held.pop(organization_id):
            self._line_up(waiting)

    async def _record_alone(self, waiting: _Waiting) -> None:
        try:
            one = waiting.reported
            await record_report(self._store, one.correlation, one.report, await database_time())
        except Exception as error:
            waiting.settle(error)
        else:
            waiting.settle(None)

    def _do_apart(self, organization_id: int, work: Callable[[], Awaitable[None]]) -> None:
        if organization_id in self._apart:
            self._apart[organization_id].append(work)
        else:
            self._apart[organization_id] = deque([work])
            self._begin(self._work_off(organization_id))

    async def _work_off(self, organization_id: int) -> None:
        line = self._apart[organization_id]
        while line:
            await line.popleft()()
        del self._apart[organization_id]

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _by_organization(group: Sequence[_Waiting]) -> dict[int, list[_Waiting]]:
    grouped: defaultdict[int, list[_Waiting]] = defaultdict(list)
    for waiting in group:
        grouped[waiting.organization_id].append(waiting)
    return grouped
