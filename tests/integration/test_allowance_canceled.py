"""Whoever goes away while Redis is asked is not kept."""

import asyncio

from dunlin.runtime.wiring import Services


async def test_an_operation_that_is_canceled_while_redis_is_asked_ends_there(services: Services) -> None:
    await services.allowance.take("somebody", 1)
    went_on = []

    async def operate(turns: int) -> None:
        await services.allowance.take("somebody", 1)
        went_on.append(turns)
        await asyncio.sleep(10)

    for turns in range(40):
        operation = asyncio.create_task(operate(turns))
        for _ in range(turns):
            await asyncio.sleep(0)
        was_through = turns in went_on
        operation.cancel()
        await asyncio.wait([operation], timeout=5)

        assert operation.cancelled(), turns
        assert was_through == (turns in went_on), turns
