"""STOP, START and the like, what a carrier says of them, and what a person puts down."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain import store
from dunlin.domain.actions.change_customer_address import change_customer_phone
from dunlin.domain.actions.record import record_answers
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.carrier import Accepted, Fault, Refused, StatusReport
from dunlin.domain.choices import CaseStepState, InboundTextKind, OptOutSource, Permission
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import rows
from dunlin.domain.tables import CaseStep, CollectionCase, Customer, InboundText, Organization, Reminder, SmsOptOut
from dunlin.runtime.wiring import Services
from tests.build import (
    ALL_PERMISSIONS,
    NOW,
    PHONE,
    SMS,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_received_text,
    a_token,
    a_viewer,
    an_account,
    an_organization,
    connect_sms,
    everything_stored,
    open_one,
)
from tests.client import JSON, ask, mutate, problems
from tests.delivery import answer, begin, plan, send, statuses
from tests.inbound import a_text, path_of, post, receive

Status = ReminderStatus
WEEK = timedelta(days=7)
OPTED_OUT = "The customer has opted out of SMS."
SAID = """customer {
  smsOptedOutAt smsOptOut { source text recordedBy } smsOptOuts { nodes { source liftedSource liftedText } }
}"""


@pytest_asyncio.fixture
async def organization(services: Services) -> Organization:
    """With a case of two SMS steps, the first of which is planned."""
    organization, _ = await a_collecting_organization(services)
    await open_one(services, await a_cycle(organization, [SMS, SMS]))
    await plan(services, NOW)
    return organization


async def test_who_answers_stop_gets_no_sms_from_that_organization(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    await receive(http, organization, "Please stop texting me")
    await plan(services, NOW + WEEK)

    assert (await Customer.get()).sms_opted_out_at is not None
    assert await statuses() == ["SCHEDULED", "CANCELED"]
    assert (await Reminder.get()).status_reason == OPTED_OUT
    steps = await CaseStep.all().order_by("position")
    assert [(step.state, step.skipped_reason) for step in steps] == [(CaseStepState.SKIPPED, OPTED_OUT)] * 2
    assert (await CollectionCase.get()).attention_reason == OPTED_OUT
    kept = await SmsOptOut.get()
    assert (kept.phone, kept.source, kept.words) == (PHONE, OptOutSource.SMS, "Please stop texting me")
    assert (kept.by, kept.lifted_at) == (None, None)
    assert (await InboundText.get()).kind is InboundTextKind.STOP


async def test_stop_counts_for_everybody_with_the_number_in_that_organization_and_in_no_other(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    cycle = await a_cycle(organization)
    await open_one(services, cycle, a_new_case("INV-2", customer="C-2"))
    await open_one(services, cycle, a_new_case("INV-3", customer="C-3", phone="+447700900003"))
    other = await an_organization(name="Other")  # without SMS, so that nobody can have answered it
    await open_one(services, await a_cycle(other))
    await plan(services, NOW)

    await receive(http, organization, "STOP")

    customers = await Customer.all().order_by("id")
    assert [customer.sms_opted_out_at is not None for customer in customers] == [True, True, False, False]
    scheduled = await Reminder.filter(status=Status.SCHEDULED)
    assert [reminder.to for reminder in scheduled] == ["+447700900003"]


async def test_a_customer_who_comes_later_with_a_number_that_refused_gets_no_sms(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    await receive(http, organization, "arrêtez svp", From="+447700900008")
    assert await Customer.filter(phone="+447700900008").count() == 0

    await open_one(services, await a_cycle(organization), a_new_case("INV-8", customer="C-8", phone="+447700900008"))
    await plan(services, NOW)

    assert (await Customer.get(external_reference="C-8")).sms_opted_out_at is not None
    assert await Reminder.filter(to="+447700900008").count() == 0


async def test_start_lifts_the_refusal_and_calls_nobody_any_more(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    await receive(http, organization, "STOP")
    await receive(http, organization, "START")
    await plan(services, NOW + WEEK)

    assert (await Customer.get()).sms_opted_out_at is None
    assert (await CollectionCase.get()).attention_reason is None
    assert await Reminder.filter(status=Status.SCHEDULED).count() == 1  # what was canceled stays so
    kept = await SmsOptOut.get()
    assert kept.lifted_at is not None
    assert (kept.lifted_source, kept.lifted_words) == (OptOutSource.SMS, "START")


async def test_a_stop_that_is_brought_again_after_start_changes_nothing(
    http: httpx.AsyncClient, organization: Organization
) -> None:
    path = await path_of(organization)
    for fields in (a_text("STOP", number=1), a_text("START", number=2), a_text("STOP", number=1)):
        assert (await post(http, path, fields)).status_code == 200

    assert (await Customer.get()).sms_opted_out_at is None
    assert await SmsOptOut.all().count() == 1


async def test_stop_does_not_hide_that_a_debtor_has_died(services: Services, organization: Organization) -> None:
    cycle = await a_cycle(organization)
    await open_one(services, cycle, a_new_case("INV-2", return_reason_code="MD07"))
    before = {case.id: case.attention_reason for case in await CollectionCase.all()}

    await a_received_text(services, organization, "STOP")

    assert all("died" in (reason or "") for reason in before.values())
    assert {case.id: case.attention_reason for case in await CollectionCase.all()} == before


async def test_a_second_stop_leaves_the_first_as_it_was(http: httpx.AsyncClient, organization: Organization) -> None:
    await receive(http, organization, "STOP")
    first = await everything_stored()
    await receive(http, organization, "stop!!")

    assert (await everything_stored())["sms_opt_out"] == first["sms_opt_out"]
    assert await InboundText.all().count() == 2


async def test_yes_is_for_a_person_to_read_where_nothing_was_refused(
    http: httpx.AsyncClient, organization: Organization
) -> None:
    await receive(http, organization, "Yes")

    assert (await InboundText.get()).kind is InboundTextKind.OTHER
    assert await statuses() == ["SCHEDULED"]


@pytest.mark.parametrize(
    ("body", "keyword", "kind"),
    [
        ("BASTA YA", "STOP", InboundTextKind.STOP),
        ("STOP", "HELP", InboundTextKind.HELP),
        ("STOP", "UNHEARD-OF", InboundTextKind.STOP),
        ("HELP", "", InboundTextKind.HELP),
    ],
)
async def test_what_the_carrier_takes_a_text_for_comes_before_what_we_read_in_it(
    http: httpx.AsyncClient, organization: Organization, body: str, keyword: str, kind: InboundTextKind
) -> None:
    await receive(http, organization, body, OptOutType=keyword)

    assert (await InboundText.get()).kind is kind
    assert await SmsOptOut.all().count() == (kind is InboundTextKind.STOP)


async def test_what_the_carrier_refuses_because_of_a_stop_is_a_refusal_of_its_own_kind(
    services: Services, organization: Organization
) -> None:
    await answer(
        services, await begin(services), Refused(21610, Fault.OPTED_OUT, "The recipient has asked for no texts.")
    )

    kept = await SmsOptOut.get()
    assert (kept.phone, kept.source) == (PHONE, OptOutSource.CARRIER)
    assert kept.words == "The recipient has asked for no texts. (error 21610)"
    assert (await CollectionCase.get()).attention_reason == OPTED_OUT


async def test_the_refusal_is_the_numbers_not_the_customers(services: Services, organization: Organization) -> None:
    await a_received_text(services, organization, "STOP")
    viewer, customer = a_viewer(organization), await Customer.get()

    changed = await change_customer_phone(
        services.store, viewer, customer_id=customer.id, number="+447700900003", now=NOW
    )
    assert changed.sms_opted_out_at is None
    assert (await CollectionCase.get()).attention_reason is None

    back = await change_customer_phone(services.store, viewer, customer_id=customer.id, number=PHONE, now=NOW)
    assert back.sms_opted_out_at == NOW
    assert (await CollectionCase.get()).attention_reason == OPTED_OUT


async def test_what_is_scheduled_is_canceled_when_the_customer_moves_to_a_number_that_refused(
    services: Services, organization: Organization
) -> None:
    await a_received_text(services, organization, "STOP", sender="+447700900003")

    await open_one(services, await a_cycle(organization), a_new_case("INV-2", phone="+447700900003"))

    reminder = await Reminder.get()
    assert (reminder.status, reminder.status_reason) == (Status.CANCELED, OPTED_OUT)


# A sender that several organizations use, as those do who bring no account of their own.


async def sharing(services: Services, *names: str) -> list[Organization]:
    """Organizations of different owners that send from the same number to the same customer's number."""
    organizations = []
    for name in names:
        organization, cycle = await a_collecting_organization(services, await an_account(name), name=name)
        await open_one(services, cycle)
        organizations.append(organization)
    return organizations


