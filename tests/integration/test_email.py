"""E-mail steps, from connecting a mail server to what comes back of a mail, over the sandbox's server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from dunlin.domain.carrier import SmtpCredentials
from dunlin.domain.choices import (
    CaseState,
    CommunicationMethod,
    EmailProblemKind,
    IntegrationKind,
    IntegrationStatus,
    OptOutSource,
)
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables import (
    CaseStep,
    CollectionCase,
    CollectionStep,
    Connection,
    Customer,
    EmailOptOut,
    Integration,
    Organization,
    Reminder,
)
from dunlin.jobs.deliverer import Deliverer
from dunlin.jobs.reconciler import Reconciler
from dunlin.runtime.wiring import Services
from dunlin.sandbox.mail_content import MailContent, read_content
from tests.build import (
    EMAIL,
    SMS,
    a_cycle,
    a_new_case,
    a_token,
    an_organization,
    connect_email,
    connect_sms,
    everything_stored,
    open_one,
)
from tests.client import JSON, ask, mutate, problems
from tests.conftest import SandboxCarrier
from tests.delivery import plan, statuses, the_reminder

Status = ReminderStatus
CONNECTED = "integration { status provider sender replyTo }"


@pytest_asyncio.fixture
async def organization(services: Services) -> Organization:
    return await an_organization()


@pytest_asyncio.fixture
async def token(services: Services, organization: Organization) -> str:
    return await a_token(services, organization)


def server(sandbox: SandboxCarrier, services: Services, **changed: object) -> JSON:
    """The sandbox's mail server, as somebody gives it who brings it."""
    host, port = sandbox.smtp
    credentials = services.default_accounts[IntegrationKind.EMAIL].credentials
    assert isinstance(credentials, SmtpCredentials)
    login = {"username": credentials.username, "password": credentials.password}
    return {"host": host, "port": port, "fromAddress": "billing@waterworks.example", **login, **changed}


def connecting(organization: Organization, **given: object) -> JSON:
    return {"organizationId": f"{_id(organization)}", "kind": "EMAIL", **given}


def _id(organization: Organization) -> str:
    from dunlin.api.ids import encode_id

    return encode_id("Organization", organization.id)


@asynccontextmanager
async def delivering(services: Services) -> AsyncIterator[None]:
    deliverer = Deliverer(services)
    running = asyncio.create_task(deliverer.run())
    try:
        yield
    finally:
        deliverer.stop()
        async with asyncio.timeout(10):
            await running


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def a_mail_to(services: Services, organization: Organization, address: str) -> Reminder:
    """Plan one e-mail, as it is before it goes out."""
    await connect_email(services, organization)
    cycle = await a_cycle(organization, [EMAIL, EMAIL])
    await open_one(services, cycle, a_new_case(phone=None, email=address))
    await plan(services)
    return await the_reminder()


async def sent_to(services: Services, organization: Organization, address: str, status: Status) -> Reminder:
    reminder = await a_mail_to(services, organization, address)
    async with delivering(services):
        await until(Reminder.filter(id=reminder.id, status=status).exists)
    return await Reminder.get(id=reminder.id)


def content_of(sandbox: SandboxCarrier) -> MailContent:
    return read_content(sandbox.mails[0].raw)


async def test_a_mail_server_of_ones_own_is_connected(
    http: httpx.AsyncClient, services: Services, sandbox: SandboxCarrier, organization: Organization, token: str
) -> None:
    given = connecting(organization, smtp=server(sandbox, services), replyTo="help@waterworks.example")

    payload = await mutate(http, token, "connectIntegration", CONNECTED, given)

    assert payload["integration"] == {
        "status": "CONNECTED",
        "provider": "SMTP",
        "sender": "billing@waterworks.example",
        "replyTo": "help@waterworks.example",
    }
    connection = await Connection.get()
    assert connection.sealed_credentials is not None
    assert (server(sandbox, services)["password"]).encode() not in connection.sealed_credentials


