"""A database that goes away while somebody watches: nobody takes an event for seen that could not be shown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.api.types.reminder import event_cursor
from dunlin.domain.store import rows
from dunlin.domain.tables import Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token, open_one
from tests.client import acknowledged
from tests.delivery import append_events, plan
from tests.serving import limited, until_nobody_is_left

WATCH = """subscription ($id: ID!, $after: String) {
  deliveryStatus(organizationId: $id, after: $after) { cursor reminder { to } } }"""


@pytest_asyncio.fixture
async def reminder(services: Services) -> Reminder:
    """A reminder with one event."""
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)
    return await Reminder.get()


@pytest_asyncio.fixture
async def token(services: Services, reminder: Reminder) -> str:
    return await a_token(services, await Organization.get(id=reminder.organization_id))


def variables(reminder: Reminder, place: int) -> dict[str, str]:
    return {
        "id": encode_id("Organization", reminder.organization_id),
        "after": event_cursor(reminder.organization_id, place),
    }


@asynccontextmanager
async def reminders_locked(services: Services) -> AsyncIterator[None]:
    """Keep everybody from reading reminders."""
    connection = await asyncpg.connect(services.settings.database_url)
    try:
        await connection.execute("BEGIN; LOCK TABLE reminder IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        await connection.close()


async def happen(services: Services, reminder: Reminder) -> None:
    """Append an event without touching the reminder, which a reference to it would."""
    await rows("ALTER TABLE delivery_event DISABLE TRIGGER ALL")
    try:
        await append_events(services, reminder)
    finally:
        await rows("ALTER TABLE delivery_event ENABLE TRIGGER ALL")


async def end_who_waits_for_reminders() -> None:
    """End the connection to the database that waits for a lock on reminders, as its shutdown would."""
    ended: list[dict[str, bool]] = []
    async with asyncio.timeout(5):
        while not ended:
            ended = await rows(
                """SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT%FROM "reminder"%'"""
            )


async def test_a_socket_is_closed_for_now_and_its_client_gets_the_event_when_it_comes_back(
    services: Services, reminder: Reminder, token: str
) -> None:
    async with limited(services) as (address, ground):
        async with acknowledged(address, token) as socket:
            await socket.subscribe(WATCH, **variables(reminder, 0))
            seen = (await socket.event())["data"]["deliveryStatus"]["cursor"]
            async with reminders_locked(services):
                await happen(services, reminder)
                await end_who_waits_for_reminders()

                assert await socket.close_code() == 1013
        assert seen == event_cursor(reminder.organization_id, 1)
        async with acknowledged(address, token) as socket:
            await socket.subscribe(WATCH, **variables(reminder, 1))
            again = (await socket.event())["data"]["deliveryStatus"]["cursor"]
        assert again == event_cursor(reminder.organization_id, 2)
        await until_nobody_is_left(ground)


async def test_a_stream_ends_without_being_complete(services: Services, reminder: Reminder, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    asked = {"query": WATCH, "variables": variables(reminder, 0)}
    async with limited(services) as (address, ground), httpx.AsyncClient(base_url=address) as http:
        async with reminders_locked(services):
            answering = asyncio.create_task(http.post("/graphql/stream", json=asked, headers=headers))
            await end_who_waits_for_reminders()
            answer = await answering

        assert answer.status_code == 200
        assert answer.text.strip(":\n") == ""
        await until_nobody_is_left(ground)


async def test_a_query_over_a_socket_is_told_and_the_socket_goes_on(
    services: Services, reminder: Reminder, token: str
) -> None:
    node = "query ($id: ID!) { node(id: $id) { ... on Reminder { to } } }"
    async with limited(services) as (address, _), acknowledged(address, token) as socket:
        async with reminders_locked(services):
            await socket.subscribe(node, id=encode_id("Reminder", reminder.id))
            await end_who_waits_for_reminders()
            answered = await socket.event()

        assert [error["extensions"]["code"] for error in answered["errors"]] == ["UNAVAILABLE"]
        assert (await socket.receive())["type"] == "complete"
        await socket.settle()