async def test_stop_to_a_shared_number_counts_for_all_who_text_that_customer_from_it(
    http: httpx.AsyncClient, services: Services
) -> None:
    first, second = await sharing(services, "First", "Second")
    stranger = await an_organization(name="Stranger")
    await connect_sms(services, stranger)
    await send(services)

    await receive(http, first, "stop, I have paid the Second one")

    assert {customer.sms_opted_out_at is not None for customer in await Customer.all()} == {True}
    refusals = {row.organization_id: row.words for row in await SmsOptOut.all()}
    assert refusals == {
        first.id: "By a text to a sender that other organizations use, too.",
        second.id: "stop, I have paid the Second one",
    }
    assert (await InboundText.get()).organization_id == second.id


async def test_start_to_a_shared_number_counts_for_all_too(http: httpx.AsyncClient, services: Services) -> None:
    first, second = await sharing(services, "First", "Second")
    await receive(http, first, "STOP")
    await receive(http, second, "START")

    assert {customer.sms_opted_out_at for customer in await Customer.all()} == {None}


async def test_a_text_to_a_shared_number_goes_to_who_texted_last(http: httpx.AsyncClient, services: Services) -> None:
    first, second, third = await sharing(services, "First", "Second", "Third")
    await send(services)
    await Reminder.filter(organization_id=third.id).update(sent_at=None)

    await receive(http, first, "I have paid")

    assert (await InboundText.get()).organization_id == second.id


