"""The process's one reader of delivery events, without a socket in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest_asyncio

from dunlin.api.live import EventHub
from dunlin.domain.carrier import Accepted
from dunlin.domain.tables import CollectionCycle
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, open_one
from tests.delivery import SID, answer, begin, plan


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


async def test_a_subscriber_that_has_gone_leaves_nothing_behind(services: Services, cycle: CollectionCycle) -> None:
    await open_one(services, cycle)
    await plan(services)

    async with a_running_hub(services) as hub:
        staying = hub.events(cycle.organization_id, 0)
        going = hub.events(cycle.organization_id, 0)
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


async def test_a_subscriber_that_lags_behind_the_memory_of_the_process_reads_on_from_the_database(
    services: Services, cycle: CollectionCycle
) -> None:
    async with a_running_hub(services) as hub:
        follower = hub.events(cycle.organization_id, 0)
        await open_one(services, cycle)
        await plan(services)
        first = await anext(follower)
        hub._feeds[cycle.organization_id].recent.clear()
        await answer(services, await begin(services), Accepted(SID))

        async with asyncio.timeout(5):
            rest = [await anext(follower) for _ in range(2)]
        await follower.aclose()

    assert [one.sequence for one in (first, *rest)] == [1, 2, 3]
