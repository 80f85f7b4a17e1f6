"""The simulated world: production actions on a real PostgreSQL, with time, workers and the carrier in our hands."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from dunlin.domain.actions.cancel_reminder import cancel_reminder
from dunlin.domain.actions.claim_reminders import A_MOMENT, Claim, claim_reminders, give_back
from dunlin.domain.actions.confirm_sent import confirm_reminder_sent
from dunlin.domain.actions.deliver import Handover, mark_sending
from dunlin.domain.actions.destroy_credentials import destroy_credentials
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.edit_step import StepEdit, edit_step
from dunlin.domain.actions.look_up import Inquiry, claim_silent, claim_unconfirmed
from dunlin.domain.actions.opt_out_customer import Said, opt_in_customer, opt_out_customer
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.actions.record import record_answers
from dunlin.domain.actions.record_payment import record_payment
from dunlin.domain.actions.record_reports import find_attempts, record_report
from dunlin.domain.actions.resend_reminder import resend_reminder
from dunlin.domain.actions.sweep import sweep_sending
from dunlin.domain.carrier import Accepted, Answer, TwilioCredentials
from dunlin.domain.choices import IntegrationKind, IntegrationStatus, OptOutSource
from dunlin.domain.errors import Refusal
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.caps import NO_LIMITS, Limits
from dunlin.domain.rules.payment import NewPayment
from dunlin.domain.store import database_time, rows
from dunlin.domain.tables import (
    Account,
    CollectionCase,
    CollectionCycle,
    CollectionStep,
    Customer,
    Integration,
    Organization,
    Reminder,
)
from tests.build import SMS, a_cycle, a_new_case, a_viewer, an_account, an_organization, connect_sms, open_one
from tests.fault.simulation.carrier import Call, Fate, History, Report, Taken
from tests.fault.simulation.ground import Ground
from tests.fault.simulation.promises import BrokenPromise, Promises

A_DAY = timedelta(days=1)
_SAID = Said(OptOutSource.PHONE_CALL, "The clerk heard it.")
_MOST_ROUNDS = 100  # to the end, from each moment at which something is due to the next
BETWEEN_LOOKS = timedelta(minutes=2, seconds=30)
_GAP = Limits(minimum_gap_hours=24, maximum_per_week=3)


@dataclass(frozen=True, slots=True)
class Marked:
    """What a worker has marked, and when it began to, by its boot clock."""

    handover: Handover
    marked_at: float


@dataclass(frozen=True, slots=True)
class Calling:
    """A call that a worker waits for; it is connecting, and nothing has left yet."""

    handover: Handover
    answer: asyncio.Task[Answer]


@dataclass(frozen=True, slots=True)
class Asking:
    """A question that the carrier has answered; the worker has not heard it yet."""

    inquiry: Inquiry
    hearing: asyncio.Task[None]


class Act(StrEnum):
    """How what is being handed over is ended meanwhile."""

    PAY = "pay"
    PAY_A_PART = "pay a part"
    OPT_OUT = "opt out"
    DISCONNECT = "disconnect"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An act that waits for calls under way before it is reported done."""

    act: asyncio.Task[Any]
    report: Callable[[Any], None]


@dataclass(slots=True)
class Worker:
    """All that a worker process holds in its memory."""

    claims: list[Claim] = field(default_factory=list)
    marked: list[Marked] = field(default_factory=list)
    calling: list[Calling] = field(default_factory=list)
    answers: list[tuple[Handover, Answer]] = field(default_factory=list)
    asking: list[Asking] = field(default_factory=list)


