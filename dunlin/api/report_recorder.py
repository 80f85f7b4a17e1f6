"""Recording what carriers report: all that has come while the last commit ran shares the next one."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta

from dunlin.domain.actions.record_reports import Reported, record_report, record_reports
from dunlin.domain.store import Busy, Store, database_time

_MOST_TOGETHER = 200
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
    """Records reports in groups. One per process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._recording: asyncio.Task[None] | None = None
        self._apart: set[asyncio.Task[None]] = set()

    async def record(self, organization_id: int, reported: Reported) -> None:
        """Return when the report is committed, or raise why it is not."""
        waiting = _Waiting(organization_id, reported, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._recording is None:
            self._recording = asyncio.create_task(self._record())
        await waiting.recorded

    async def _record(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
            try:
                await self._record_group(group, _PATIENCE)
            except Busy:
                for organization in _by_organization(group):
                    self._begin(self._record_patiently(organization))
            except Exception:  # one that cannot be stored must not take the others with it
                for waiting in group:
                    self._begin(self._record_alone(waiting))
        self._recording = None

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._apart.add(task)
        task.add_done_callback(self._apart.discard)

    async def _record_group(self, group: Sequence[_Waiting], patience: timedelta | None) -> None:
        reports = [waiting.reported for waiting in group]
        left = await record_reports(self._store, reports, None, patience=patience)
        for waiting in group:
            if any(waiting.reported is one for one in left):
                self._begin(self._record_alone(waiting))
            else:
                waiting.settle(None)

    async def _record_patiently(self, group: Sequence[_Waiting]) -> None:
        try:
            await self._record_group(group, None)
        except Exception as error:
            for waiting in group:
                waiting.settle(error)

    async def _record_alone(self, waiting: _Waiting) -> None:
        try:
            one = waiting.reported
            await record_report(self._store, one.correlation, one.report, await database_time())
        except Exception as error:
            waiting.settle(error)
        else:
            waiting.settle(None)


def _by_organization(group: Sequence[_Waiting]) -> list[list[_Waiting]]:
    grouped: defaultdict[int, list[_Waiting]] = defaultdict(list)
    for waiting in group:
        grouped[waiting.organization_id].append(waiting)
    return list(grouped.values())