async def test_without_one_the_sandbox_stands_in_where_the_operator_has_none(
    http: httpx.AsyncClient, organization: Organization, token: str
) -> None:
    payload = await mutate(http, token, "connectIntegration", CONNECTED, connecting(organization))

    assert payload["integration"]["provider"] == "SANDBOX"


REFUSED: dict[str, tuple[JSON, str, str]] = {
    "a wrong password": ({"password": "wrong"}, "CREDENTIALS_REJECTED", "smtp.username"),
    "an unknown user": ({"username": "nobody"}, "CREDENTIALS_REJECTED", "smtp.username"),
    "a user without a password": ({"password": None}, "CREDENTIALS_REJECTED", "smtp.username"),
    "a host of our own network that is not trusted": ({"host": "127.0.0.2"}, "INVALID", "smtp.host"),
    "a port that is no mail server's": ({"port": 22}, "INVALID", "smtp.host"),
    "a sender that is no address": ({"fromAddress": "Waterworks"}, "INVALID", "smtp.fromAddress"),
    "a sender with a line end": ({"fromAddress": "a@example.com\r\nBcc: b@example.com"}, "INVALID", "smtp.fromAddress"),
}


@pytest.mark.parametrize(("changed", "code", "path"), REFUSED.values(), ids=REFUSED.keys())
async def test_nothing_is_stored_of(
    http: httpx.AsyncClient,
    services: Services,
    sandbox: SandboxCarrier,
    organization: Organization,
    token: str,
    changed: JSON,
    code: str,
    path: str,
) -> None:
    before = await everything_stored()

    payload = await mutate(
        http,
        token,
        "connectIntegration",
        CONNECTED,
        connecting(organization, smtp=server(sandbox, services, **changed)),
    )

    assert problems(payload) == [(code, path)]
    assert await everything_stored() == before


MISFITS: dict[str, tuple[JSON, str]] = {
    "a mail server for SMS": ({"kind": "SMS", "smtp": {"host": "a.example", "fromAddress": "a@a.example"}}, "kind"),
    "an address for answers to texts": ({"kind": "SMS", "replyTo": "a@a.example"}, "replyTo"),
    "no address for answers": ({"replyTo": "Help"}, "replyTo"),
}


@pytest.mark.parametrize(("given", "path"), MISFITS.values(), ids=MISFITS.keys())
async def test_what_does_not_fit_is_refused_without_asking_anybody(
    http: httpx.AsyncClient, organization: Organization, token: str, given: JSON, path: str
) -> None:
    payload = await mutate(http, token, "connectIntegration", CONNECTED, connecting(organization, **given))

    assert problems(payload) == [("INVALID", path)]


async def test_an_e_mail_step_goes_out_with_all_that_mail_programs_ask_for(
    services: Services, sandbox: SandboxCarrier, organization: Organization
) -> None:
    reminder = await sent_to(services, organization, "ada@example.com", Status.SENT)

    (mail,) = sandbox.mails[:1]
    content = content_of(sandbox)
    assert (mail.to, content.from_name, content.subject) == ("ada@example.com", organization.name, "Invoice INV-1")
    assert content.text.strip() == "Dear Ada Reyes,\n\nplease pay."
    assert content.html is not None
    assert "<p" in content.html
    assert content.is_one_click
    assert content.message_id.startswith(f"<{reminder.id}.")
    assert reminder.provider_message_id is not None
    assert content.message_id.startswith(f"<{reminder.provider_message_id}@")
    assert (reminder.method, reminder.subject) == (EMAIL, "Invoice INV-1")
    assert (reminder.encoding or reminder.segments or reminder.estimated_cost) is None
    assert await statuses(reminder) == ["SCHEDULED", "SENDING", "SENT"]