@pytest.mark.parametrize("difference", ["account_sid = 'AC0'", "sender = '+15005550007'", "account_sid = NULL"])
async def test_who_has_another_account_or_sender_is_not_concerned(
    http: httpx.AsyncClient, services: Services, difference: str
) -> None:
    first, second = await sharing(services, "First", "Second")
    await rows(f"UPDATE connection SET {difference} WHERE organization_id = $1", second.id)
    await send(services)

    await receive(http, first, "STOP")

    assert [row.organization_id for row in await SmsOptOut.all()] == [first.id]
    assert (await InboundText.get()).organization_id == first.id


async def test_a_messaging_service_is_shared_as_a_number_is(http: httpx.AsyncClient, services: Services) -> None:
    first, second = await sharing(services, "First", "Second")
    service = "MG" + "1" * 32
    await rows("UPDATE connection SET sender = $1, sender_kind = 'MESSAGING_SERVICE'", service)

    await receive(http, first, "STOP", MessagingServiceSid=service)

    assert {row.organization_id for row in await SmsOptOut.all()} == {first.id, second.id}


# What a person puts down.


def said(number: int = 1, source: str = "PHONE_CALL", proof: str = "Called on Tuesday") -> JSON:
    return {"customerId": encode_id("Customer", number), "source": source, "proof": proof}


