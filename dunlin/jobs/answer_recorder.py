"""Recording what carriers answered: many answers in one commit, and none held up by another organization's."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeAlias

import structlog

from dunlin.domain.actions.deliver import Handover
from dunlin.domain.actions.record import record_answers
from dunlin.domain.carrier import Answer
from dunlin.domain.store import Busy, Store, database_time, is_reachable

Answered: TypeAlias = tuple[Handover, Answer]

_PATIENCE = timedelta(milliseconds=50)  # many times a lock is held, but by the disconnect of a large organization
_PAUSE_AFTER_ERROR_S = 1.0

log = structlog.get_logger()


class AnswerRecorder:
    """Records what it is given. One per process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._apart: dict[int, list[Answered]] = {}  # by organization: what came while its last answers wait
        self._waiting: set[asyncio.Task[None]] = set()

    async def record(self, batch: Sequence[Answered]) -> None:
        """Record answers together; where somebody holds an organization, leave each one's to a task of its own."""
        together = [answered for answered in batch if not self._left_apart(answered)]
        try:
            await record_answers(self._store, together, await database_time(), patience=_PATIENCE)
        except Busy:
            self._begin_apart(together)
        except Exception:
            log.exception("cannot record answers", answers=len(together))
            await self._record_singly(together)

    async def finish(self) -> None:
        """Return when everything is recorded."""
        await asyncio.gather(*self._waiting)

    def _left_apart(self, answered: Answered) -> bool:
        if (own := self._apart.get(answered[0].organization_id)) is None:
            return False
        own.append(answered)
        return True

    def _begin_apart(self, batch: Sequence[Answered]) -> None:
        grouped: defaultdict[int, list[Answered]] = defaultdict(list)
        for answered in batch:
            grouped[answered[0].organization_id].append(answered)
        self._apart |= grouped
        for organization_id in grouped:
            task = asyncio.create_task(self._record_apart(organization_id))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _record_apart(self, organization_id: int) -> None:
        """Record one organization's answers, however long that has to wait, until no more have come meanwhile."""
        while own := self._apart[organization_id]:
            self._apart[organization_id] = []
            if not await self._recorded(own):
                await self._record_singly(own)
        del self._apart[organization_id]

    async def _record_singly(self, batch: Sequence[Answered]) -> None:
        """Record answers one by one, so that a bad one holds up no other."""
        for answered in batch:
            while not await self._recorded([answered]):
                if await is_reachable():
                    # Not to be stored as it is. Its lease runs out, and it becomes UNCONFIRMED.
                    log.error("answer given up", reminder=answered[0].reminder_id)
                    break
                await asyncio.sleep(_PAUSE_AFTER_ERROR_S)

    async def _recorded(self, batch: Sequence[Answered]) -> bool:
        try:
            await record_answers(self._store, batch, await database_time())
        except Exception:
            log.exception("cannot record answers", answers=len(batch))
            return False
        return True
