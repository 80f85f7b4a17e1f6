"""A reminder is written when it is planned, and anew in the moment it goes out."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dunlin.domain.carrier import Throttled
from dunlin.domain.choices import CaseStepState, IntegrationKind, SmsEncoding
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Transaction, rows
from dunlin.domain.tables import (
    CaseStep,
    CollectionCase,
    Customer,
    Integration,
    Organization,
    Reminder,
    SmsPrice,
    StepTexts,
)
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_cycle, a_new_case, an_organization, connect_sms, open_one, pay
from tests.delivery import answer, begin, plan, statuses, the_reminder

Status = ReminderStatus
TEXTS = {"en": "Dear {{ customer.name }}, {{ amount }} is due.", "nl": "Beste {{ customer.name }}: {{ amount }}"}


@pytest.fixture
async def case(services: Services) -> CollectionCase:
    """A case of 84.50 EUR whose reminder is scheduled."""
    return await planned(services, TEXTS)


async def planned(services: Services, texts: Mapping[str, str], *, language: str | None = "en") -> CollectionCase:
    organization = await an_organization()
    await connect_sms(services, organization)
    case = await open_one(services, await a_cycle(organization, texts=dict(texts)), a_new_case(language=language))
    await plan(services, NOW)
    return case


async def test_a_text_names_the_amount_that_is_open_when_it_goes_out(services: Services, case: CollectionCase) -> None:
    assert (await the_reminder()).text == "Dear Ada Reyes, €84.50 is due."

    await pay(services, case, "50")
    (handover,) = await begin(services)

    assert handover.text == "Dear Ada Reyes, €34.50 is due."
    assert (await the_reminder()).text == handover.text


async def test_what_was_sent_is_kept_as_it_was_sent(services: Services, case: CollectionCase) -> None:
    await price_of_a_segment("0.05")
    await Customer.all().update(name="Łucja " + "a" * 60, language="nl")

    await begin(services)

    reminder = await the_reminder()
    assert (reminder.language, reminder.is_fallback_language) == ("nl", False)
    assert (reminder.encoding, reminder.segments) == (SmsEncoding.UCS_2, 2)
    assert (reminder.estimated_cost, reminder.estimated_cost_currency) == (Decimal("0.10"), "USD")


async def price_of_a_segment(amount: str) -> None:
    integration = await Integration.get(kind=IntegrationKind.SMS)
    await SmsPrice.filter(country="GB").delete()
    await SmsPrice.create(
        organization_id=integration.organization_id,
        country="GB",
        connection_id=integration.connection_id,
        price=Decimal(amount),
        currency="USD",
        fetched_at=NOW,
    )


async def test_what_is_as_it_was_planned_keeps_its_estimate(services: Services, case: CollectionCase) -> None:
    await price_of_a_segment("0.05")

    await begin(services)

    reminder = await the_reminder()
    assert (reminder.text, reminder.estimated_cost) == ("Dear Ada Reyes, €84.50 is due.", None)


async def test_it_goes_to_the_number_that_the_customer_has_by_then(services: Services, case: CollectionCase) -> None:
    await Customer.all().update(phone="+447700900002")

    (handover,) = await begin(services)

    assert handover.to == "+447700900002"
    assert (await the_reminder()).to == "+447700900002"


async def test_a_reminder_that_goes_again_is_written_once_more(services: Services, case: CollectionCase) -> None:
    await answer(services, await begin(services), Throttled(None))
    await pay(services, case, "50")
    await rows("UPDATE reminder SET scheduled_for = clock_timestamp()")

    (handover,) = await begin(services)

    assert handover.text == "Dear Ada Reyes, €34.50 is due."


async def test_what_was_sent_is_not_written_anew(services: Services, case: CollectionCase) -> None:
    await begin(services)

    await pay(services, case, "50")

    assert (await the_reminder()).text == "Dear Ada Reyes, €84.50 is due."


async def test_a_text_that_can_no_longer_be_written_is_not_sent_and_a_person_must_look(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization, texts={"en": "Pay at {{ payment_link }}"})
    await open_one(services, cycle, replace(a_new_case(), payment_link="https://pay.example.com/1"))
    await plan(services, NOW)
    assert (await the_reminder()).text == "Pay at https://pay.example.com/1"
    await CollectionCase.all().update(payment_link=None)

    assert await begin(services) == []

    why = "The text in en cannot be sent. The text names payment_link, and the case has none."
    reminder, step = await the_reminder(), await CaseStep.get()
    assert (reminder.status, reminder.status_reason) == (Status.CANCELED, why)
    assert (step.state, step.skipped_reason) == (CaseStepState.SKIPPED, why)
    assert (await CollectionCase.get()).attention_reason == why


async def test_a_case_without_the_link_that_a_text_names_gets_no_text(services: Services) -> None:
    await planned(services, {"en": "Pay at {{ payment_link }}"})

    assert await Reminder.all().count() == 0
    assert (await CollectionCase.get()).attention_reason == (
        "The text in en cannot be sent. The text names payment_link, and the case has none."
    )


async def test_a_number_that_is_gone_stops_the_reminder(services: Services, case: CollectionCase) -> None:
    await Customer.all().update(phone=None)

    assert await begin(services) == []
    assert await statuses() == ["SCHEDULED", "CANCELED"]
    assert (await CollectionCase.get()).attention_reason == "The customer has no phone number."


async def test_one_text_that_cannot_be_written_holds_up_no_other(services: Services, case: CollectionCase) -> None:
    other = await open_one(services, await a_cycle(await case.organization), a_new_case("INV-2", customer="C-2"))
    await plan(services, NOW)
    await StepTexts.filter(id=(await CaseStep.get(case_id=case.id)).texts_id).update(sms={"en": "{{ nobody }}"})

    handovers = await begin(services)

    assert [handover.reminder_id for handover in handovers] == [(await Reminder.get(case_id=other.id)).id]


@pytest.mark.parametrize(
    ("language", "written", "is_fallback"),
    [
        pytest.param("en", "en", False, id="the customer's language"),
        pytest.param("en-GB", "en", False, id="its base language"),
        pytest.param("de", "nl", True, id="the organization's, because the customer's has no text"),
        pytest.param(None, "nl", False, id="the organization's, because the customer has none"),
    ],
)
async def test_a_reminder_tells_its_language_and_whether_it_is_the_customers(
    services: Services, language: str | None, written: str, is_fallback: bool
) -> None:
    await planned(services, TEXTS, language=language)

    reminder = await the_reminder()
    assert (reminder.language, reminder.is_fallback_language) == (written, is_fallback)


async def test_marking_takes_as_many_statements_for_many_reminders_as_for_few(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    statements: list[str] = []
    run = Transaction.rows

    async def noted(self: Transaction, sql: str, *parameters: object) -> list[dict[str, Any]]:
        statements.append(sql)
        return await run(self, sql, *parameters)

    monkeypatch.setattr(Transaction, "rows", noted)
    counts = []
    for cases in (2, 20):
        await plan_and_lower_what_is_due(services, organization, cases)
        statements.clear()
        handovers = await begin(services)
        counts.append(len(statements))
        assert [handover.text for handover in handovers] == [f"Dear Ada Reyes, €{cases}.00 is due."] * cases

    assert counts[0] == counts[1]


async def plan_and_lower_what_is_due(services: Services, organization: Organization, cases: int) -> None:
    cycle = await a_cycle(organization)
    for place in range(cases):
        await open_one(services, cycle, a_new_case(f"{cases}/{place}", customer=f"{cases}/{place}"))
    await plan(services, NOW)
    await CollectionCase.all().update(amount_due=Decimal(cases))
