"""Weeks in the life of an organization, hour by hour, on a clock that the test moves.

Everything is done by the actions that the worker and the API call; only time and the carrier are played. The weeks lie
in the past, because claims go by the database's own clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.deliver import Handover
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.actions.record import record_answers
from dunlin.domain.actions.record_payment import record_payment
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.actions.resume_cases import resume_cases
from dunlin.domain.carrier import Accepted, Answer, StatusReport
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.case_input import NewCase
from dunlin.domain.rules.payment import NewPayment
from dunlin.domain.store import rows
from dunlin.domain.tables import CaseStep, CollectionCase, CollectionCycle, Reminder
from dunlin.runtime.wiring import Services
from tests.build import a_viewer, open_one
from tests.delivery import mark

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sent:
    """One text that the carrier took."""

    at: datetime
    to: str
    text: str
    reminder_id: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a text: what the carrier answers, and what it reports an hour later; None for no report."""

    answer: Answer
    report: ReminderStatus | None = ReminderStatus.DELIVERED
    error_code: int | None = None


def delivered(handover: Handover) -> Fate:
    return Fate(Accepted(f"SM{handover.reminder_id:032x}"))


@dataclass(slots=True)
class Story:
    services: Services
    cycle: CollectionCycle
    now: datetime
    fate_of: Callable[[Handover], Fate] = delivered
    sent: list[Sent] = field(default_factory=list)
    _reports: list[tuple[datetime, Handover, Fate]] = field(default_factory=list)

    async def open(self, case: NewCase) -> CollectionCase:
        return await open_one(self.services, self.cycle, case, now=self.now)

    async def pay(self, case: CollectionCase, amount: str) -> None:
        payment = NewPayment(Decimal(amount), case.currency, None, None)
        viewer = a_viewer(await case.organization)
        await record_payment(
            self.services.store, viewer, case_id=case.id, payment=payment, idempotency_key=None, now=self.now
        )

    async def pass_days(self, days: int) -> None:
        """Let every hour of so many days pass, with all that is due in it."""
        until = self.now + days * DAY
        while self.now < until:
            await self.work()
            self.now += HOUR

    def sleep_days(self, days: int) -> None:
        """Let time pass with no worker running."""
        self.now += days * DAY

    async def work(self) -> None:
        """Do what the worker does in this moment, until there is nothing left to do."""
        await self._report()
        await resume_cases(self.services.store, self.now)
        while await plan_reminders(self.services.store, self.now):
            pass
        await rows("UPDATE reminder SET lease_until = NULL WHERE status = 'SCHEDULED'")  # an hour ends every lease
        while handovers := await self._begin():
            fates = [(handover, self.fate_of(handover)) for handover in handovers]
            await record_answers(self.services.store, [(one, fate.answer) for one, fate in fates], self.now)
            for handover, fate in fates:
                if isinstance(fate.answer, Accepted):
                    self.sent.append(Sent(self.now, handover.to, handover.text, handover.reminder_id))
                    self._reports.append((self.now + HOUR, handover, fate))

    async def _begin(self) -> list[Handover]:
        claims = await claim_reminders(self.services.store, limit=500)
        due = {row.id for row in await Reminder.filter(status=ReminderStatus.SCHEDULED, scheduled_for__lte=self.now)}
        return await mark(self.services, [one for one in claims if one.reminder_id in due], self.now)

    async def _report(self) -> None:
        due = [one for one in self._reports if one[0] <= self.now]
        self._reports = [one for one in self._reports if one[0] > self.now]
        for _, handover, fate in due:
            if fate.report is not None:
                report = StatusReport("AC1", f"SM{handover.reminder_id:032x}", fate.report, fate.error_code, None)
                await record_report(self.services.store, handover.correlation, report, self.now)

    async def steps_of(self, case: CollectionCase) -> list[str]:
        """Return how each step of a case ended, in plain words."""
        steps = await CaseStep.filter(case_id=case.id).order_by("position")
        return [step.skipped_reason or step.state.value for step in steps]

    def texts_to(self, phone: str) -> list[str]:
        return [one.text for one in self.sent if one.to == phone]

    def days_of(self, phone: str, zone: str = "Europe/Brussels") -> list[str]:
        return [f"{one.at.astimezone(ZoneInfo(zone)):%a %d %b %H:%M}" for one in self.sent if one.to == phone]
