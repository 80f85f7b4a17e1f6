"""Play an organization's cases from their beginning to now, by the rules that the real actions follow."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from dunlin.channels.twilio_errors import explain
from dunlin.channels.twilio_transport import OutcomeUnknown
from dunlin.demo.content import DAYTIME
from dunlin.demo.era import DISCONNECTED, SmsEra, reset_reason
from dunlin.demo.numbers import NOT_A_NUMBER, NOT_IN_USE, OPTED_OUT, OUT_OF_REACH
from dunlin.demo.rows import Rows
from dunlin.domain.carrier import Accepted, Answer, Refused, Unknown
from dunlin.domain.choices import (
    CaseStepState,
    Check,
    CommunicationMethod,
    IntegrationKind,
    IntegrationStatus,
    OptOutSource,
)
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules import recipient
from dunlin.domain.rules.consequence import consequence_of
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.moments import Hours
from dunlin.domain.rules.plan import DueStep, Remind, Skip, decide
from dunlin.domain.rules.return_reason import why_never
from dunlin.domain.rules.texts import Filling
from dunlin.domain.rules.trace import decision
from dunlin.domain.rules.writing import Wording
from dunlin.domain.rules.zones import possible_zones
from dunlin.domain.tables import (
    CaseStep,
    CollectionCase,
    Customer,
    Organization,
    Reminder,
    SendAttempt,
    SmsOptOut,
)

_UNDELIVERED = {OUT_OF_REACH: 30003, NOT_IN_USE: 30005}
_REFUSED = {NOT_A_NUMBER: 21211, OPTED_OUT: 21610}
_LOST_ANSWERS = (9, 33)  # which reminders, counted from 0, got no clear answer


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a reminder's status, before it has its sequence."""

    occurred_at: datetime
    reminder: Reminder
    status: ReminderStatus
    reason: str | None = None
    error_code: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One step on a case's way, with what decides about it."""

    case: CollectionCase
    customer: Customer
    step: CaseStep
    texts: Mapping[str, str]


