"""The sending loop of one worker process: claim, mark, hand over many at a time, record many at once."""

import asyncio
import time
from datetime import UTC, datetime

import structlog

from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.deliver import Handover, mark_sending
from dunlin.domain.carrier import Answer, Fault, Message, Refused, Unreached
from dunlin.domain.vault import BrokenSeal
from dunlin.jobs.answer_recorder import AnswerRecorder
from dunlin.runtime.wiring import Services

_PAUSE_AFTER_ERROR_S = 1.0
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # counts suspension, where the system can

log = structlog.get_logger()


class Deliverer:
    """Sends until nothing is due, then sleeps until it is woken. One per process."""

    def __init__(self, services: Services, *, concurrency: int = 64) -> None:
        self._services = services
        self._concurrency = concurrency
        self._wake = asyncio.Event()
        self._stopping = False
        self._under_way: set[asyncio.Task[None]] = set()
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
        room = self._concurrency - len(self._under_way)
        if room < self._concurrency // 4:
            return 0  # whoever finishes wakes us; few transactions for many are cheaper than many for few
        claims = await claim_reminders(self._services.store, limit=room)
        marked_at = time.clock_gettime(_BOOT_CLOCK)
        for handover in await mark_sending(self._services.store, claims, datetime.now(UTC)):
            task = asyncio.create_task(self._hand_over(handover, marked_at))
            self._under_way.add(task)
            task.add_done_callback(self._finished)
        return len(claims)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._wake.set()

    async def _hand_over(self, handover: Handover, marked_at: float) -> None:
        answer = await self._answer(handover, marked_at)
        self._answers.append((handover, answer))
        self._answered.set()

    async def _answer(self, handover: Handover, marked_at: float) -> Answer:
        try:
            channel, message = self._services.channels[handover.provider], self._message(handover)
        except BrokenSeal:
            log.error("cannot open credentials", connection=handover.connection_id)
            return Refused(0, Fault.CREDENTIALS, "The stored keys of the account cannot be opened. Connect again.")
        except Exception:
            log.exception("cannot begin", reminder=handover.reminder_id)
            return Unreached("An error on our side came before anything was sent.")
        if time.clock_gettime(_BOOT_CLOCK) - marked_at > self._services.store.times.start_window.total_seconds():
            return Unreached("The worker was held up before it could begin.")
        return await channel.send(message)

    def _message(self, handover: Handover) -> Message:
        return Message(
            credentials=self._services.vault.open(
                handover.sealed_credentials, organization_id=handover.organization_id
            ),
            sender=handover.sender,
            to=handover.to,
            text=handover.text,
            callback_path=f"/webhooks/twilio/{handover.correlation}",
        )

    async def _record_answers(self) -> None:
        """Record whatever has been answered meanwhile, until stopped and all is recorded."""
        while not (self._stopping and not self._under_way and not self._answers):
            await self._answered.wait()
            self._answered.clear()
            batch, self._answers = self._answers, []
            await self._recorder.record(batch)
        await self._recorder.finish()
