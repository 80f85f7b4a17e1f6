"""What is asked for while a call runs shares the next one."""

import asyncio
from collections.abc import Mapping

import pytest

from dunlin.runtime.gathered import Gathered


class Shelf:
    """Finds what is on it when `may_look` is set, and notes what it was asked for."""

    def __init__(self, **things: int) -> None:
        self.things = things
        self.asked: list[list[str]] = []
        self.may_look = asyncio.Event()

    async def find(self, keys: list[str]) -> Mapping[str, int]:
        self.asked.append(keys)
        await self.may_look.wait()
        if "broken" in keys:
            raise LookupError
        return {key: self.things[key] for key in keys if key in self.things}


async def asking(gathered: Gathered[str, int], *keys: str) -> list[asyncio.Task[int | None]]:
    """Ask for each key, and return when all of them have been asked for."""
    tasks = [asyncio.create_task(gathered.get(key)) for key in keys]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_for_while_a_call_runs_is_found_by_the_next_one() -> None:
    shelf = Shelf(a=1, b=2, c=3)
    gathered = Gathered(shelf.find)
    first = await asking(gathered, "a")
    later = await asking(gathered, "b", "c", "b", "nothing")

    shelf.may_look.set()

    assert [await task for task in first + later] == [1, 2, 3, 2, None]
    assert shelf.asked == [["a"], ["b", "c", "nothing"]]  # in their order, each once


async def test_a_call_that_fails_fails_for_those_who_share_it_and_for_nobody_later() -> None:
    shelf = Shelf(a=1)
    gathered = Gathered(shelf.find)
    shelf.may_look.set()
    sharing = await asking(gathered, "broken", "a")

    for task in sharing:
        with pytest.raises(LookupError):
            await task

    assert await gathered.get("a") == 1


async def test_who_goes_away_takes_nothing_from_those_who_wait() -> None:
    shelf = Shelf(a=1, b=2, c=3)
    gathered = Gathered(shelf.find)
    (first,) = await asking(gathered, "a")
    gone, stays = await asking(gathered, "b", "c")

    first.cancel()
    gone.cancel()
    await asyncio.sleep(0)
    shelf.may_look.set()

    assert await stays == 3
    assert shelf.asked == [["a"], ["c"]]


async def test_all_who_wait_may_go_away() -> None:
    shelf = Shelf(a=1)
    gathered = Gathered(shelf.find)
    (first,) = await asking(gathered, "a")
    (second,) = await asking(gathered, "a")
    first.cancel()
    second.cancel()
    shelf.may_look.set()

    assert await gathered.get("a") == 1
    assert shelf.asked == [["a"], ["a"]]
