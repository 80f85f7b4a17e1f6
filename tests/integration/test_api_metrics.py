"""GET /metrics: what a monitoring system is told."""

from datetime import UTC, datetime, timedelta

import httpx
from prometheus_client.parser import text_string_to_metric_families

from dunlin.domain.carrier import Unknown
from dunlin.domain.store import rows
from dunlin.domain.tables import Reminder
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_new_case, open_one
from tests.delivery import answer, begin, plan


async def figures(http: httpx.AsyncClient) -> dict[str, float]:
    """All samples, by their name and the values of their labels."""
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_an_idle_service_has_no_backlog(http: httpx.AsyncClient) -> None:
    told = await figures(http)

    assert told["dunlin_database_up"] == 1
    for name in (
        "oldest_due_case_seconds",
        "oldest_due_reminder_seconds",
        "reminders_sending",
        "reminders_unconfirmed",
    ):
        assert told[f"dunlin_{name}"] == 0


async def test_the_backlog_is_told_by_its_oldest(http: httpx.AsyncClient, services: Services) -> None:
    _, cycle = await a_collecting_organization(services)
    now = datetime.now(UTC)
    await open_one(services, cycle, a_new_case("INV-1", customer="C-1"), now=now - timedelta(hours=1))
    await plan(services, now - timedelta(hours=1))
    await open_one(services, cycle, a_new_case("INV-2", customer="C-2"), now=now - timedelta(hours=2))
    await rows(
        "UPDATE collection_case SET next_action_at = $1 WHERE next_action_at IS NOT NULL", now - timedelta(hours=2)
    )
    await rows("UPDATE reminder SET scheduled_for = $1", now - timedelta(hours=1))

    told = await figures(http)

    assert 7_200 <= told["dunlin_oldest_due_case_seconds"] < 7_300
    assert 3_600 <= told["dunlin_oldest_due_reminder_seconds"] < 3_700


async def test_what_is_under_way_or_unknown_is_counted(http: httpx.AsyncClient, services: Services) -> None:
    _, cycle = await a_collecting_organization(services)
    for place in range(3):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
    await plan(services)
    handovers = await begin(services)
    await answer(services, handovers[:1], Unknown("The answer was lost."))

    told = await figures(http)

    assert (told["dunlin_reminders_sending"], told["dunlin_reminders_unconfirmed"]) == (2, 1)
    assert await Reminder.all().count() == 3


async def test_callbacks_are_counted_by_what_became_of_them(http: httpx.AsyncClient) -> None:
    before = await figures(http)
    nowhere = "/webhooks/twilio/" + "x" * 43

    await http.post(nowhere, data={"MessageSid": "SM1"})
    await http.post(nowhere, content=b"{}", headers={"Content-Type": "application/json"})
    await http.post("/webhooks/twilio/inbound/nobody", data={"From": "+447700900001"})

    after = await figures(http)
    grown = {
        name: value - before.get(name, 0) for name, value in after.items() if name.startswith("dunlin_callbacks_total")
    }
    assert {name: value for name, value in grown.items() if value} == {
        "dunlin_callbacks_total status forged": 1,
        "dunlin_callbacks_total status unreadable": 1,
        "dunlin_callbacks_total text forged": 1,
    }
