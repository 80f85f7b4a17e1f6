"""The sending loop of one worker process: claim, pace, mark, hand over many at a time, record many at once."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from dunlin.domain.actions.claim_reminders import A_MOMENT, Claim, claim_reminders, give_back
from dunlin.domain.actions.deliver import Handover, mark_sending
from dunlin.domain.carrier import Answer, Credentials, Fault, Message, Refused, Throttled, Unreached
from dunlin.domain.rules.account_pace import FIRST, AccountPace
from dunlin.domain.rules.pace import segments_per_second
from dunlin.domain.store import database_time
from dunlin.domain.times import boot_time
from dunlin.domain.vault import BrokenSeal
from dunlin.jobs.answer_recorder import AnswerRecorder
from dunlin.runtime.pacer import Turn
from dunlin.runtime.wiring import Services

_BATCH = 128  # claimed and marked together
_MARKING = 2  # batches at once: one waits for the database while the other is decided about
_PAUSE_AFTER_ERROR_S = 1.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Account:
    """What this worker has for one integration: those that are marked, with the moment, go as places become free."""

    pace: AccountPace = field(default_factory=AccountPace)
    marked: deque[tuple[Handover, float]] = field(default_factory=deque)
    opened: tuple[bytes, Credentials] | None = None  # the last keys, sealed and open, while something is under way


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
        self._ended = False
        self._under_way: set[asyncio.Task[None]] = set()
        self._accounts: defaultdict[int, _Account] = defaultdict(_Account)  # by integration
        self._answers: list[tuple[Handover, Answer]] = []
        self._answered = asyncio.Event()
        self._recorder = AnswerRecorder(services.store)
        self._marking: set[asyncio.Task[None]] = set()
        self._letting_go: set[asyncio.Task[None]] = set()

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
        await self._until_marked()
        while self._under_way:  # whoever finishes lets another one go
            await asyncio.wait(self._under_way)
        self._ended = True
        self._answered.set()
        await recorder
        await asyncio.gather(*self._letting_go)

    async def _take(self) -> int:
        """Claim as many as there is room for, and have them marked and begun meanwhile; return how many they are."""
        under_way = sum(account.pace.under_way for account in self._accounts.values())
        room = min(self._concurrency - under_way, _BATCH)
        if room < min(self._concurrency, _BATCH) // 4:
            return 0  # whoever finishes wakes us
        rooms = self._rooms(time.monotonic())
        claims = await claim_reminders(self._services.store, limit=room, room=FIRST, rooms=rooms)
        if going := await self._paced(claims):
            while len(self._marking) == _MARKING:
                await asyncio.wait(self._marking, return_when=asyncio.FIRST_COMPLETED)
            for claim in going:
                self._accounts[claim.integration_id].pace.ready += 1
            task = asyncio.create_task(self._mark(going))
            self._marking.add(task)
            task.add_done_callback(self._marking.discard)
        return len(claims)

    async def _until_marked(self) -> None:
        if self._marking:
            await asyncio.wait(self._marking)

    async def _mark(self, claims: Sequence[Claim]) -> None:
        """Mark and begin what is claimed. The next are claimed meanwhile."""
        left = claims
        try:
            left = await self._begin(left)
            if left:  # mostly what another worker's look for work had locked, which is over by now
                left = await self._begin(left)
            if left:
                self._let_go_later(left)
        except Exception:  # the database is away: what is claimed can be claimed again after its lease
            log.exception("cannot mark reminders")
            await asyncio.sleep(_PAUSE_AFTER_ERROR_S)
        self._no_longer_ready(left)

    def _let_go_later(self, claims: Sequence[Claim]) -> None:
        """Let go of what others hold when they may be done: until then it could not even be let go of."""

        async def let_go() -> None:
            await asyncio.sleep(A_MOMENT.total_seconds())
            try:
                await give_back(self._services.store, [(claim, timedelta(0)) for claim in claims])
            except Exception:  # its claim runs out
                log.exception("cannot let go of reminders")
            self._wake.set()

        task = asyncio.create_task(let_go())
        self._letting_go.add(task)
        task.add_done_callback(self._letting_go.discard)

    async def _begin(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Mark and begin what nobody else holds; return the others."""
        marked_at = boot_time()
        marked = await mark_sending(self._services.store, claims, await database_time())
        kept = {handover.reminder_id for handover in marked.handovers}
        kept |= {claim.reminder_id for claim in marked.passed_over}
        self._no_longer_ready([claim for claim in claims if claim.reminder_id not in kept])
        for handover in marked.handovers:
            account = self._accounts[handover.integration_id]
            account.marked.append((handover, marked_at))
            self._let_go(account)
        return marked.passed_over

    def _no_longer_ready(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            self._accounts[claim.integration_id].pace.ready -= 1
        self._wake.set()

    def _rooms(self, now: float) -> dict[int, int]:
        for integration_id in [one for one, account in self._accounts.items() if account.pace.is_fresh(now)]:
            del self._accounts[integration_id]
        return {integration_id: account.pace.room(now) for integration_id, account in self._accounts.items()}

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
        self._accounts[integration_id].pace.held_back(time.monotonic(), wait.total_seconds())
        asyncio.get_running_loop().call_later(wait.total_seconds(), self._wake.set)

    def _let_go(self, account: _Account) -> None:
        """Have as many go on the way as there are places."""
        while (following := self._following(account)) is not None:
            task = asyncio.create_task(self._hand_over_in_turn(*following, account))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    def _following(self, account: _Account) -> tuple[Handover, float] | None:
        """Return the next that goes, in a place of its own; None if there is none, or no place."""
        if not account.marked or not account.pace.has_place:
            return None
        account.pace.begins()
        return account.marked.popleft()

    async def _hand_over_in_turn(self, handover: Handover, marked_at: float, account: _Account) -> None:
        """Hand over one after the other: to begin anew, each would have to wait for its turn in this process."""
        following: tuple[Handover, float] | None = handover, marked_at
        while following is not None:
            await self._hand_over(*following, account)
            following = self._following(account)
            self._let_go(account)
            self._look_ahead(account)

    async def _hand_over(self, handover: Handover, marked_at: float, account: _Account) -> None:
        began = time.monotonic()
        answer = await self._answer(handover, marked_at)
        self._answers.append((handover, answer))
        if isinstance(answer, Throttled):  # the others would hear the same
            self._answers += [(other, answer) for other, _ in account.marked]
            account.pace.ready -= len(account.marked)
            account.marked.clear()
        self._answered.set()
        now = time.monotonic()
        account.pace.answered(answer, now, now - began)

    def _look_ahead(self, account: _Account) -> None:
        """Wake the loop where there is room for more, or when there will be."""
        if not account.pace.under_way:
            account.opened = None
        now = time.monotonic()
        if account.pace.paused_until > now:
            asyncio.get_running_loop().call_later(account.pace.paused_until - now, self._wake.set)
        elif account.pace.room(now):
            self._wake.set()

    async def _answer(self, handover: Handover, marked_at: float) -> Answer:
        try:
            message = self._message(handover, marked_at)
            channel = self._services.channels.of(handover.kind, handover.provider)
        except BrokenSeal:
            log.error("cannot open credentials", connection=handover.connection_id)
            return Refused(0, Fault.CREDENTIALS, "The stored keys of the account cannot be opened. Connect again.")
        except Exception:
            log.exception("cannot begin", reminder=handover.reminder_id)
            return Unreached("An error on our side came before anything was sent.")
        return await channel.send(message)

    def _message(self, handover: Handover, marked_at: float) -> Message:
        return Message(
            credentials=self._open(handover),
            sender=handover.sender,
            to=handover.to,
            text=handover.text,
            correlation=handover.correlation,
            begin_by=marked_at + self._services.store.times.start_window.total_seconds(),
            letter=handover.letter,
        )

    def _open(self, handover: Handover) -> Credentials:
        account, sealed = self._accounts[handover.integration_id], handover.sealed_credentials
        if account.opened is None or account.opened[0] != sealed:
            account.opened = sealed, self._services.vault.open(sealed, organization_id=handover.organization_id)
        return account.opened[1]

    async def _record_answers(self) -> None:
        """Record whatever has been answered meanwhile, until there is nothing more to come."""
        while not self._ended or self._answers:
            await self._answered.wait()
            self._answered.clear()
            batch, self._answers = self._answers, []
            await self._recorder.record(batch)
        await self._recorder.finish()
