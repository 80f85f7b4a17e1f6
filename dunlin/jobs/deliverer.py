"""The sending loop of one worker process: claim, pace, mark, hand over many at a time, record many at once."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import structlog

from dunlin.domain.actions.claim_reminders import Claim, claim_reminders, give_back
from dunlin.domain.actions.deliver import Handover, mark_sending
from dunlin.domain.carrier import Answer, Fault, Message, Refused, Unreached
from dunlin.domain.rules.account_pace import FIRST, AccountPace
from dunlin.domain.rules.pace import segments_per_second
from dunlin.domain.store import database_time
from dunlin.domain.times import boot_time
from dunlin.domain.vault import BrokenSeal
from dunlin.jobs.answer_recorder import AnswerRecorder
from dunlin.runtime.pacer import Turn
from dunlin.runtime.wiring import Services

_BATCH = 64  # claimed and marked together
_PAUSE_AFTER_ERROR_S = 1.0

log = structlog.get_logger()


class Deliverer:
    """Sends until nothing is due, then sleeps until it is woken. One per process.

    `concurrency` bounds what is under way to all accounts together; each has a pace of its own, so that those that
    answer slowly or badly hold up nobody else.
    """

    def __init__(self, services: Services, *, concurrency: int = 512) -> None:
        self._services = services
        self._concurrency = concurrency
        self._wake = asyncio.Event()
        self._stopping = False
        self._under_way: set[asyncio.Task[None]] = set()
        self._paces: defaultdict[int, AccountPace] = defaultdict(AccountPace)  # by integration
        self._answers: list[tuple[Handover, Answer]] = []
        self._answered = asyncio.Event()
        self._recorder = AnswerRecorder(services.store)

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        """Take nothing new; `run` returns when what is under way has been answered and recorded."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        recorder = asyncio.create_task(self._record_answers())
        while not self._stopping:
            self._wake.clear()
            try:
                taken = await self._take()
            except Exception:  # the database is away: nothing is lost, so wait and go on
                log.exception("cannot take reminders")
                await asyncio.sleep(_PAUSE_AFTER_ERROR_S)
                continue
            if not taken:
                await self._wake.wait()
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._answered.set()
        await recorder

    async def _take(self) -> int:
        """Claim, mark and begin as many as there is room for; return how many were claimed."""
        room = min(self._concurrency - len(self._under_way), _BATCH)
        if room < min(self._concurrency, _BATCH) // 4:
            return 0  # whoever finishes wakes us
        rooms = self._rooms(time.monotonic())
        claims = await claim_reminders(self._services.store, limit=room, room=FIRST, rooms=rooms)
        if going := await self._paced(claims):
            marked_at = boot_time()
            for handover in await mark_sending(self._services.store, going, await database_time()):
                self._begin(handover, marked_at)
        return len(claims)

    def _rooms(self, now: float) -> dict[int, int]:
        for integration_id in [one for one, pace in self._paces.items() if pace.is_fresh(now)]:
            del self._paces[integration_id]
        return {integration_id: pace.room(now) for integration_id, pace in self._paces.items()}

    async def _paced(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return the claims whose senders may send now; give the others back until it is their turn."""
        rates = [(claim, segments_per_second(claim.provider, claim.sender)) for claim in claims]
        limited = [(claim, claim.segments, rate) for claim, rate in rates if claim.segments and rate is not None]
        waits = await self._services.pacer.take(
            [Turn(f"{claim.account_sid}:{claim.sender.value}", segments, rate) for claim, segments, rate in limited]
        )
        soonest: dict[int, timedelta] = {}
        waiting = [(claim, wait) for (claim, _, _), wait in zip(limited, waits, strict=True) if wait]
        for claim, wait in reversed(waiting):  # the first of each has the shortest wait
            soonest[claim.integration_id] = wait
        for integration_id, wait in soonest.items():
            self._hold_back(integration_id, wait)
        await give_back(self._services.store, waiting)
        held = {claim.reminder_id for claim, _ in waiting}
        return [claim for claim in claims if claim.reminder_id not in held]

    def _hold_back(self, integration_id: int, wait: timedelta) -> None:
        self._paces[integration_id].held_back(time.monotonic(), wait.total_seconds())
        asyncio.get_running_loop().call_later(wait.total_seconds(), self._wake.set)

    def _begin(self, handover: Handover, marked_at: float) -> None:
        self._paces[handover.integration_id].under_way += 1
        task = asyncio.create_task(self._hand_over(handover, marked_at))
        self._under_way.add(task)
        task.add_done_callback(lambda done: self._finished(done, handover.integration_id))

    async def _hand_over(self, handover: Handover, marked_at: float) -> None:
        answer = await self._answer(handover, marked_at)
        self._answers.append((handover, answer))
        self._answered.set()
        self._paces[handover.integration_id].answered(answer, time.monotonic())

    def _finished(self, task: asyncio.Task[None], integration_id: int) -> None:
        """Wake the loop where there is room for more, or when there will be."""
        self._under_way.discard(task)
        pace, now = self._paces[integration_id], time.monotonic()
        if pace.paused_until > now:
            asyncio.get_running_loop().call_later(pace.paused_until - now, self._wake.set)
        elif pace.room(now):
            self._wake.set()

    async def _answer(self, handover: Handover, marked_at: float) -> Answer:
        try:
            begin_by = marked_at + self._services.store.times.start_window.total_seconds()
            message = self._message(handover, begin_by)
            channel = self._services.channels.of(handover.kind, handover.provider)
        except BrokenSeal:
            log.error("cannot open credentials", connection=handover.connection_id)
            return Refused(0, Fault.CREDENTIALS, "The stored keys of the account cannot be opened. Connect again.")
        except Exception:
            log.exception("cannot begin", reminder=handover.reminder_id)
            return Unreached("An error on our side came before anything was sent.")
        return await channel.send(message)

    def _message(self, handover: Handover, begin_by: float) -> Message:
        return Message(
            credentials=self._services.vault.open(
                handover.sealed_credentials, organization_id=handover.organization_id
            ),
            sender=handover.sender,
            to=handover.to,
            text=handover.text,
            correlation=handover.correlation,
            begin_by=begin_by,
            letter=handover.letter,
        )

    async def _record_answers(self) -> None:
        """Record whatever has been answered meanwhile, until stopped and all is recorded."""
        while not (self._stopping and not self._under_way and not self._answers):
            await self._answered.wait()
            self._answered.clear()
            batch, self._answers = self._answers, []
            await self._recorder.record(batch)
        await self._recorder.finish()