@pytest.mark.usefixtures("http")  # the API must listen
async def test_a_bounce_says_undelivered_and_marks_the_address(services: Services, organization: Organization) -> None:
    reminder = await sent_to(services, organization, "bounce@example.com", Status.UNDELIVERED)

    assert (reminder.error_code, reminder.fault) == (550, "INVALID_ADDRESS")
    assert reminder.status_reason is not None
    assert "5.1.1" in reminder.status_reason
    customer = await Customer.get()
    assert customer.email_problem is EmailProblemKind.INVALID
    assert customer.phone_problem is None
    assert (await CollectionCase.get()).attention_reason == (
        "The e-mail address must be corrected: " + reminder.status_reason[:1].lower() + reminder.status_reason[1:]
    )


@pytest.mark.usefixtures("http")
async def test_a_marked_address_gets_nothing_until_it_is_corrected(
    http: httpx.AsyncClient, services: Services, organization: Organization, token: str
) -> None:
    await sent_to(services, organization, "bounce@example.com", Status.UNDELIVERED)
    await CaseStep.filter(position=2).update(due_at=datetime.now(UTC))
    await CollectionCase.all().update(next_action_at=datetime.now(UTC))
    given = {"customerId": _node("Customer", (await Customer.get()).id), "email": "Ada@Example.com"}

    payload = await mutate(http, token, "changeCustomerEmail", "customer { email emailProblem { kind } }", given)
    await plan(services)

    assert payload["customer"] == {"email": "ada@example.com", "emailProblem": None}
    assert [one.to for one in await Reminder.filter(status=Status.SCHEDULED)] == ["ada@example.com"]


def _node(kind: str, row_id: int) -> str:
    from dunlin.api.ids import encode_id

    return encode_id(kind, row_id)


async def one_mail_to(services: Services, organization: Organization, address: str) -> CollectionCase:
    """Send the only e-mail of a case's cycle."""
    await connect_email(services, organization)
    case = await open_one(services, await a_cycle(organization, [EMAIL]), a_new_case(phone=None, email=address))
    await plan(services)
    return case


async def test_a_case_has_come_to_its_end_when_its_last_e_mail_is_sent(
    services: Services, organization: Organization
) -> None:
    case = await one_mail_to(services, organization, "ada@example.com")

    async with delivering(services):
        await until(Reminder.filter(status=Status.SENT).exists)

    await case.refresh_from_db()
    assert (case.state, case.closed_reason, case.attention_reason) == (CaseState.CLOSED, "COMPLETED", None)


@pytest.mark.usefixtures("http")
async def test_a_bounce_calls_a_person_also_where_the_case_has_come_to_its_end(
    services: Services, organization: Organization
) -> None:
    case = await one_mail_to(services, organization, "bounce@example.com")

    async with delivering(services):
        await until(Reminder.filter(status=Status.UNDELIVERED).exists)

    await case.refresh_from_db()
    assert case.state is CaseState.CLOSED
    assert case.attention_reason is not None
    assert "5.1.1" in case.attention_reason


@pytest.mark.usefixtures("http")
async def test_a_report_of_delivery_says_delivered(services: Services, organization: Organization) -> None:
    reminder = await sent_to(services, organization, "receipt@example.com", Status.DELIVERED)

    assert await statuses(reminder) == ["SCHEDULED", "SENDING", "SENT", "DELIVERED"]


REFUSALS = {
    "an unknown mailbox": ("unknown@example.com", 550, "INVALID_ADDRESS"),
    "a full mailbox": ("full@example.com", 552, "UNREACHABLE"),
    "a blocked recipient": ("blocked@example.com", 550, "RECIPIENT"),
    "what is taken for spam": ("spam@example.com", 554, "CONTENT"),
}


