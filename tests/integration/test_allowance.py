"""What callers may ask for in a minute: over all processes together, and also while Redis is away."""

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from dunlin.runtime.allowance import Allowance
from dunlin.runtime.bell import open_redis
from dunlin.runtime.wiring import Services

NOW = timedelta(0)
AWAY = "redis://127.0.0.1:1/0"  # nothing listens on port 1


@pytest.fixture(params=["redis", "alone"])
def allowance(request: pytest.FixtureRequest, services: Services) -> Allowance:
    return Allowance(services.redis if request.param == "redis" else open_redis(AWAY), 600)


async def test_what_is_asked_for_is_taken_and_told(allowance: Allowance) -> None:
    taken = await allowance.take("A", 200)

    assert (taken.cost, taken.limit, taken.wait) == (200, 600, NOW)
    assert 399 <= taken.remaining <= 400
    assert timedelta(seconds=19) < taken.full_again_at - datetime.now(UTC) <= timedelta(seconds=21)


async def test_who_asks_for_more_than_is_left_waits_and_nothing_is_taken(allowance: Allowance) -> None:
    await allowance.take("A", 500)

    refused = await allowance.take("A", 200)

    assert timedelta(seconds=9) < refused.wait <= timedelta(seconds=10)  # 10 points a second
    assert (await allowance.take("A", 90)).wait == NOW


async def test_those_who_ask_together_are_answered_in_their_turn(allowance: Allowance) -> None:
    callers = ["A", "B"] * 10

    taken = await asyncio.gather(*(allowance.take(caller, 100) for caller in callers))

    for caller in ("A", "B"):
        own = [one for one, of in zip(taken, callers, strict=True) if of == caller]
        assert [one.wait == NOW for one in own] == [True] * 6 + [False] * 4
        assert [round(one.remaining, -1) for one in own[:6]] == [500, 400, 300, 200, 100, 0]


