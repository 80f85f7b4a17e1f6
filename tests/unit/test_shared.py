"""An answer that is found once for all who ask meanwhile."""

import asyncio

import pytest

from dunlin.api.shared import Shared


class Source:
    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def read(self) -> int:
        self.asked += 1
        await self.may_answer.wait()
        if self.asked == 1:
            return 1
        raise LookupError


async def test_whoever_asks_meanwhile_gets_the_same_answer() -> None:
    source = Source()
    shared = Shared(source.read)

    asking = [asyncio.create_task(shared.get()) for _ in range(100)]
    await asyncio.sleep(0)
    asking.pop().cancel()
    source.may_answer.set()

    assert await asyncio.gather(*asking) == [1] * 99
    assert source.asked == 1


async def test_later_it_is_asked_anew_and_a_failure_is_everybodys() -> None:
    source = Source()
    source.may_answer.set()
    shared = Shared(source.read)
    await shared.get()

    for _ in range(2):
        with pytest.raises(LookupError):
            await shared.get()

    assert source.asked == 3