async def test_a_person_puts_down_a_refusal_and_its_end(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    token = await a_token(services, organization)

    out = await mutate(http, token, "optOutCustomer", SAID, said())
    assert await statuses() == ["SCHEDULED", "CANCELED"]
    assert (await CollectionCase.get()).attention_reason == OPTED_OUT
    back = await mutate(http, token, "optInCustomer", SAID, said(source="EMAIL", proof="Wrote on Friday"))

    assert out["customer"]["smsOptedOutAt"] is not None
    assert out["customer"]["smsOptOut"] == {
        "source": "PHONE_CALL",
        "text": "Called on Tuesday",
        "recordedBy": "Tester",
    }
    assert back["customer"] == {
        "smsOptedOutAt": None,
        "smsOptOut": None,
        "smsOptOuts": {"nodes": [{"source": "PHONE_CALL", "liftedSource": "EMAIL", "liftedText": "Wrote on Friday"}]},
    }
    assert (await CollectionCase.get()).attention_reason is None


async def test_who_has_opted_out_already_stays_as_is_and_so_does_who_has_not(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    token = await a_token(services, organization)
    before = await everything_stored()
    assert problems(await mutate(http, token, "optInCustomer", "", said())) == []
    assert await everything_stored() == before

    await mutate(http, token, "optOutCustomer", "", said())
    before = await everything_stored()
    assert problems(await mutate(http, token, "optOutCustomer", "", said(proof="Again"))) == []
    assert await everything_stored() == before


@pytest.mark.parametrize("mutation", ["optOutCustomer", "optInCustomer"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(said(source="CARRIER"), [("INVALID", "source")], id="as if the carrier had said so"),
        pytest.param(said(proof=" \n "), [("REQUIRED", "proof")], id="no proof"),
        pytest.param(said(proof="x" * 1_001), [("INVALID", "proof")], id="too long a proof"),
    ],
)
async def test_what_proves_nothing_is_refused(
    http: httpx.AsyncClient,
    services: Services,
    organization: Organization,
    mutation: str,
    given: JSON,
    expected: list[tuple[str, str]],
) -> None:
    before = await everything_stored()

    payload = await mutate(http, await a_token(services, organization), mutation, SAID, given)

    assert problems(payload) == expected
    assert {**await everything_stored(), "token": []} == {**before, "token": []}


async def test_a_customer_without_a_number_cannot_refuse_for_one(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    await open_one(services, await a_cycle(organization), a_new_case("INV-2", customer="C-2", phone=None))

    payload = await mutate(http, await a_token(services, organization), "optOutCustomer", SAID, said(2))

    assert problems(payload) == [("WRONG_STATE", "customerId")]


async def test_the_words_of_a_refusal_are_shown_to_collectors_only(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    await receive(http, organization, "Stop, you thieves")
    token = await a_token(services, organization, ALL_PERMISSIONS - {Permission.COLLECT})
    query = "query ($id: ID!) { node(id: $id) { ... on Customer { smsOptOut { source text } } } }"

    data = await ask(http, token, query, id=encode_id("Customer", 1))

    assert data["node"]["smsOptOut"] == {"source": "SMS", "text": None}


# All at once.


async def test_refusals_failures_plans_and_answers_at_the_same_time_never_wait_in_a_circle(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_TRIES", 1)  # a deadlock is an error here, and not mended by another try
    organization, _ = await a_collecting_organization(services)
    cycle = await a_cycle(organization, [SMS, SMS])
    numbers = [f"+4477009000{place:02}" for place in range(8)]
    for place in range(90):  # several customers and cases for each number, and more than are claimed at once
        await open_one(
            services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place % 20}", phone=numbers[place % 4])
        )
    await plan(services, NOW)
    handovers = await begin(services)
    opted_out, landline = Refused(21610, Fault.OPTED_OUT, "No."), Refused(21614, Fault.LANDLINE, "A landline.")

    async def answered(chosen: Sequence[int], refusal: Refused) -> None:
        answers = [(handovers[place], refusal if place % 4 else Accepted(f"SM{place:032x}")) for place in chosen]
        await record_answers(services.store, answers, NOW)

    async def reported(place: int) -> None:
        told = StatusReport(
            "AC1", f"SM{place:032x}", Status.UNDELIVERED, 30003, "Off.", Fault.UNREACHABLE, timedelta(hours=3)
        )
        await record_report(services.store, handovers[place].correlation, told, NOW)

    viewer = a_viewer(organization)
    await asyncio.gather(
        *(answered(range(start, len(handovers), 9), landline) for start in range(9)),
        *(answered(range(len(handovers) - 1 - start, -1, -7), landline) for start in range(7)),
        *(answered(range(start, len(handovers), 13), opted_out) for start in range(13)),
        *(reported(place) for place in range(0, len(handovers), 3)),
        *(a_received_text(services, organization, "STOP", sender=number, number=n) for n, number in enumerate(numbers)),
        *(
            a_received_text(services, organization, "START", sender=number, number=100 + n)
            for n, number in enumerate(reversed(numbers))
        ),
        *(plan(services, NOW + timedelta(days=days)) for days in range(4, 12)),
        *(begin(services) for _ in range(6)),
        *(open_one(services, cycle, a_new_case(f"NEW-{n}", customer=f"C-{n}", phone=numbers[n % 8])) for n in range(8)),
        *(
            change_customer_phone(services.store, viewer, customer_id=n, number=numbers[n % 8], now=NOW)
            for n in range(1, 9)
        ),
    )

    in_force = {row.phone for row in await SmsOptOut.filter(lifted_at__isnull=True)}
    for customer in await Customer.all():
        assert (customer.sms_opted_out_at is not None) == (customer.phone in in_force)
    twice = await rows("SELECT phone FROM sms_opt_out WHERE lifted_at IS NULL GROUP BY phone HAVING count(*) > 1")
    assert twice == []