async def test_redis_is_asked_once_for_those_who_ask_while_it_is_asked(services: Services) -> None:
    allowance = Allowance(services.redis, 600)
    await allowance.take("A", 0)  # Redis has the script from now on
    before = (await services.redis.info("commandstats"))["cmdstat_evalsha"]["calls"]

    await asyncio.gather(*(allowance.take("A", 1) for _ in range(100)))

    calls = (await services.redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before
    assert calls <= 2
    assert (await allowance.take("A", 0)).remaining in (500, 501, 502)


async def test_callers_do_not_wait_for_each_other(allowance: Allowance) -> None:
    await allowance.take("A", 600)

    assert (await allowance.take("A", 100)).wait > NOW
    assert (await allowance.take("B", 600)).wait == NOW


async def test_what_costs_more_than_there_is_goes_when_all_is_there(allowance: Allowance) -> None:
    assert (await allowance.take("A", 1_000)).wait == NOW

    assert timedelta(seconds=39) < (await allowance.take("A", 1)).wait < timedelta(seconds=41)


async def test_what_costs_nothing_is_never_refused(allowance: Allowance) -> None:
    await allowance.take("A", 1_000)

    asked = await allowance.take("A", 0)

    assert (asked.wait, asked.remaining) == (NOW, 0)


async def test_what_was_done_already_goes_into_debt_but_not_without_end(allowance: Allowance) -> None:
    for _ in range(100):
        assert (await allowance.take("A", 500, in_any_case=True)).wait == NOW

    assert timedelta(seconds=55) < (await allowance.take("A", 1)).wait <= timedelta(seconds=61)


async def test_who_has_used_up_everything_is_known_without_being_asked_about(allowance: Allowance) -> None:
    await allowance.take("A", 300)
    left = allowance.is_used_up("A"), allowance.is_used_up("B")
    await allowance.take("A", 900, in_any_case=True)

    assert left == (None, None)
    assert timedelta(seconds=55) < (allowance.is_used_up("A") or NOW) <= timedelta(seconds=61)


async def test_processes_count_together(services: Services) -> None:
    processes = [Allowance(services.redis, 600) for _ in range(3)]
    for process in processes:
        await process.take("A", 190)

    assert [(await process.take("A", 100)).wait > NOW for process in processes] == [True] * 3


async def test_what_was_used_comes_back() -> None:
    now = 1_000.0
    alone = Allowance(open_redis(AWAY), 600, clock=lambda: now)
    await alone.take("A", 600)
    used_up = (await alone.take("A", 100)).wait
    now += 30

    assert used_up == timedelta(seconds=10)
    assert (await alone.take("A", 0)).remaining == 300


async def test_without_a_limit_nobody_waits_and_redis_is_not_asked() -> None:
    unlimited = Allowance(open_redis(AWAY), 0)

    taken = await unlimited.take("A", 10**9)

    assert (taken.wait, taken.limit, taken.remaining) == (NOW, 0, 0)
    assert unlimited.is_used_up("A") is None


async def test_redis_that_is_away_is_asked_seldom_and_told_of_each_time() -> None:
    now = 1_000.0
    alone = Allowance(open_redis(AWAY), 600, clock=lambda: now)
    with capture_logs() as told:
        for _ in range(50):
            await alone.take("A", 1)
        now += 6
        await alone.take("A", 1)

    assert len(told) == 2


async def test_callers_who_have_everything_again_are_forgotten() -> None:
    now = 1_000.0
    alone = Allowance(open_redis(AWAY), 600, clock=lambda: now)
    for place in range(10_000):
        await alone.take(str(place), 1)
        now += 1

    await alone.take("one more", 1)

    assert len(alone._empty_at) < 100


async def test_a_process_that_is_busy_itself_does_not_take_redis_for_away(services: Services) -> None:
    one, other = Allowance(services.redis, 600), Allowance(services.redis, 600)
    with capture_logs() as told:
        for _ in range(5):
            asking = asyncio.create_task(one.take("A", 100))
            await asyncio.sleep(0)
            time.sleep(0.3)  # as a heavy query does
            await asking

    assert not told
    assert (await other.take("A", 200)).wait > NOW


async def test_what_was_spent_alone_is_told_to_redis_once_it_is_back(services: Services) -> None:
    now = 1_000.0
    one, other = Allowance(services.redis, 600, clock=lambda: now), Allowance(services.redis, 600)
    await one.take("A", 50)
    await services.redis.client_pause(60_000, all=False)
    with capture_logs() as told:
        for _ in range(4):
            await one.take("A", 100)
    await services.redis.client_unpause()
    assert len(told) == 1
    assert (await other.take("A", 0)).remaining >= 550

    now += 6  # 60 of the points have come back
    left = (await one.take("A", 0)).remaining
    again = (await one.take("A", 0)).remaining

    assert 150 <= left <= 215
    assert left <= again <= left + 10
    assert (await other.take("A", 0)).remaining <= again + 10


async def test_one_answer_that_is_late_does_not_make_a_process_count_alone(services: Services) -> None:
    one, other = Allowance(services.redis, 600), Allowance(services.redis, 600)
    await services.redis.client_pause(60_000, all=False)
    late = await one.take("A", 300)
    await services.redis.client_unpause()
    with capture_logs() as told:
        in_time = await one.take("A", 200)

    assert not told
    assert late.remaining == 300
    assert in_time.remaining <= 110
    assert (await other.take("A", 200)).wait > NOW


async def test_what_somebody_spent_alone_is_known_before_and_after_redis_answers(services: Services) -> None:
    one = Allowance(services.redis, 600)
    await services.redis.client_pause(60_000, all=False)
    asking = [asyncio.create_task(one.take("A", 300)) for _ in range(2)]
    await asyncio.gather(*asking)
    await services.redis.client_unpause()
    before = one.is_used_up("A")
    await one.take("A", 1)

    assert before is not None
    assert one.is_used_up("A") is not None


async def test_a_connection_of_its_own_is_made_again_when_it_was_lost(services: Services) -> None:
    async with aclosing(services.redis.client()) as connection:
        allowance = Allowance(connection, 600)
        await allowance.take("A", 1)
        await services.redis.client_kill_filter(_type="normal", skipme=True)

        lost = await allowance.take("A", 40)
        allowance._alone_until = 0.0
        found = await allowance.take("A", 100)

    assert (lost.wait, found.wait) == (NOW, NOW)
    assert 458 <= found.remaining <= 460
    assert allowance._silences == 0
    level = float(await services.redis.get("dunlin:rate:A") or 0) - time.time() * 1000
    assert 13_500 < level <= 14_100  # 141 points, of which each takes 100 ms


async def test_who_has_most_left_does_not_wait_for_redis_which_is_told_soon_after(services: Services) -> None:
    one, other = Allowance(services.redis, 600), Allowance(services.redis, 600)
    await one.take("A", 10)
    await services.redis.client_pause(60_000, all=False)
    with capture_logs() as told:
        ahead = [await one.take("A", 10) for _ in range(3)]
    await services.redis.client_unpause()
    assert one._telling is not None
    await one._telling

    assert not told
    assert [taken.remaining for taken in ahead] == [580, 570, 560]
    assert 560 <= (await other.take("A", 0)).remaining <= 565


async def test_processes_together_never_count_more_ahead_than_a_twentieth_each(services: Services) -> None:
    processes = [Allowance(services.redis, 600) for _ in range(3)]
    for process in processes:
        await process.take("A", 1)

    taken = [await process.take("A", 10) for _ in range(40) for process in processes]

    assert 580 <= sum(one.cost for one in taken if one.wait == NOW) <= 600 + 3 * 30


async def test_who_has_used_half_is_counted_by_redis_alone(services: Services) -> None:
    one, other = Allowance(services.redis, 600), Allowance(services.redis, 600)
    await one.take("A", 300)

    await one.take("A", 10)

    assert 290 <= (await other.take("A", 0)).remaining <= 291
    assert one._telling is None