@pytest.mark.parametrize(("address", "code", "fault"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refusal_says_failed_for(
    services: Services, organization: Organization, address: str, code: int, fault: str
) -> None:
    reminder = await sent_to(services, organization, address, Status.FAILED)

    assert (reminder.error_code, reminder.fault) == (code, fault)


async def test_a_busy_server_makes_it_wait_and_it_goes_later(services: Services, organization: Organization) -> None:
    reminder = await a_mail_to(services, organization, "busy@example.com")

    async with delivering(services):
        await until(Reminder.filter(id=reminder.id, scheduled_for__gt=datetime.now(UTC)).exists)

    reminder = await Reminder.get(id=reminder.id)
    assert (reminder.status, reminder.status_reason) == (Status.SCHEDULED, "The carrier asked to wait.")


async def test_no_answer_after_the_content_is_unconfirmed_and_never_sent_again(
    services: Services, sandbox: SandboxCarrier, organization: Organization
) -> None:
    reminder = await sent_to(services, organization, "silent@example.com", Status.UNCONFIRMED)
    taken = len(sandbox.mails)

    await Reminder.filter(id=reminder.id).update(check_at=datetime.now(UTC))
    await Reconciler(services).reconcile()
    async with delivering(services):
        await asyncio.sleep(0.2)  # that nothing happens is the point

    assert (await Reminder.get(id=reminder.id)).status is Status.UNCONFIRMED
    assert len(sandbox.mails) == taken


async def test_refused_credentials_hold_everything_until_somebody_connects_again(
    services: Services, organization: Organization
) -> None:
    reminder = await a_mail_to(services, organization, "ada@example.com")
    account = services.default_accounts[IntegrationKind.EMAIL]
    assert isinstance(account.credentials, SmtpCredentials)
    wrong = services.vault.seal(replace(account.credentials, password="wrong"), organization_id=organization.id)
    await Connection.all().update(sealed_credentials=wrong)

    async with delivering(services):
        await until(Integration.filter(status=IntegrationStatus.NEEDS_ATTENTION).exists)
    assert (await Reminder.get(id=reminder.id)).status is Status.SCHEDULED

    await connect_email(services, organization)
    async with delivering(services):
        await until(Reminder.filter(id=reminder.id, status=Status.SENT).exists)


async def test_disconnecting_takes_e_mail_from_steps_and_leaves_sms_alone(
    http: httpx.AsyncClient, services: Services, organization: Organization, token: str
) -> None:
    await connect_sms(services, organization)
    await a_mail_to(services, organization, "ada@example.com")
    texting = await a_cycle(organization, [SMS])
    await open_one(services, texting, a_new_case("INV-2", customer="C-2"))
    query = (
        "query ($id: ID!) { organization(id: $id) { integration(kind: EMAIL) { disconnectImpact { consequences } } } }"
    )
    impact = await ask(http, token, query, id=_id(organization))

    given = connecting(organization, confirmed=True)
    payload = await mutate(http, token, "disconnectIntegration", "impact { steps cases reminders }", given)

    assert impact["organization"]["integration"]["disconnectImpact"]["consequences"] == [
        "2 steps of collection cycles will have no communication method.",
        "1 open case will not send the e-mail reminders still ahead.",
        "1 scheduled reminder will not be sent.",
        "Nothing falls back to SMS: SMS and e-mail need different texts.",
        "E-mail can be connected again at any time, but nothing of this comes back: "
        "steps and cases have to be set up again by hand.",
    ]
    assert payload["impact"] == {"steps": 2, "cases": 1, "reminders": 1}
    assert await CollectionStep.filter(communication_method=EMAIL).count() == 0
    assert await CollectionStep.filter(communication_method=SMS).count() == 1
    assert (await the_reminder()).status_reason == "E-mail was disconnected."
    assert [step.communication_method for step in await CaseStep.filter(case__cycle_id=texting.id)] == [SMS]


NO_WAY = {
    "an e-mail step of a customer without an address": (EMAIL, {"email": None}, "The customer has no e-mail address."),
    "an SMS step of a customer without a number": (
        SMS,
        {"phone": None, "email": "ada@example.com"},
        "The customer has no phone number.",
    ),
}


@pytest.mark.parametrize(("method", "known", "reason"), NO_WAY.values(), ids=NO_WAY.keys())
async def test_nothing_falls_back_to_the_other_method_for(
    services: Services,
    organization: Organization,
    method: CommunicationMethod,
    known: dict[str, str | None],
    reason: str,
) -> None:
    await connect_sms(services, organization)
    await connect_email(services, organization)
    case = await open_one(services, await a_cycle(organization, [method]), a_new_case(**known))  # type: ignore[arg-type]

    await plan(services)

    assert await Reminder.all().count() == 0
    assert (await CaseStep.get(case_id=case.id)).skipped_reason == reason


async def test_nothing_falls_back_after_a_failure_either(
    services: Services, sandbox: SandboxCarrier, organization: Organization
) -> None:
    await connect_sms(services, organization)
    texts = len(sandbox.texts)

    await sent_to(services, organization, "unknown@example.com", Status.FAILED)

    assert [one.method for one in await Reminder.all()] == [EMAIL]
    assert len(sandbox.texts) == texts


async def test_one_click_opts_out_the_address_and_cancels_what_is_scheduled(
    http: httpx.AsyncClient, services: Services, sandbox: SandboxCarrier, organization: Organization
) -> None:
    await sent_to(services, organization, "ada@example.com", Status.SENT)
    again = await a_cycle(organization, [EMAIL])
    await open_one(services, again, a_new_case("INV-2", customer="C-2", email="ada@example.com"))
    await plan(services)
    address = content_of(sandbox).unsubscribe_url

    looked_at = await http.get(address)
    assert (looked_at.status_code, await EmailOptOut.exists()) == (200, False)
    assert organization.name in looked_at.text
    for _ in range(2):
        answer = await http.post(address, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200

    kept = await EmailOptOut.get()
    assert (kept.email, kept.source, kept.lifted_at) == ("ada@example.com", OptOutSource.EMAIL, None)
    assert all(one.email_opted_out_at and not one.sms_opted_out_at for one in await Customer.all())
    canceled = await Reminder.get(case__cycle_id=again.id)
    assert (canceled.status, canceled.status_reason) == (Status.CANCELED, "The customer has opted out of e-mail.")


async def test_an_address_that_nobody_was_given_opts_out_nobody(http: httpx.AsyncClient) -> None:
    for correlation in ("x" * 43, "short", "%00" * 14):
        assert (await http.post(f"/unsubscribe/{correlation}")).status_code == 404


async def test_a_person_can_lift_a_refusal_of_e_mail_and_sms_has_its_own(
    http: httpx.AsyncClient, services: Services, organization: Organization, token: str
) -> None:
    case = await open_one(services, await a_cycle(organization, [EMAIL]), a_new_case(email="ada@example.com"))
    said = {"customerId": _node("Customer", case.customer_id), "source": "PHONE_CALL", "proof": "Said so."}
    shown = "customer { emailOptedOutAt smsOptedOutAt }"

    refused = await mutate(http, token, "optOutCustomer", shown, {**said, "kind": "EMAIL"})
    untouched = await mutate(http, token, "optInCustomer", shown, said)
    lifted = await mutate(http, token, "optInCustomer", shown, {**said, "kind": "EMAIL"})

    assert refused["customer"]["emailOptedOutAt"] is not None
    assert refused["customer"]["smsOptedOutAt"] is None
    assert untouched["customer"] == refused["customer"]
    assert lifted["customer"] == {"emailOptedOutAt": None, "smsOptedOutAt": None}


async def test_a_mail_about_nothing_of_ours_is_taken_and_changes_nothing(http: httpx.AsyncClient) -> None:
    mail = b"From: a@example.com\r\nTo: bounces@sandbox.example\r\nSubject: On holiday\r\n\r\nBack soon.\r\n"
    before = await everything_stored()

    answer = await http.post("/webhooks/email/bounces", content=mail, headers={"Content-Type": "message/rfc822"})

    assert answer.status_code == 204
    assert await everything_stored() == before


async def test_a_bounce_that_is_larger_than_a_mail_may_be_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/webhooks/email/bounces", content=b"x" * (1024 * 1024 + 1))

    assert answer.status_code == 413