@dataclass(slots=True)
class World:
    ground: Ground
    account: Account
    organizations: list[Organization] = field(default_factory=list)
    cycles: dict[int, CollectionCycle] = field(default_factory=dict)
    cases: list[CollectionCase] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    promises: Promises = field(default_factory=Promises)
    waiting: list[Waiting] = field(default_factory=list)
    skew: timedelta = timedelta(0)
    _read: int = 0  # of the ledger
    _reported: int = 0  # of the ledger: what was reported in full in the end

    @classmethod
    async def begin(cls, ground: Ground, *, organizations: int, workers: int, limited: bool) -> "World":
        await ground.reset()
        world = cls(ground, await an_account(), workers=[Worker() for _ in range(workers)])
        for number in range(organizations):
            limits = _GAP if limited else NO_LIMITS
            organization = await an_organization(world.account, name=f"Waterworks {number}", limits=limits)
            await connect_sms(ground.services, organization, now=ground.clock.now)
            world.organizations.append(organization)
            world.cycles[organization.id] = await a_cycle(organization, (SMS, SMS), days=(7, 8))
        return world

    @property
    def ledger(self) -> list[Taken]:
        return self.ground.carrier.ledger

    @property
    def reporting(self) -> list[Taken]:
        """The messages that the carrier says anything of."""
        return [message for message in self.ledger if message.reports]

    @property
    def now(self) -> datetime:
        return self.ground.clock.now

    async def is_due(self) -> bool:
        """Return whether a worker would find something to claim."""
        return bool(await rows(_CLAIMABLE))

    @property
    def wall_clock(self) -> datetime:
        """What the clerks' machine takes for the time."""
        return self.now + self.skew

    # Customers, clerks and their money.

    async def open_case(self, organization: Organization, customer: int) -> None:
        number = len(self.cases) + 1
        case = a_new_case(
            f"INV-{number}", customer=f"C-{customer}", phone=f"+4477009{organization.id:02d}{customer:03d}"
        )
        opened = await open_one(self.ground.services, self.cycles[organization.id], case, now=self.wall_clock)
        self.cases.append(opened)

    async def pay(self, case: CollectionCase, amount: Decimal) -> None:
        payment = record_payment(
            self.ground.store,
            a_viewer(self.account),
            case_id=case.id,
            payment=NewPayment(amount, case.currency, None, None),
            idempotency_key=None,
            now=self.wall_clock,
        )
        await self._begin(payment, self.promises.paid)

    async def turn_opt_out(self, case: CollectionCase) -> None:
        """Opt a customer out of texts; or in again, who is out."""
        store, viewer, customer_id = self.ground.store, a_viewer(self.account), case.customer_id
        if (await Customer.get(id=customer_id)).sms_opted_out_at is None:
            await opt_out_customer(store, viewer, customer_id=customer_id, said=_SAID, now=self.wall_clock)
            self.promises.opted_out(customer_id)
        else:
            await opt_in_customer(store, viewer, customer_id=customer_id, said=_SAID, now=self.wall_clock)
            self.promises.opted_in(customer_id)

    async def resend(self, pick: int) -> None:
        failed = await rows(_TO_RESEND)
        if not failed:
            return
        reminder_id = failed[pick % len(failed)]["id"]
        try:
            await resend_reminder(
                self.ground.store,
                a_viewer(self.account),
                reminder_id=reminder_id,
                idempotency_key=None,
                now=self.wall_clock,
            )
        except Refusal:
            return
        self.promises.resent(reminder_id)

    async def confirm(self, pick: int) -> None:
        """Have a person say that a text was sent of which nobody knows."""
        unconfirmed = await Reminder.filter(status=ReminderStatus.UNCONFIRMED).order_by("id")
        if unconfirmed:
            chosen = unconfirmed[pick % len(unconfirmed)]
            viewer = a_viewer(self.account)
            await confirm_reminder_sent(self.ground.store, viewer, reminder_id=chosen.id, now=self.wall_clock)
            self.promises.confirmed(chosen.id)

    async def cancel(self, pick: int) -> None:
        scheduled = await Reminder.filter(status=ReminderStatus.SCHEDULED).order_by("id")
        if scheduled:
            chosen = scheduled[pick % len(scheduled)]
            await cancel_reminder(self.ground.store, a_viewer(self.account), reminder_id=chosen.id, now=self.wall_clock)

    # Connecting and disconnecting.

    async def turn_connection(self, organization: Organization) -> None:
        """Disconnect what is connected, connect what is not."""
        connection_id = (await self.integration(organization)).connection_id
        if connection_id is None:
            await self.reconnect(organization)
        else:
            await self.disconnect(organization, connection_id)

    async def disconnect(self, organization: Organization, connection_id: int) -> None:
        ended = [reminder.id for reminder in await Reminder.filter(organization_id=organization.id)]
        disconnect = disconnect_integration(
            self.ground.store,
            a_viewer(self.account),
            organization_id=organization.id,
            kind=IntegrationKind.SMS,
            confirmed=True,
            impact_token=None,
            now=self.wall_clock,
        )
        await self._begin(disconnect, lambda _: self.promises.disconnected(connection_id, ended))

    async def reconnect(self, organization: Organization) -> None:
        """Connect where that is needed, and choose SMS for the steps again."""
        if (await self.integration(organization)).status is IntegrationStatus.CONNECTED:
            return
        await connect_sms(self.ground.services, organization, now=self.wall_clock)
        for step in await CollectionStep.filter(cycle_id=self.cycles[organization.id].id).order_by("id"):
            await edit_step(
                self.ground.store,
                a_viewer(self.account),
                step_id=step.id,
                expected_version=None,
                edit=StepEdit(communication_method=SMS),
                apply_to_open_cases=False,
            )

    def is_under_way(self) -> bool:
        return any(worker.marked or worker.calling for worker in self.workers)

    async def end_under_way(self, act: Act) -> None:
        """End the first of what workers have marked and not yet handed over."""
        handovers = [one.handover for worker in self.workers for one in worker.marked]
        handovers += [one.handover for worker in self.workers for one in worker.calling]
        reminder = await Reminder.get(id=handovers[0].reminder_id)
        case = await CollectionCase.get(id=reminder.case_id)
        match act:
            case Act.PAY | Act.PAY_A_PART:
                await self.pay(case, Decimal(100 if act is Act.PAY else 10))
            case Act.OPT_OUT:
                await self.turn_opt_out(case)
            case Act.DISCONNECT:
                organization = await Organization.get(id=reminder.organization_id)
                await self.turn_connection(organization)

    async def integration(self, organization: Organization) -> Integration:
        return await Integration.get(organization_id=organization.id, kind=IntegrationKind.SMS)

    async def _begin(self, act: Coroutine[Any, Any, Any], report: Callable[[Any], None]) -> None:
        """Begin what may have to wait for calls under way; `report` is called when it is done."""
        waiting = Waiting(asyncio.create_task(act), report)
        if await self._is_waiting(waiting):
            self.waiting.append(waiting)

    async def look_at_waiting(self) -> None:
        """Have everybody who waits look again whether something is under way."""
        self.waiting = [one for one in self.waiting if await self._is_waiting(one)]

    async def _is_waiting(self, waiting: Waiting) -> bool:
        if await self.ground.turns.next(waiting.act) is not None:
            return True
        with suppress(Refusal):  # nothing was changed, so nothing is promised
            waiting.report(waiting.act.result())
        return False

    # Workers.

    async def plan(self) -> None:
        await plan_reminders(self.ground.store, await database_time())

    async def claim(self, worker: Worker, limit: int) -> None:
        # Between organizations chance decides, and an example must come to the same when it is tried again.
        limit = limit if len(self.organizations) == 1 else 50
        claimed = await claim_reminders(self.ground.store, limit=limit)
        worker.claims += sorted(claimed, key=lambda claim: claim.reminder_id)

    async def mark(self, worker: Worker, stall: timedelta) -> None:
        """Mark what the worker has claimed; the database is slow meanwhile, for `stall`."""
        claims, worker.claims = worker.claims, []
        marked_at = self.ground.clock.boot_s
        now = await database_time()
        if stall:
            await self.let_pass(stall)
        marked = await mark_sending(self.ground.store, claims, now)
        await self.promises.mark(marked.handovers, self.now)
        worker.marked += [Marked(handover, marked_at) for handover in marked.handovers]
        await give_back(self.ground.store, [(claim, A_MOMENT) for claim in marked.passed_over])

    async def give_back(self, worker: Worker) -> None:
        """Let go of what is claimed, as a worker does whose sender has had its turn."""
        claims, worker.claims = worker.claims, []
        await give_back(self.ground.store, [(claim, timedelta(seconds=2)) for claim in claims])

    async def call(self, worker: Worker, pick: int) -> Calling | None:
        """Begin one call; return it unless the worker has decided against."""
        marked = worker.marked.pop(pick % len(worker.marked))
        answer = asyncio.create_task(self.ground.deliverer._answer(marked.handover, marked.marked_at))
        if await self.ground.turns.next(answer) is None:
            worker.answers.append((marked.handover, answer.result()))
            return None
        calling = Calling(marked.handover, answer)
        worker.calling.append(calling)
        return calling

    async def arrive(self, worker: Worker, calling: Calling, fate: Fate, history: History) -> None:
        """Let a call connect; if the worker goes on then, it leaves for the carrier and is answered."""
        worker.calling.remove(calling)
        call: Call | None = await self.ground.turns.next(calling.answer)
        if call is not None:
            if fate is not Fate.NEVER_CONNECTED:
                await self.promises.post(call)
            self.ground.carrier.decide(call, fate, history)
            self._read_ledger()
            await self.ground.turns.next(calling.answer)
        worker.answers.append((calling.handover, calling.answer.result()))

    def _read_ledger(self) -> None:
        for message in self.ledger[self._read :]:
            self.promises.taken(message)
        self._read = len(self.ledger)

    async def hand_over(self, worker: Worker, pick: int, fate: Fate, history: History) -> None:
        """Make one call that arrives at once."""
        if calling := await self.call(worker, pick):
            await self.arrive(worker, calling, fate, history)

    async def record(self, worker: Worker, *, at_once: bool, forget: bool) -> None:
        """Record one answer or all; a worker that does not hear that it is done does not forget, and comes again."""
        answers = worker.answers if at_once else worker.answers[:1]
        await record_answers(self.ground.store, answers, await database_time())
        for handover, answer in answers:
            if isinstance(answer, Accepted):
                self.promises.told(handover.reminder_id, ReminderStatus.SENT)
        if forget:
            worker.answers = worker.answers[len(answers) :]

    async def go_on(self, worker: Worker, fate: Fate, history: History) -> None:
        """Do what the worker would do next."""
        if worker.answers:
            await self.record(worker, at_once=True, forget=True)
        elif worker.calling:
            await self.arrive(worker, worker.calling[0], fate, history)
        elif worker.marked:
            await self.hand_over(worker, 0, fate, history)
        elif worker.claims:
            await self.mark(worker, timedelta(0))
        else:
            await self.claim(worker, 2)

    async def send(self, worker: Worker, history: History) -> None:
        """Claim, mark, hand over and record whatever is due, without any trouble."""
        await self.claim(worker, 50)
        await self.mark(worker, timedelta(0))
        while worker.marked:
            await self.hand_over(worker, 0, Fate.ACCEPTED, history)
        if worker.answers:
            await self.record(worker, at_once=True, forget=True)

    async def crash(self, worker: Worker) -> None:
        """The worker forgets all that it held, and is started anew."""
        for task in [calling.answer for calling in worker.calling] + [asking.hearing for asking in worker.asking]:
            task.cancel()
            await asyncio.wait([task])
        worker.claims, worker.marked, worker.calling, worker.answers, worker.asking = [], [], [], [], []

    async def sweep(self) -> None:
        await sweep_sending(self.ground.store, await database_time())

    async def ask(self, worker: Worker) -> None:
        """Ask the carrier about all that it keeps silent of, as far as it is time to."""
        store, reconciler = self.ground.store, self.ground.reconciler
        inquiries = await claim_unconfirmed(store, limit=100) + await claim_silent(store, limit=100)
        for inquiry in sorted(inquiries, key=lambda inquiry: inquiry.reminder_id):  # for they come in no order
            message_id = inquiry.provider_message_id
            work = reconciler._look_up(inquiry) if message_id is None else reconciler._fetch(inquiry, message_id)
            hearing = asyncio.create_task(work)
            if await self.ground.turns.next(hearing) is None:
                hearing.result()
            else:
                worker.asking.append(Asking(inquiry, hearing))

    async def hear(self, worker: Worker, pick: int) -> None:
        """Record what the carrier has answered to one question."""
        hearing = worker.asking.pop(pick % len(worker.asking)).hearing
        await self.ground.turns.next(hearing)
        hearing.result()

    async def destroy_keys(self) -> None:
        await destroy_credentials(self.ground.store)

    # Time and the carrier's reports.

    async def let_pass(self, time: timedelta) -> None:
        await self.ground.clock.let_pass(time)
        self.ground.carrier.accept_late()
        self._read_ledger()

    async def report(self, message: Taken, report: Report) -> None:
        """Take one status callback, as the webhook does."""
        services, correlation = self.ground.services, message.correlation
        attempt = (await find_attempts([correlation])).get(correlation)
        if attempt is None:
            return  # its keys are destroyed: nobody can tell whether it is genuine
        credentials = services.vault.open(attempt.sealed_credentials, organization_id=attempt.organization_id)
        assert isinstance(credentials, TwilioCredentials)
        said = self.ground.channel.read_callback(report.path, report.fields, report.signature, credentials)
        await record_report(services.store, correlation, said, self.now)
        assert said.status is not None
        self.promises.told(self.promises.handovers[correlation].reminder_id, said.status)

    # The end.

    async def heal(self) -> None:
        """Start the workers anew and let everything come to its end: long pauses, good answers, every report."""
        self.skew = timedelta(0)
        for worker in self.workers:
            await self.crash(worker)
        await self._report_all()
        for _ in range(4):
            await self.let_pass(BETWEEN_LOOKS)
            await self.sweep()
            await self.ask_and_hear(self.workers[0])
        await self.let_pass(A_DAY + A_DAY)
        await self.look_at_waiting()
        if self.waiting:
            raise BrokenPromise("who ends something waits for ever")
        for _ in range(_MOST_ROUNDS):
            if (ahead := await self._next_moment()) is None:
                break
            await self.let_pass(max(ahead - self.now, timedelta(0)) + timedelta(minutes=1))
            await self._work(self.workers[0])
        await self.promises.follow_events()
        await self.promises.settled()

    async def _next_moment(self) -> datetime | None:
        """Return when something is to be planned or sent next, if ever."""
        (row,) = await rows(_NEXT)
        moment: datetime | None = row["moment"]
        return moment

    async def _work(self, worker: Worker) -> None:
        for organization in self.organizations:
            if (await self.integration(organization)).status is IntegrationStatus.NEEDS_ATTENTION:
                await self.reconnect(organization)
        await self.plan()
        await self.send(worker, History.DELIVERED)
        await self.ask_and_hear(worker)
        await self._report_all()

    async def _report_all(self) -> None:
        for message in self.ledger[self._reported :]:
            for report in message.reports:
                await self.report(message, report)
        self._reported = len(self.ledger)

    async def ask_and_hear(self, worker: Worker) -> None:
        await self.ask(worker)
        while worker.asking:
            await self.hear(worker, 0)


_NEXT = """
SELECT least((SELECT min(scheduled_for) FROM reminder WHERE status = 'SCHEDULED'),
             (SELECT min(next_action_at) FROM collection_case WHERE state = 'ACTIVE')) AS moment
"""

_CLAIMABLE = """
SELECT 1 FROM reminder r JOIN integration i ON i.id = r.integration_id
WHERE i.status = 'CONNECTED' AND r.status = 'SCHEDULED' AND r.scheduled_for <= clock_timestamp()
  AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp()) LIMIT 1
"""

_TO_RESEND = """
SELECT id FROM reminder r WHERE status IN ('FAILED', 'UNDELIVERED', 'UNCONFIRMED')
  AND NOT EXISTS (SELECT 1 FROM reminder newer WHERE newer.case_step_id = r.case_step_id
                  AND newer.resend_number > r.resend_number)
ORDER BY id
"""
