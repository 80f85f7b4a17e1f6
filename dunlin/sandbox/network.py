"""The pretended phone network: it moves messages through their statuses and reports each change."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from dunlin.sandbox.courier import Courier
from dunlin.sandbox.inbound_text import InboundText, inbound_webhook
from dunlin.sandbox.message import Message, Status, Step, advanced, steps_ahead
from dunlin.sandbox.status_callback import status_callback
from dunlin.sandbox.webhook import Webhook
from dunlin.sandbox.world import World

_Reports = asyncio.Queue[Webhook | None]


class Network:
    """Carries messages, each in a task of its own, until `close`."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier
        self._tasks: set[asyncio.Task[None]] = set()

    def carry(self, message: Message) -> asyncio.Event:
        """Begin the journey of `message`. The event is set when its first callback is over, or needless."""
        first_report = asyncio.Event()
        self._start(self._travel(message, first_report))
        return first_report

    def carry_unfinished(self) -> None:
        """Begin again where an earlier run of the sandbox stopped."""
        for message in list(self._world.ledger.newest_first()):
            if not message.status.is_final and message.account_sid in self._world.accounts:
                self.carry(message)

    def report(self, message: Message) -> None:
        """Report a status that came about by a request."""
        callback = self._callback(message)
        if callback:
            self._start(self._courier.deliver(callback))

    def bring(self, text: InboundText, address: str) -> None:
        """Tell the account of a text that came in."""
        token = self._world.accounts[text.account_sid].auth_token
        webhook = inbound_webhook(text, address, token)
        self._start(self._courier.deliver(webhook, self._world.behaviour.repeat_callbacks))

    async def close(self) -> None:
        """Stop everything under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _travel(self, message: Message, first_report: asyncio.Event) -> None:
        reports: _Reports = asyncio.Queue()
        # Reports have a task of their own: a receiver that is slow to answer delays no status.
        async with asyncio.TaskGroup() as group:
            group.create_task(self._report_all(reports, first_report))
            await self._advance(message, reports)
            reports.put_nowait(None)

    async def _advance(self, message: Message, reports: _Reports) -> None:
        fate = self._world.draw_fate(message)
        for step in steps_ahead(message, fate, self._world.behaviour, datetime.now(UTC)):
            await asyncio.sleep(step.wait.total_seconds())
            # It may have been canceled meanwhile, or be too old for the ledger's memory.
            message = self._world.ledger.find(message.sid) or message
            if message.status is Status.CANCELED:
                return
            message = self._take(message, step)
            callback = self._callback(message)
            if callback:
                reports.put_nowait(callback)

    def _take(self, message: Message, step: Step) -> Message:
        after = advanced(message, step, self._world.chosen_sender(message), datetime.now(UTC))
        self._world.ledger.change(message, after)
        return after

    def _callback(self, message: Message) -> Webhook | None:
        if not message.callback_url:
            return None
        token = self._world.accounts[message.account_sid].auth_token
        return status_callback(message, message.callback_url, token)

    async def _report_all(self, reports: _Reports, first_report: asyncio.Event) -> None:
        """Make the callbacks of one message: in order, or all at the end in an order drawn by lot."""
        if self._world.behaviour.shuffle_callbacks:
            reports = await self._shuffled(reports)
        while callback := await reports.get():
            if self._world.chance.random() >= self._world.behaviour.lose_callbacks_rate:
                await self._courier.deliver(callback, self._world.behaviour.repeat_callbacks)
            first_report.set()
        first_report.set()

    async def _shuffled(self, reports: _Reports) -> _Reports:
        callbacks = []
        while callback := await reports.get():
            callbacks.append(callback)
        self._world.chance.shuffle(callbacks)
        shuffled: _Reports = asyncio.Queue()
        for callback in (*callbacks, None):
            shuffled.put_nowait(callback)
        return shuffled
