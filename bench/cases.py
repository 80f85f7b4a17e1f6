"""Organizations with cases and reminders in any number, at each stage of their way."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from bench.account import CREDENTIALS, SENDER, TEXT
from bench.copies import copy_rows
from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.create_organization import store_organization
from dunlin.domain.actions.deliver import mark_sending
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.actions.record import record_answers
from dunlin.domain.audit import Actor
from dunlin.domain.carrier import Accepted
from dunlin.domain.choices import (
    ActorKind,
    CaseOrigin,
    CommunicationMethod,
    IntegrationKind,
    IntegrationProvider,
    IntegrationStatus,
    Permission,
    Weekday,
)
from dunlin.domain.rules.case_input import NewCase, NewCustomer
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.store import rows
from dunlin.domain.tables import Account, CollectionCycle, CollectionStep, Connection, Integration, SmsPrice, StepTexts
from dunlin.domain.viewer import Viewer, issue_token
from dunlin.runtime.wiring import Services

LATE = date(2026, 1, 15)

_BENCH = Actor(ActorKind.COMMAND_LINE, "bench", "bench", None)
_PHONE = "'+4477009' || lpad((n % 100000)::text, 5, '0')"


@dataclass(frozen=True, slots=True)
class Organization:
    """One with SMS connected and a cycle of one step, which is due on the day that a case is due."""

    id: int
    account_id: int
    cycle_id: int
    token: str

    @property
    def viewer(self) -> Viewer:
        return Viewer(_BENCH, self.account_id, None, frozenset(Permission), None)


async def an_organization(services: Services) -> Organization:
    account = await Account.create(name="Bench")
    organization = await store_organization(
        account_id=account.id,
        name="Bench",
        country="BE",
        time_zone="Europe/Brussels",
        default_language="en",
        window=SendWindow("00:00", "24:00", frozenset(Weekday)),
        skip_holidays=False,
    )
    await _connect_sms(services, organization.id)
    cycle = await CollectionCycle.create(organization_id=organization.id, name="Bench")
    texts = await StepTexts.create(organization_id=organization.id, sms={"en": TEXT})
    await CollectionStep.create(
        organization_id=organization.id,
        cycle_id=cycle.id,
        position=1,
        name="Bench",
        trigger_days=0,
        communication_method=CommunicationMethod.SMS,
        texts_id=texts.id,
    )
    token = await issue_token(
        account_id=account.id,
        organization_ids=None,
        name="bench",
        permissions=frozenset(Permission),
        expires_at=None,
        key=services.settings.secret_keys[0],
    )
    return Organization(organization.id, account.id, cycle.id, token)


async def _connect_sms(services: Services, organization_id: int) -> None:
    connection = await Connection.create(
        organization_id=organization_id,
        integration_id=(await Integration.get(organization_id=organization_id, kind=IntegrationKind.SMS)).id,
        provider=IntegrationProvider.SANDBOX,  # paced at no rate
        account_sid=CREDENTIALS.account_sid,
        sender_kind="PHONE_NUMBER",
        sender=SENDER,
        sealed_credentials=services.vault.seal(CREDENTIALS, organization_id=organization_id),
    )
    await Integration.filter(organization_id=organization_id).update(
        status=IntegrationStatus.CONNECTED, connection_id=connection.id
    )
    now = datetime.now(UTC)
    await SmsPrice.create(
        organization_id=organization_id,
        country="GB",
        connection_id=connection.id,
        price=Decimal("0.0524"),
        currency="USD",
        fetched_at=now,
        fetch_due_at=now + timedelta(days=1),
    )


async def open_case(services: Services, organization: Organization, place: int, due_on: date = LATE) -> str:
    """Open one case by Dunlin's own action and return the number that its reminder goes to."""
    phone = f"+4479119{place % 100000:05d}"
    customer = NewCustomer(f"C-{place}", "Ada Reyes", "en", phone, None)
    case = NewCase(f"INV-{place}", CaseOrigin.OVERDUE_INVOICE, None, customer, Decimal("84.50"), "EUR", due_on)
    await open_cases(
        services.store,
        organization.viewer,
        organization_id=organization.id,
        cycle_id=organization.cycle_id,
        cases=[case],
        now=datetime.now(UTC),
    )
    return phone


async def open_many(services: Services, organization: Organization, count: int, *, due_on: date = LATE) -> None:
    """Put in `count` open cases of as many customers, each with its step pending."""
    await open_case(services, organization, await _next_place(), due_on)
    await copy_rows(count - 1, _A_CASE)


async def schedule_many(services: Services, organization: Organization, count: int) -> None:
    """Put in `count` reminders that are due now, each of a case and customer of its own."""
    await open_case(services, organization, await _next_place())
    while await plan_reminders(services.store, datetime.now(UTC)):
        pass
    await copy_rows(count - 1, {**_A_CASE, "reminder": _A_REMINDER})


async def send_many(services: Services, organization: Organization, count: int) -> list[str]:
    """Put in `count` reminders that the carrier has taken; return what their callbacks are addressed to.

    The message id of place n is `message_sid(n)`.
    """
    await schedule_many(services, organization, 1)
    claims = await claim_reminders(services.store, limit=1)
    (handover,) = (await mark_sending(services.store, claims, datetime.now(UTC))).handovers
    base = (await rows("SELECT max(id) AS id FROM send_attempt"))[0]["id"]
    await record_answers(services.store, [(handover, Accepted(message_sid(base)))], datetime.now(UTC))
    sid = "'SM' || lpad(to_hex({base} + n), 32, '0')".replace("{base}", str(base))
    attempt = {
        "reminder_id": "{reminder} + n",
        "correlation": f"lpad(({base} + n)::text, 43, '0')",
        "provider_message_id": sid,
    }
    reminder = {**_A_REMINDER, "provider_message_id": sid}
    await copy_rows(count - 1, {**_A_CASE, "reminder": reminder, "send_attempt": attempt})
    return [handover.correlation, *(f"{base + n:043d}" for n in range(1, count))]


def message_sid(attempt_id: int) -> str:
    return f"SM{attempt_id:032x}"


async def _next_place() -> int:
    newest: int | None = (await rows("SELECT max(id) AS id FROM collection_case"))[0]["id"]
    return (newest or 0) + 1


_A_CASE = {
    "customer": {"external_reference": "'copy ' || (t.id + n)", "phone": _PHONE},
    "collection_case": {
        "external_reference": "'copy ' || (t.id + n)",
        "number": "'copy ' || (t.id + n)",
        "customer_id": "{customer} + n",
    },
    "case_step": {"case_id": "{collection_case} + n"},
}
_A_REMINDER = {
    "case_id": "{collection_case} + n",
    "case_step_id": "{case_step} + n",
    "to": _PHONE,
}
