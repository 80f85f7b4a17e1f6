"""Operations of one account run some at a time, and nobody waits for another account."""

import asyncio
from contextlib import AsyncExitStack, suppress

import asyncpg
import httpx
import pytest

from dunlin.api.limits import turns as turns_module
from dunlin.api.limits.turns import AT_ONCE, MOST_WAITING, Turns
from dunlin.api.schema import schema
from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account, an_organization
from tests.client import acknowledged, ask

A = ord("A")


class Work:
    """Acts that take a turn each and go on when they are told to."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.running = self.most = self.done = 0
        self.go_on = asyncio.Event()

    async def act(self, account: str) -> None:
        async with self._turns.turn(ord(account)):
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


async def test_other_accounts_do_not_wait() -> None:
    work = Work(Turns())
    acts = [asyncio.create_task(work.act(account)) for account in "A" * 2 * AT_ONCE + "B"]
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
    nearly = turns.is_full(A)
    acts.append(asyncio.create_task(work.act("A")))
    await settled()

    assert (nearly, turns.is_full(A), turns.is_full(A + 1)) == (False, True, False)

    work.go_on.set()
    await asyncio.gather(*acts)


async def until_waiting_for_locks(count: int) -> None:
    async with asyncio.timeout(5):
        while (await rows("SELECT count(*) AS n FROM pg_locks WHERE NOT granted"))[0]["n"] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def until_present(account_id: int, count: int) -> None:
    async with asyncio.timeout(5):
        while schema.turns.present(account_id) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


VIEWER = "{ viewer { name } }"
ORGANIZATIONS = "{ organizations { nodes { name } } }"


async def test_an_account_that_asks_for_much_at_once_leaves_connections_to_others(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization = await an_organization()
    many = [await a_token(services, organization) for _ in range(3)]
    other = await a_token(services, await an_account())
    database = await asyncpg.connect(services.settings.database_url)
    async with database.transaction():
        await database.execute("LOCK TABLE organization")
        asking = [asyncio.create_task(ask(http, many[place % 3], ORGANIZATIONS)) for place in range(30)]
        await until_present(organization.account_id, 30)
        await until_waiting_for_locks(AT_ONCE)
        await settled()
        waiting = (await rows("SELECT count(*) AS n FROM pg_locks WHERE NOT granted"))[0]["n"]
        answered = await ask(http, other, "{ viewer { name } }")
    await database.close()

    assert waiting == AT_ONCE
    assert answered["viewer"]
    assert all(await asyncio.gather(*asking))
    assert schema.turns.is_empty


async def test_who_waits_too_long_behind_what_the_account_asks_for_is_told_so(
    http: httpx.AsyncClient, api_address: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "LONGEST_WAIT_S", 0.1)
    account = await an_account()
    token = await a_token(services, account)
    async with AsyncExitStack() as taken:
        for _ in range(AT_ONCE):
            await taken.enter_async_context(schema.turns.turn(account.id))
        answer = await http.post("/graphql", json={"query": VIEWER}, headers={"Authorization": f"Bearer {token}"})
        async with acknowledged(api_address, token) as socket:
            await socket.subscribe(VIEWER)
            over_socket = await socket.receive()
    afterwards = await ask(http, token, VIEWER)

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "5"
    assert (over_socket["type"], over_socket["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")
    assert afterwards["viewer"]
    assert schema.turns.is_empty


async def test_waiting_for_ones_turn_does_not_count_as_the_time_of_an_operation(
    http: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.transport.operation.LONGEST_OPERATION_S", 1.0)
    organization = await an_organization()
    token = await a_token(services, organization)
    database = await asyncpg.connect(services.settings.database_url)
    async with database.transaction(), AsyncExitStack() as taken:
        await database.execute("LOCK TABLE organization")
        for _ in range(AT_ONCE):
            await taken.enter_async_context(schema.turns.turn(organization.account_id))
        asking = asyncio.create_task(ask(http, token, ORGANIZATIONS))
        await until_present(organization.account_id, AT_ONCE + 1)
        await asyncio.sleep(0.7)
        await taken.aclose()
        await asyncio.sleep(0.5)
    await database.close()

    assert (await asking)["organizations"]