class History:
    """Plays the steps of one organization; what comes of it stands in the rows and in `events`."""

    def __init__(self, rows: Rows, organization: Organization, era: SmsEra | None, random: Random) -> None:
        self.events: list[Event] = []
        self._rows = rows
        self._organization = organization
        self._era = era
        self._random = random
        self._handed_over = 0

    def play(self, scene: Scene) -> None:
        """Do what planning and delivering did when the step came due."""
        step = scene.step
        planned_at = step.due_at + self._seconds(1, 9)
        was_connected = self._era is not None and self._era.begin <= planned_at < self._era.end
        step.communication_method = CommunicationMethod.SMS if was_connected else CommunicationMethod.NONE
        outcome = decide(self._due_step(scene, planned_at), planned_at)
        step.trace = [decision(outcome.findings, planned_at)]
        match outcome:
            case Remind() as remind:
                step.state = CaseStepState.DONE
                self._remind(scene, remind, planned_at)
            case Skip(reason, needs_attention):
                step.state = CaseStepState.SKIPPED
                step.skipped_reason = reason
                if needs_attention:
                    scene.case.attention_reason = reason

    def _due_step(self, scene: Scene, planned_at: datetime) -> DueStep:
        case, customer, method = scene.case, scene.customer, scene.step.communication_method
        return DueStep(
            communication_method=method,
            integration_status=IntegrationStatus.CONNECTED if method is CommunicationMethod.SMS else None,
            never_because=why_never(case.return_reason_code, case.reaction, is_deceased=False),
            recipient=recipient.Recipient(
                IntegrationKind.SMS,
                customer.phone,
                customer.phone_problem_reason,
                opted_out=customer.sms_opted_out_at is not None,
            ),
            texts={language: Wording(text) for language, text in scene.texts.items()},
            customer_language=customer.language,
            default_language=self._organization.default_language,
            filling=Filling(
                customer_name=customer.name,
                organization_name=self._organization.name,
                amount=case.amount_due,
                currency=case.currency,
                due_on=case.due_on,
                reference=case.external_reference,
                reaction=case.reaction,
            ),
            # Whatever the window is today: nobody was texted at night.
            hours=Hours(DAYTIME, possible_zones(customer.time_zone, customer.phone, self._organization.time_zone)),
            reset_reason=reset_reason(case, planned_at, self._era),
        )

    def _remind(self, scene: Scene, remind: Remind, planned_at: datetime) -> None:
        assert self._era is not None
        assert remind.encoded is not None, "it is a text"
        reminder = self._rows.add(
            Reminder(
                id=self._rows.next_id(Reminder),
                organization_id=self._organization.id,
                case_id=scene.case.id,
                case_step_id=scene.step.id,
                integration_id=self._era.integration.id,
                method=CommunicationMethod.SMS,
                to=remind.to,
                text=remind.text,
                language=remind.language,
                is_fallback_language=remind.is_fallback,
                encoding=remind.encoded.encoding,
                segments=remind.encoded.segments,
                scheduled_for=remind.scheduled_for,
                created_at=planned_at,
                fence=1,
            )
        )
        self._change(reminder, ReminderStatus.SCHEDULED, planned_at)
        if remind.scheduled_for >= self._era.end:
            scene.step.state, scene.step.skipped_reason = CaseStepState.SKIPPED, DISCONNECTED
            gone = failed(Check.INTEGRATION, DISCONNECTED)
            scene.step.trace = [decision(remind.findings, planned_at), decision([gone], self._era.end)]
            self._change(reminder, ReminderStatus.CANCELED, self._era.end, DISCONNECTED)
        else:
            self._hand_over(scene, reminder, self._era)

    def _hand_over(self, scene: Scene, reminder: Reminder, era: SmsEra) -> None:
        began_at = reminder.scheduled_for + self._seconds(1, 20)
        answered_at = began_at + self._seconds(0.15, 0.9)
        answer = self._answer(reminder.to)
        self._change(reminder, ReminderStatus.SENDING, began_at)
        self._record_attempt(reminder, era, answer, began_at)
        match answer:
            case Accepted():
                self._change(reminder, ReminderStatus.SENT, answered_at)
                self._report(scene, reminder, answered_at)
            case Refused(code, _, reason):
                self._change(reminder, ReminderStatus.FAILED, answered_at, reason, code)
                _ask_for_attention(scene, code, answered_at)
                if reminder.to == OPTED_OUT:
                    scene.customer.sms_opted_out_at = answered_at
                    store_opt_out(self._rows, self._organization.id, reminder.to, answered_at, OptOutSource.CARRIER)
            case Unknown(reason):
                self._change(reminder, ReminderStatus.UNCONFIRMED, began_at + self._seconds(10, 12), reason)

    def _answer(self, to: str) -> Accepted | Refused | Unknown:
        place, self._handed_over = self._handed_over, self._handed_over + 1
        if code := _REFUSED.get(to):
            meaning = explain(code)
            return Refused(code, meaning.fault, meaning.sentence)
        if place in _LOST_ANSWERS and to not in _UNDELIVERED:
            return Unknown(str(OutcomeUnknown("TimeoutError")))
        return Accepted(f"SM{self._random.getrandbits(128):032x}")

    def _record_attempt(self, reminder: Reminder, era: SmsEra, answer: Answer, began_at: datetime) -> None:
        message_id = answer.provider_message_id if isinstance(answer, Accepted) else None
        reminder.provider_message_id = message_id
        self._rows.add(
            SendAttempt(
                id=self._rows.next_id(SendAttempt),
                organization_id=self._organization.id,
                reminder_id=reminder.id,
                connection_id=era.connection.id,
                fence=reminder.fence,
                correlation=secrets.token_urlsafe(32),
                began_at=began_at,
                outcome=type(answer).__name__,
                provider_message_id=message_id,
            )
        )

    def _report(self, scene: Scene, reminder: Reminder, sent_at: datetime) -> None:
        """Do what the carrier's report of an accepted message did."""
        if code := _UNDELIVERED.get(reminder.to):
            reported_at = sent_at + self._seconds(30, 900)
            self._change(reminder, ReminderStatus.UNDELIVERED, reported_at, explain(code).sentence, code)
            _ask_for_attention(scene, code, reported_at)
        else:
            self._change(reminder, ReminderStatus.DELIVERED, sent_at + self._seconds(1, 45))

    def _change(
        self,
        reminder: Reminder,
        status: ReminderStatus,
        at: datetime,
        reason: str | None = None,
        error_code: int | None = None,
    ) -> None:
        reminder.status = status
        reminder.status_reason = reason
        reminder.error_code = error_code
        if error_code is not None:
            reminder.fault = explain(error_code).fault
        if status is ReminderStatus.SENT:
            reminder.sent_at = at
        if status is ReminderStatus.DELIVERED:
            reminder.delivered_at = at
        self.events.append(Event(at, reminder, status, reason, error_code))

    def _seconds(self, least: float, most: float) -> timedelta:
        return timedelta(microseconds=round(self._random.uniform(least, most) * 1_000_000))


def store_opt_out(
    rows: Rows, organization_id: int, phone: str, at: datetime, source: OptOutSource = OptOutSource.PHONE_CALL
) -> None:
    """Store the refusal of a number, which is in force."""
    rows.add(
        SmsOptOut(
            id=rows.next_id(SmsOptOut), organization_id=organization_id, phone=phone, opted_out_at=at, source=source
        )
    )


def _ask_for_attention(scene: Scene, code: int, at: datetime) -> None:
    meaning, customer = explain(code), scene.customer
    scene.case.attention_reason = f"A reminder may not have arrived: {meaning.sentence}"
    if problem := consequence_of(meaning.fault).marks:
        customer.phone_problem, customer.phone_problem_at = problem, at
        customer.phone_problem_reason = meaning.sentence
        scene.case.attention_reason = recipient.bad_address(IntegrationKind.SMS, meaning.sentence)
    if consequence_of(meaning.fault).opts_out:
        scene.case.attention_reason = recipient.words_of(IntegrationKind.SMS).opted_out
