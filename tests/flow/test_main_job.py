"""The whole main job, on the embedded run: API, worker and carrier in processes of their own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest_asyncio
from redis.asyncio import Redis

from dunlin.domain.choices import Weekday
from tests.client import Socket, acknowledged
from tests.flow.embedded_run import EmbeddedRun, embedded_run
from tests.flow.walk import CLOSE_WINDOW, DISCONNECT, ORGANIZATIONS, PRICES, WATCH, Walker, a_walker

WAY = ["SCHEDULED", "SENDING", "SENT", "DELIVERED"]
SOON_S = 10


@pytest_asyncio.fixture(scope="module")
async def run(shared_var: Path) -> AsyncIterator[EmbeddedRun]:
    async with embedded_run(shared_var) as running:
        yield running


@pytest_asyncio.fixture
async def http(run: EmbeddedRun) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=run.address, timeout=30) as client:
        yield client


async def next_event(socket: Socket) -> dict[str, object]:
    async with asyncio.timeout(SOON_S):
        message = await socket.receive()
    assert message["type"] == "next", message
    event: dict[str, object] = message["payload"]["data"]["deliveryStatus"]
    return event


async def test_the_main_job_from_connecting_to_disconnecting(run: EmbeddedRun, http: httpx.AsyncClient) -> None:
    walker = await a_walker(http, run.token, place=0)
    await walker.connect("Dear {{ customer.name }}, {{ amount }} was due on {{ due_date }}.")

    organizations = (await walker.call(ORGANIZATIONS))["organizations"]["nodes"]
    connected = [organization["integrations"][0]["status"] for organization in organizations]
    assert connected == ["CONNECTED", *["DISCONNECTED"] * (len(organizations) - 1)]
    assert organizations[0]["availableCommunicationMethods"] == ["NONE", "SMS"]

    async with acknowledged(run.address, run.token) as socket:
        await socket.subscribe(WATCH, id=walker.organization_id)
        await walker.open_cases("Ada Reyes")
        events = [await next_event(socket) for _ in WAY]
    assert [event["status"] for event in events] == WAY

    text = "Dear Ada Reyes, €84.50 was due on January 15, 2026."
    outbox = (await http.get(run.outbox)).json()["messages"]
    assert [(message["to"], message["body"]) for message in outbox] == [("+447700900123", text)]

    # Outside the window a reminder stays scheduled, for the disconnect to cancel.
    await close_window(walker)
    await walker.open_cases("Ben Okafor")
    await until(walker, {"SCHEDULED": 1})
    impact = (await walker.call(DISCONNECT, id=walker.organization_id))["disconnectIntegration"]["impact"]

    assert (impact["steps"], impact["reminders"]) == (1, 1)
    canceled = [r for r in await walker.reminders() if r["text"].startswith("Dear Ben")]
    assert [(r["status"], r["statusReason"]) for r in canceled] == [("CANCELED", "SMS was disconnected.")]
    organizations = (await walker.call(ORGANIZATIONS))["organizations"]["nodes"]
    methods = {step["communicationMethod"] for cycle in organizations[0]["collectionCycles"]["nodes"]
               for step in cycle["steps"]}  # fmt: skip
    assert methods == {"NONE"}
    assert len((await http.get(run.outbox)).json()["messages"]) == 1


async def test_prices_of_the_countries_in_use_are_known_soon_after_connecting(
    run: EmbeddedRun, http: httpx.AsyncClient
) -> None:
    walker = await a_walker(http, run.token, place=0)
    await walker.connect()

    async with asyncio.timeout(SOON_S):
        while True:
            found = (await walker.call(PRICES, id=walker.organization_id))["organization"]
            prices = {price["country"] for price in found["integration"]["pricing"]["prices"]}
            if {found["country"], "US"} <= prices:  # the demo's first customers have American test numbers
                return


async def test_reminders_go_out_although_every_redis_key_is_deleted_again_and_again(
    run: EmbeddedRun, http: httpx.AsyncClient
) -> None:
    walker = await a_walker(http, run.token, place=1)
    await walker.connect()
    names = [f"Customer {number}" for number in range(20)]
    async with Redis.from_url(run.redis_url) as redis, acknowledged(run.address, run.token) as socket:
        await socket.subscribe(WATCH, id=walker.organization_id)
        deleting = asyncio.create_task(delete_keys(redis))
        await walker.open_cases(*names)
        async with asyncio.timeout(30):
            events = [await next_event(socket) for _ in names for _ in WAY]
        deleting.cancel()

    assert sorted(str(event["status"]) for event in events) == sorted(WAY * len(names))
    sent = [message["body"] for message in (await http.get(run.outbox)).json()["messages"]]
    assert all(sent.count(f"Dear {name}, €84.50 is due.") == 1 for name in names)


async def test_reminders_go_out_although_redis_is_gone(run: EmbeddedRun, http: httpx.AsyncClient) -> None:
    walker = await a_walker(http, run.token, place=2)
    await walker.connect()
    async with acknowledged(run.address, run.token) as socket:
        await socket.subscribe(WATCH, id=walker.organization_id)
        async with Redis.from_url(run.redis_url) as redis:
            await redis.shutdown(nosave=True)
        await walker.open_cases("Cleo Haddad")
        events = [await next_event(socket) for _ in WAY]

    assert [event["status"] for event in events] == WAY


async def delete_keys(redis: Redis) -> None:
    while True:
        await redis.flushall()
        await asyncio.sleep(0)


async def close_window(walker: Walker) -> None:
    """Leave one minute of one day that is days away: nothing leaves now."""
    far = list(Weekday)[(datetime.now(UTC).weekday() + 3) % 7]
    await walker.call(CLOSE_WINDOW, id=walker.organization_id, start="00:00", end="00:01", day=far)


async def until(walker: Walker, wanted: dict[str, int]) -> None:
    """Look until as many reminders stand where they are wanted."""
    async with asyncio.timeout(SOON_S):
        while True:
            found = [reminder["status"] for reminder in await walker.reminders()]
            if all(found.count(status) == count for status, count in wanted.items()):
                return
