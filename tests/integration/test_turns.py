"""Operations of one caller run some at a time, and nobody waits for another caller."""

import asyncio
from contextlib import suppress

import asyncpg
import httpx

from dunlin.api.limits.turns import AT_ONCE, MOST_WAITING, Turns
from dunlin.api.schema import schema
from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_organization
from tests.client import ask


class Work:
    """Acts that take a turn each and go on when they are told to."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.running = self.most = self.done = 0
        self.go_on = asyncio.Event()

    async def act(self, caller: str) -> None:
        async with self._turns.turn(caller):
            self.running += 1
            self.most = max(self.most, self.running)
            await self.go_on.wait()
            self.running -= 1
            self.done += 1


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_so_many_run_at_a_time_and_the_others_follow() -> None:
    turns = Turns()
    work = Work(turns)
    acts = [asyncio.create_task(work.act("A")) for _ in range(3 * AT_ONCE)]
    await settled()
    assert work.running == AT_ONCE

    work.go_on.set()
    await asyncio.gather(*acts)

    assert (work.most, work.done) == (AT_ONCE, 3 * AT_ONCE)
    assert turns.is_empty


async def test_other_callers_do_not_wait() -> None:
    work = Work(Turns())
    acts = [asyncio.create_task(work.act(caller)) for caller in "A" * 2 * AT_ONCE + "B"]
    await settled()

    assert work.running == AT_ONCE + 1

    work.go_on.set()
    await asyncio.gather(*acts)


async def test_whoever_gives_up_leaves_nothing_behind() -> None:
    turns = Turns()
    work = Work(turns)
    acts = [asyncio.create_task(work.act("A")) for _ in range(2 * AT_ONCE)]
    await settled()
    for act in acts:
        act.cancel()
    for act in acts:
        with suppress(asyncio.CancelledError):
            await act

    assert turns.is_empty


async def test_a_line_that_is_too_long_is_full() -> None:
    turns = Turns()
    work = Work(turns)
    acts = [asyncio.create_task(work.act("A")) for _ in range(AT_ONCE + MOST_WAITING - 1)]
    await settled()
    nearly = turns.is_full("A")
    acts.append(asyncio.create_task(work.act("A")))
    await settled()

    assert (nearly, turns.is_full("A"), turns.is_full("B")) == (False, True, False)

    work.go_on.set()
    await asyncio.gather(*acts)


async def until_waiting_for_locks(count: int) -> None:
    async with asyncio.timeout(5):
        while (await rows("SELECT count(*) AS n FROM pg_locks WHERE NOT granted"))[0]["n"] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_caller_who_asks_for_much_at_once_leaves_connections_to_others(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization = await an_organization()
    many, other = [await a_token(services, organization) for _ in range(2)]
    database = await asyncpg.connect(services.settings.database_url)
    async with database.transaction():
        await database.execute("LOCK TABLE organization")
        asking = [asyncio.create_task(ask(http, many, "{ organizations { nodes { name } } }")) for _ in range(30)]
        await until_waiting_for_locks(AT_ONCE)
        await asyncio.sleep(0)
        waiting = (await rows("SELECT count(*) AS n FROM pg_locks WHERE NOT granted"))[0]["n"]
        answered = await ask(http, other, "{ viewer { name } }")
    await database.close()

    assert waiting == AT_ONCE
    assert answered["viewer"]
    assert all(await asyncio.gather(*asking))
    assert schema.turns.is_empty
