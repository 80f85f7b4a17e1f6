"""The pretended post: it brings mails to their end and tells their senders, where there is something to tell."""

import asyncio
from datetime import UTC, datetime

from dunlin.sandbox.courier import Courier
from dunlin.sandbox.mail import Mail, ended
from dunlin.sandbox.mail_report import delivery_report
from dunlin.sandbox.world import World


class PostOffice:
    """Carries mails, each in a task of its own, until `close`."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier
        self._tasks: set[asyncio.Task[None]] = set()

    def carry(self, mail: Mail) -> asyncio.Event:
        """Begin the journey of `mail`. The event is set when its report has been brought, or there is none."""
        reported = asyncio.Event()
        task = asyncio.create_task(self._travel(mail, reported))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return reported

    def carry_unfinished(self) -> None:
        """Begin again where an earlier run of the sandbox stopped."""
        for mail in list(self._world.ledger.mails_newest_first()):
            if not mail.status.is_final and mail.account_sid in self._world.accounts:
                self.carry(mail)

    async def close(self) -> None:
        """Stop everything under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _travel(self, mail: Mail, reported: asyncio.Event) -> None:
        behaviour = self._world.behaviour
        fate = self._world.draw_fate_of_mail(mail)
        await asyncio.sleep(behaviour.sent_delay_s + behaviour.delivered_delay_s)
        after = ended(mail, fate, datetime.now(UTC))
        self._world.ledger.change_mail(mail, after)
        # A report on a mail without a sender would go to nobody: so no two servers report to each other for ever.
        if fate.is_reported and mail.sender:
            await self._report(after)
        reported.set()

    async def _report(self, mail: Mail) -> None:
        behaviour = self._world.behaviour
        if self._world.chance.random() >= behaviour.lose_callbacks_rate and self._world.reports_to:
            await self._courier.bring(delivery_report(mail), self._world.reports_to, behaviour.repeat_callbacks)
