"""Senders keep to their rates, over all workers together, and also while Redis is away."""

import asyncio
from datetime import timedelta

import pytest

from dunlin.runtime.bell import open_redis
from dunlin.runtime.pacer import Pacer, Turn
from dunlin.runtime.wiring import Services

NOW = timedelta(0)
LONG = timedelta(seconds=10)  # a busy machine's Redis is not one that is away


def turns(count: int, *, sender: str = "1:+32470000000", segments: int = 1, rate: float = 10.0) -> list[Turn]:
    return [Turn(sender, segments, rate)] * count


def gone(waits: list[timedelta]) -> int:
    return waits.count(NOW)


@pytest.fixture(params=["redis", "alone"])
def pacer(request: pytest.FixtureRequest, services: Services) -> Pacer:
    if request.param == "redis":
        return Pacer(services.redis, LONG)
    return Pacer(open_redis("redis://127.0.0.1:1/0"))  # nothing listens on port 1


async def test_a_second_s_worth_goes_at_once_and_the_others_wait_in_turn(pacer: Pacer) -> None:
    waits = await pacer.take(turns(20))

    assert gone(waits) in (11, 12)  # the bucket also fills while it is emptied
    waiting = [wait for wait in waits if wait]
    assert waiting == sorted(waiting)
    assert timedelta(milliseconds=600) <= waiting[-1] <= timedelta(milliseconds=1_000)


async def test_long_texts_count_by_their_segments(pacer: Pacer) -> None:
    assert gone(await pacer.take(turns(20, segments=5))) == 3


async def test_a_text_longer_than_the_bucket_goes_when_it_is_full(pacer: Pacer) -> None:
    waits = await pacer.take(turns(2, segments=11, rate=0.8))

    assert waits[0] == NOW
    assert timedelta(seconds=12) < waits[1] < timedelta(seconds=14)


async def test_senders_do_not_wait_for_each_other(pacer: Pacer) -> None:
    await pacer.take(turns(20))

    assert gone(await pacer.take(turns(5, sender="2:Waterworks"))) == 5


async def test_the_rate_is_kept_over_time_and_over_workers(services: Services) -> None:
    pacers = [Pacer(services.redis, LONG) for _ in range(3)]
    began = asyncio.get_running_loop().time()
    sent = 0
    while sent < 100:
        sent += sum(gone(waits) for waits in await asyncio.gather(*(pacer.take(turns(5, rate=50)) for pacer in pacers)))
        await asyncio.sleep(0)
    took = asyncio.get_running_loop().time() - began

    assert took >= (100 - 50 - 16) / 50  # all but the first second's worth at 50 a second; up to 15 at once


async def test_nothing_asked_for_is_nothing_answered(pacer: Pacer) -> None:
    assert await pacer.take([]) == []


async def test_buckets_are_forgotten_once_they_are_full(services: Services) -> None:
    await Pacer(services.redis, LONG).take(turns(1))

    (key,) = await services.redis.keys("dunlin:pace:*")
    assert 0 < await services.redis.pttl(key) <= 61_000
