"""Turn the content into rows, as if the organizations had been at work for months."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from dunlin.demo.cases import DemoCase, think_up_cases
from dunlin.demo.content import ACCOUNTS, AROUND_THE_CLOCK, DemoCycle, DemoOrganization
from dunlin.demo.customers import DemoCustomer, make_customers
from dunlin.demo.era import SmsEra, reset_reason, store_card, store_sms_card
from dunlin.demo.history import History, Scene, store_opt_out
from dunlin.demo.rows import Rows
from dunlin.domain.choices import (
    CaseClosedReason,
    CaseState,
    CaseStepState,
    CommunicationMethod,
    IntegrationKind,
)
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.caps import FIRST_LIMITS, NO_LIMITS
from dunlin.domain.rules.closing import why_closed
from dunlin.domain.rules.phone import country_of
from dunlin.domain.rules.return_reason import opening_of
from dunlin.domain.rules.schedule import starts_at
from dunlin.domain.tables import (
    Account,
    CaseStep,
    CollectionCase,
    CollectionCycle,
    CollectionStep,
    Customer,
    DeliveryEvent,
    DeliverySequence,
    Organization,
    Payment,
    Reminder,
    SmsPrice,
    StepTexts,
)

_SEED = "dunlin"
_FOUNDED = timedelta(days=400)
_OPTED_OUT = timedelta(days=200)
_DAY_AFTER = timedelta(hours=23)
_PAUSED = "Promised to pay at the end of the month"


def build_demo(now: datetime) -> Rows:
    """Return everything there is in the demo at `now`. The same each time, but for the secret correlations."""
    rows = Rows()
    for content in ACCOUNTS:
        account = rows.add(Account(id=rows.next_id(Account), name=content.name, created_at=now - _FOUNDED))
        for organization in content.organizations:
            _Builder(rows, account, organization, now).build()
    return rows


class _Builder:
    """Builds one organization."""

    def __init__(self, rows: Rows, account: Account, content: DemoOrganization, now: datetime) -> None:
        self._rows = rows
        self._content = content
        self._now = now
        self._zone = ZoneInfo(content.time_zone)
        self._random = Random(f"{_SEED}/{content.name}")
        limits = NO_LIMITS if content.window is AROUND_THE_CLOCK else FIRST_LIMITS
        self._organization = rows.add(
            Organization(
                id=rows.next_id(Organization),
                account_id=account.id,
                name=content.name,
                country=content.country,
                time_zone=content.time_zone,
                default_language=content.default_language,
                window_start=content.window.start,
                window_end=content.window.end,
                window_days=sorted(content.window.days),
                # Who shows the way of a reminder at any hour shows it to the same customer again and again.
                skip_holidays=content.window is not AROUND_THE_CLOCK,
                minimum_gap_hours=limits.minimum_gap_hours,
                maximum_per_week=limits.maximum_per_week,
                created_at=now - _FOUNDED,
                last_case_number=content.cases,
            )
        )

    def build(self) -> None:
        era = store_sms_card(self._rows, self._organization, self._content.former_sender, self._now)
        store_card(self._rows, self._organization, IntegrationKind.EMAIL)
        steps = {cycle.name: self._store_cycle(cycle, era) for cycle in self._content.cycles}
        made = make_customers(self._content, self._random)
        customers = [self._store_customer(customer) for customer in made]
        self._store_countries(made)
        interrupted_on = era.end.astimezone(self._zone).date() if era else None
        cases = think_up_cases(self._content, made, interrupted_on, self._now, self._random)
        opened = [
            self._open(case, number, customers, steps[case.cycle.name]) for number, case in enumerate(cases, start=1)
        ]
        history = History(self._rows, self._organization, era, self._random)
        due = [
            scene
            for case, scenes in zip(cases, opened, strict=True)
            for scene in scenes[: case.reached + 1]
            if scene.step.due_at <= self._now
        ]
        for scene in sorted(due, key=lambda scene: scene.step.due_at):
            history.play(scene)
        for case, scenes in zip(cases, opened, strict=True):
            self._settle(case, scenes[0].case, [scene.step for scene in scenes], era)
        self._store_events(history)

    def _store_cycle(self, content: DemoCycle, era: SmsEra | None) -> list[CollectionStep]:
        cycle = self._rows.add(
            CollectionCycle(
                id=self._rows.next_id(CollectionCycle),
                organization_id=self._organization.id,
                name=content.name,
                created_at=self._now - _FOUNDED,
            )
        )
        stored = []
        for position, step in enumerate(content.steps, start=1):
            texts = self._rows.add(
                StepTexts(id=self._rows.next_id(StepTexts), organization_id=self._organization.id, sms=dict(step.sms))
            )
            stored.append(
                self._rows.add(
                    CollectionStep(
                        id=self._rows.next_id(CollectionStep),
                        organization_id=self._organization.id,
                        cycle_id=cycle.id,
                        position=position,
                        name=step.name,
                        trigger_days=step.trigger_days,
                        communication_method=CommunicationMethod.NONE,
                        texts_id=texts.id,
                        version=3 if era else 1,  # set to SMS, and reset by the disconnect
                    )
                )
            )
        return stored

    def _store_customer(self, customer: DemoCustomer) -> Customer:
        opted_out_at = self._now - _OPTED_OUT if customer.is_opted_out else None
        if opted_out_at is not None and customer.phone is not None:
            store_opt_out(self._rows, self._organization.id, customer.phone, opted_out_at)
        return self._rows.add(
            Customer(
                id=self._rows.next_id(Customer),
                organization_id=self._organization.id,
                external_reference=customer.external_reference,
                name=customer.name,
                language=customer.language,
                phone=customer.phone,
                email=customer.email,
                time_zone=customer.time_zone,
                sms_opted_out_at=opted_out_at,
                created_at=self._now - _FOUNDED,
            )
        )

    def _store_countries(self, customers: Sequence[DemoCustomer]) -> None:
        countries = {country_of(customer.phone) for customer in customers if customer.phone is not None}
        for country in sorted({self._content.country, *filter(None, countries)}):
            self._rows.add(
                SmsPrice(id=self._rows.next_id(SmsPrice), organization_id=self._organization.id, country=country)
            )

    def _open(
        self, content: DemoCase, number: int, customers: Sequence[Customer], steps: Sequence[CollectionStep]
    ) -> list[Scene]:
        """Store a case with its steps, all of them pending; return them in order."""
        customer = customers[content.customer]
        case = self._rows.add(
            CollectionCase(
                id=self._rows.next_id(CollectionCase),
                organization_id=self._organization.id,
                number=f"DC-{number}",
                external_reference=content.external_reference,
                customer_id=customer.id,
                cycle_id=steps[0].cycle_id,
                origin=content.cycle.origin,
                return_reason_code=content.return_reason_code,
                reaction=opening_of(content.return_reason_code, {}).reaction,
                amount_due=content.amount,
                currency=self._content.currency,
                due_on=content.due_on,
                opened_at=content.opened_at,
            )
        )
        return [
            Scene(
                case,
                customer,
                self._rows.add(
                    CaseStep(
                        id=self._rows.next_id(CaseStep),
                        organization_id=self._organization.id,
                        case_id=case.id,
                        step_id=step.id,
                        position=step.position,
                        name=step.name,
                        trigger_days=step.trigger_days,
                        communication_method=CommunicationMethod.NONE,
                        texts_id=step.texts_id,
                        due_at=starts_at(day, self._content.window, self._zone),
                    )
                ),
                texts.sms,
            )
            for step, day, texts in zip(steps, content.step_days, content.cycle.steps, strict=True)
        ]

    def _settle(self, content: DemoCase, case: CollectionCase, steps: Sequence[CaseStep], era: SmsEra | None) -> None:
        """Give the case its state of today."""
        pending = [step for step in steps if step.state is CaseStepState.PENDING]
        for step in pending:
            step.skipped_reason = reset_reason(case, self._now, era)
        reached = max([case.opened_at, *(step.due_at for step in steps if step.state is not CaseStepState.PENDING)])
        today = min(reached + _DAY_AFTER, self._now)
        if content.closed_reason is not None:
            case.state, case.closed_reason, case.closed_at = CaseState.CLOSED, content.closed_reason, today
            case.attention_reason = None
            if content.closed_reason is CaseClosedReason.PAID:
                self._pay(case, today)
            for step in pending:
                step.state, step.skipped_reason = CaseStepState.SKIPPED, why_closed(content.closed_reason, None)
        elif content.is_paused:
            case.state, case.paused_at, case.pause_reason = CaseState.PAUSED, today, _PAUSED
        elif pending:
            case.next_action_at = pending[0].due_at
        elif not self._awaits_answer(case):
            case.state, case.closed_reason, case.closed_at = CaseState.CLOSED, CaseClosedReason.COMPLETED, today

    def _pay(self, case: CollectionCase, moment: datetime) -> None:
        self._rows.add(
            Payment(
                id=self._rows.next_id(Payment),
                organization_id=self._organization.id,
                case_id=case.id,
                amount=case.amount_due,
                currency=case.currency,
                paid_at=moment,
                reference=case.external_reference,
                recorded_at=moment,
            )
        )
        case.amount_due = Decimal(0)

    def _awaits_answer(self, case: CollectionCase) -> bool:
        return any(
            reminder.case_id == case.id and reminder.status is ReminderStatus.UNCONFIRMED
            for reminder in self._rows.of(Reminder)
        )

    def _store_events(self, history: History) -> None:
        events = sorted(history.events, key=lambda event: event.occurred_at)
        for sequence, event in enumerate(events, start=1):
            self._rows.add(
                DeliveryEvent(
                    id=self._rows.next_id(DeliveryEvent),
                    organization_id=self._organization.id,
                    sequence=sequence,
                    reminder_id=event.reminder.id,
                    case_id=event.reminder.case_id,
                    status=event.status,
                    reason=event.reason,
                    error_code=event.error_code,
                    occurred_at=event.occurred_at,
                )
            )
        self._rows.add(DeliverySequence(organization_id=self._organization.id, last_sequence=len(events)))
