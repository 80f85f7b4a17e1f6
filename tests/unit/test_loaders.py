"""Loaders: one read for all who wait for the same."""

import asyncio

from dunlin.api.loaders import Loader


async def test_who_is_cancelled_leaves_alone_what_another_waits_for_as_well() -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def load(keys: list[int]) -> list[int]:
        begun.set()
        await released.wait()
        return keys

    loader = Loader(load)

    async def wait() -> int:
        return await loader.load(7)

    fails, other = asyncio.create_task(wait()), asyncio.create_task(wait())
    await begun.wait()
    fails.cancel()
    await asyncio.wait([fails])
    released.set()

    assert await other == 7
