"""The process's one reader of delivery events, without a socket in between."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import pytest
import pytest_asyncio

from dunlin.api.errors import ClientError
from dunlin.api.live import EVERYTHING, EventHub, Narrowing
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCycle, DeliveryEvent, Reminder
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_new_case, an_account, open_one
from tests.delivery import append_events, plan
from tests.statements import statements


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    return (await a_collecting_organization(services))[1]


@asynccontextmanager
async def a_running_hub(services: Services) -> AsyncIterator[EventHub]:
    hub = EventHub(services.redis)
    running = asyncio.create_task(hub.run())
    yield hub
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def following(
    hub: EventHub, organization_id: int, after: int | None, wanted: Narrowing = EVERYTHING
) -> AsyncGenerator[DeliveryEvent]:
    async with hub.reading(organization_id, after, wanted) as reading, aclosing(reading.on()) as events:
        async for event in events:
            yield event


async def test_a_subscriber_that_has_gone_leaves_nothing_behind(services: Services, cycle: CollectionCycle) -> None:
    await open_one(services, cycle)
    await plan(services)

    async with a_running_hub(services) as hub:
        staying = following(hub, cycle.organization_id, 0)
        going = following(hub, cycle.organization_id, 0)
        assert (await anext(staying)).id == (await anext(going)).id
        assert hub._feeds[cycle.organization_id].listeners == 2

        waiting = asyncio.create_task(anext(going))
        await asyncio.wait([waiting], timeout=0)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        assert hub._feeds[cycle.organization_id].listeners == 1

        await staying.aclose()
        assert hub._feeds == {}


async def events_of(follower: AsyncGenerator[DeliveryEvent], count: int) -> list[int]:
    """Return the sequences of the next so many events."""
    async with asyncio.timeout(10):
        return [(await anext(follower)).sequence for _ in range(count)]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await rows("SELECT 1")


@pytest_asyncio.fixture
async def reminder(services: Services, cycle: CollectionCycle) -> Reminder:
    """A reminder with one event."""
    await open_one(services, cycle)
    await plan(services)
    return await Reminder.get()


async def test_a_subscriber_that_lags_behind_the_memory_of_the_process_reads_on_from_the_database(
    services: Services, reminder: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.live._LONGEST_FEED", 10)
    monkeypatch.setattr("dunlin.api.live._HELD", 3)
    organization_id = reminder.organization_id
    async with a_running_hub(services) as hub:
        slow, quick = following(hub, organization_id, 0), following(hub, organization_id, 0)
        assert await events_of(slow, 1) == await events_of(quick, 1) == [1]
        for _ in range(10):
            await append_events(services, reminder, 9)
        assert await events_of(quick, 90) == list(range(2, 92))
        feed = hub._feeds[organization_id]
        assert (feed.floor, len(feed._recent)) == (81, 10)

        assert await events_of(slow, 90) == list(range(2, 92))
        await append_events(services, reminder, 1)
        assert await events_of(slow, 1) == await events_of(quick, 1) == [92]
        await slow.aclose()
        await quick.aclose()


async def test_long_reasons_do_not_fill_the_memory_of_the_process(
    services: Services, reminder: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.feed._LARGEST", 2_500)
    async with a_running_hub(services) as hub:
        follower = following(hub, reminder.organization_id, 1)
        reading = asyncio.create_task(events_of(follower, 6))
        await until(lambda: bool(hub._feeds))
        await append_events(services, reminder, 6, "x" * 1_000)

        assert await reading == [2, 3, 4, 5, 6, 7]
        feed = hub._feeds[reminder.organization_id]
        assert (feed.floor, len(feed._recent)) == (5, 2)
        await follower.aclose()


async def test_where_many_organizations_are_watched_each_is_remembered_less(
    services: Services, reminder: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.live._MOST_KEPT", 8)
    _, other = await a_collecting_organization(services, await an_account("Other"))
    async with a_running_hub(services) as hub:
        follower, beside = following(hub, reminder.organization_id, 0), following(hub, other.organization_id, None)
        waiting = asyncio.create_task(anext(beside))
        assert await events_of(follower, 1) == [1]
        await until(lambda: len(hub._feeds) == 2)

        await append_events(services, reminder, 20)

        assert await events_of(follower, 20) == list(range(2, 22))
        assert len(hub._feeds[reminder.organization_id]._recent) == 4
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await follower.aclose()


async def test_who_wants_one_reminder_reads_only_its_events_and_each_stretch_once(
    services: Services, cycle: CollectionCycle, reminder: Reminder
) -> None:
    await open_one(services, cycle, a_new_case("INV-2"))
    await plan(services)
    other = await Reminder.exclude(id=reminder.id).get()
    for _ in range(5):
        await append_events(services, other, 200)
        await append_events(services, reminder, 1)
    wanted = [row.sequence for row in await DeliveryEvent.filter(reminder_id=reminder.id).order_by("sequence")]
    for narrowing in (Narrowing(case_id=reminder.case_id), Narrowing(reminder_id=reminder.id)):
        behind = len(wanted)
        async with a_running_hub(services) as hub:
            follower = following(hub, reminder.organization_id, 0, narrowing)
            with statements(lambda statement: 'FROM "delivery_event"' in statement) as read:
                assert await events_of(follower, behind) == wanted
                waiting = asyncio.create_task(anext(follower))
                await until(lambda: hub._feeds[reminder.organization_id].listeners == 1)
                await append_events(services, other, 50)
                await append_events(services, reminder, 1)
                async with asyncio.timeout(5):
                    wanted.append((await waiting).sequence)
            of_subscriber = [one for one in read if '"reminder_id"' in one.split("WHERE")[1]]
            assert len(of_subscriber) == 1, of_subscriber
            await follower.aclose()


async def test_a_position_ahead_of_the_log_is_told_at_once(services: Services, reminder: Reminder) -> None:
    async with a_running_hub(services) as hub:
        with pytest.raises(ClientError, match="lies ahead"):
            await anext(following(hub, reminder.organization_id, 2))
        assert hub._feeds == {}


async def test_subscribers_are_told_when_the_log_is_set_back_under_them(services: Services, reminder: Reminder) -> None:
    organization_id = reminder.organization_id
    async with a_running_hub(services) as hub:
        follower = following(hub, organization_id, 0)
        assert await events_of(follower, 1) == [1]
        waiting = asyncio.create_task(anext(follower))
        await rows("UPDATE delivery_sequence SET last_sequence = 0 WHERE organization_id = $1", organization_id)

        with pytest.raises(ClientError, match="lies ahead"):
            async with asyncio.timeout(5):
                await waiting
        assert hub._feeds == {}


async def test_the_first_event_after_subscribing_is_not_lost_while_the_hub_is_behind(
    services: Services, reminder: Reminder
) -> None:
    hub = EventHub(services.redis)  # nothing reads yet
    first = following(hub, reminder.organization_id, 0)
    assert await events_of(first, 1) == [1]
    await append_events(services, reminder, 5)
    late = following(hub, reminder.organization_id, None)
    waiting = asyncio.create_task(anext(late))
    await until(lambda: hub._feeds[reminder.organization_id].listeners == 2)
    await append_events(services, reminder, 1)

    running = asyncio.create_task(hub.run())
    async with asyncio.timeout(5):
        assert (await waiting).sequence == 7
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await first.aclose()
    await late.aclose()


async def test_an_organization_with_thousands_of_events_does_not_hold_up_the_others(
    services: Services, reminder: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.live._BATCH", 10)
    _, other = await a_collecting_organization(services, await an_account("Other"))
    await open_one(services, other, a_new_case("Theirs"))
    hub = EventHub(services.redis)
    busy, calm = following(hub, reminder.organization_id, 0), following(hub, other.organization_id, None)
    assert await events_of(busy, 1) == [1]
    waiting = asyncio.create_task(anext(calm))
    await until(lambda: len(hub._feeds) == 2)
    await append_events(services, reminder, 500)
    await plan(services)

    await hub._read()

    assert hub._feeds[reminder.organization_id].head == 11
    async with asyncio.timeout(5):
        assert (await waiting).sequence == 1
    await busy.aclose()
    await calm.aclose()
