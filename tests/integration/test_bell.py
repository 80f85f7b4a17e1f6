"""Rings over Redis: soon, together, and never waited for."""

import asyncio
import json
from contextlib import aclosing

from dunlin.runtime.bell import DELIVER_JOB, EVENTS, PLAN_JOB, RedisBell, open_redis
from dunlin.runtime.wiring import Services


async def test_what_is_asked_for_at_once_goes_in_one_ring(services: Services) -> None:
    async with services.redis.pubsub() as listening:
        await listening.subscribe(EVENTS)
        async with aclosing(RedisBell(services.redis)) as bell:
            for organization_id in (3, 1, 2, 1):
                bell.announce([organization_id])
        async with asyncio.timeout(10):
            while (heard := await listening.get_message(ignore_subscribe_messages=True, timeout=1)) is None:
                pass

        assert json.loads(heard["data"]) == [1, 2, 3]
        assert await listening.get_message(ignore_subscribe_messages=True) is None


async def test_what_is_asked_for_while_it_rings_is_rung_for_too(services: Services) -> None:
    async with aclosing(RedisBell(services.redis)) as bell:
        bell.wake_planner()
        await asyncio.sleep(0)
        bell.wake_deliverer()
        bell.wake_deliverer()

    queued = {job.function for job in await services.redis.queued_jobs()}
    assert queued == {PLAN_JOB, DELIVER_JOB}


async def test_without_redis_nobody_waits_and_closing_takes_a_moment() -> None:
    bell = RedisBell(open_redis("redis://127.0.0.1:1/0"))  # nothing listens on port 1

    bell.wake_planner()
    bell.announce([1])

    async with asyncio.timeout(2):
        await bell.aclose()
