"""cancelReminder, resendReminder and confirmReminderSent: what they show, and what they refuse."""

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.carrier import Fault, Refused, Unknown
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCase, Reminder
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token, everything_stored, open_one
from tests.client import JSON, mutate, problems
from tests.delivery import answer, begin, plan

REMINDER = "reminder { id status statusReason to events { status } case { state steps { state reminder { id } } } }"


@pytest_asyncio.fixture
async def reminder(services: Services) -> Reminder:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)
    return await Reminder.get()


@pytest_asyncio.fixture
async def token(services: Services, reminder: Reminder) -> str:
    return await a_token(services, await reminder.organization)


def of(reminder: Reminder, **given: object) -> JSON:
    return {"reminderId": encode_id("Reminder", reminder.id), **given}


async def test_a_canceled_reminder_shows_what_became_of_it(
    http: httpx.AsyncClient, token: str, reminder: Reminder
) -> None:
    payload = await mutate(http, token, "cancelReminder", REMINDER, of(reminder))

    assert problems(payload) == []
    assert (payload["reminder"]["status"], payload["reminder"]["statusReason"]) == (
        "CANCELED",
        "A person canceled this reminder.",
    )
    assert payload["reminder"]["case"]["steps"][0]["state"] == "SKIPPED"


async def test_a_reminder_that_is_sent_again_is_the_new_one_of_its_step(
    http: httpx.AsyncClient, services: Services, token: str, reminder: Reminder
) -> None:
    await answer(services, await begin(services), Refused(21211, Fault.RECIPIENT, "Bad number."))

    payload = await mutate(http, token, "resendReminder", REMINDER, of(reminder, idempotencyKey="A"))
    again = await mutate(http, token, "resendReminder", REMINDER, of(reminder, idempotencyKey="A"))

    assert problems(payload) == []
    assert payload == again
    new = encode_id("Reminder", reminder.id + 1)
    assert payload["reminder"] == {
        "id": new,
        "status": "SCHEDULED",
        "statusReason": None,
        "to": "+447700900001",
        "events": [{"status": "SCHEDULED"}],
        "case": {"state": "ACTIVE", "steps": [{"state": "DONE", "reminder": {"id": new}}]},
    }


async def test_what_a_person_knows_was_sent_is_sent_and_asks_for_nobody_any_more(
    http: httpx.AsyncClient, services: Services, token: str, reminder: Reminder
) -> None:
    await answer(services, await begin(services), Unknown("The answer was lost."))
    await rows("UPDATE collection_case SET attention_reason = 'A reminder may not have arrived: who knows'")

    payload = await mutate(http, token, "confirmReminderSent", REMINDER, of(reminder))

    assert problems(payload) == []
    assert (payload["reminder"]["status"], payload["reminder"]["statusReason"]) == (
        "SENT",
        "A person confirmed that it was sent.",
    )
    assert [event["status"] for event in payload["reminder"]["events"]] == [
        "SCHEDULED",
        "SENDING",
        "UNCONFIRMED",
        "SENT",
    ]
    assert (await CollectionCase.get()).attention_reason is None
    again = await mutate(http, token, "confirmReminderSent", REMINDER, of(reminder))
    assert problems(again) == [("WRONG_STATE", "reminderId")]


@pytest.mark.parametrize("mutation", ["cancelReminder", "resendReminder", "confirmReminderSent"])
async def test_what_cannot_be_done_in_its_state_is_refused_and_changes_nothing(
    http: httpx.AsyncClient, services: Services, token: str, reminder: Reminder, mutation: str
) -> None:
    await begin(services)
    before = await everything_stored()

    payload = await mutate(http, token, mutation, REMINDER, of(reminder))

    assert problems(payload) == [("WRONG_STATE", "reminderId")]
    assert payload["reminder"] is None
    assert payload["userErrors"][0]["message"].startswith("The reminder is SENDING. ")
    assert await everything_stored() == before
