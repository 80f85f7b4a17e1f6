"""Whoever watches is asked about anew for each event, and shown nothing more some seconds after they may not see it."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from dunlin.api import stays
from dunlin.api.authentication import Door
from dunlin.api.ids import encode_id
from dunlin.api.stays import Stay, Stays
from dunlin.api.token_uses import TokenUses
from dunlin.api.transport.ground import Ground
from dunlin.domain.choices import Permission
from dunlin.domain.tables import CollectionCycle, Organization, Reminder, Token
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_new_case, a_token, open_one
from tests.client import JSON, Socket, acknowledged
from tests.delivery import append_events, plan
from tests.serving import limited
from tests.statements import statements

WATCH = "subscription ($id: ID!) { deliveryStatus(organizationId: $id) { status reminder { to } } }"


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    return (await a_collecting_organization(services))[1]


@pytest_asyncio.fixture
async def token(services: Services, cycle: CollectionCycle) -> str:
    return await a_token(services, await Organization.get(id=cycle.organization_id))


@pytest_asyncio.fixture
async def ground(services: Services, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, Ground]]:
    """An API that looks at tokens all the time; its address, and what its sockets stand on."""
    monkeypatch.setattr(stays, "_LOOKED_AT_EVERY_S", 0.01)
    async with limited(services) as opened:
        yield opened


@pytest_asyncio.fixture
async def socket(ground: tuple[str, Ground], token: str) -> AsyncIterator[Socket]:
    async with acknowledged(ground[0], token) as opened:
        yield opened


async def until_looked_at(ground: tuple[str, Ground]) -> None:
    """Wait until the tokens of all have been looked at since now."""
    now = time.monotonic()
    async with asyncio.timeout(5):
        while any(stay.seen_at <= now for stay in ground[1].stays._here):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def watching(services: Services, socket: Socket, cycle: CollectionCycle) -> JSON:
    """Watch, and return the first event that is made meanwhile."""
    await socket.subscribe(WATCH, id=encode_id("Organization", cycle.organization_id))
    hearing = asyncio.create_task(socket.event())
    made = 0
    while not hearing.done():  # nothing tells a client from when on it is heard
        made += 1
        await open_one(services, cycle, a_new_case(f"First {made}", customer=f"F-{made}"))
        await plan(services)
    first = await hearing
    for _ in range(made - 1):
        try:
            async with asyncio.timeout(0.3):
                await socket.event()
        except TimeoutError:
            break
    return first


async def test_a_token_that_loses_read_is_shown_nothing_more(
    services: Services, ground: tuple[str, Ground], socket: Socket, cycle: CollectionCycle
) -> None:
    assert "errors" not in await watching(services, socket, cycle)
    await Token.all().update(permissions=[Permission.COLLECT])
    await until_looked_at(ground)

    await open_one(services, cycle)
    await plan(services)

    refused = await socket.event()
    assert refused["data"] is None
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["FORBIDDEN"]
    assert await socket.receive() == {"id": "1", "type": "complete"}
    await socket.settle()


async def test_a_token_from_which_the_organization_is_taken_is_shown_nothing_more(
    services: Services, ground: tuple[str, Ground], socket: Socket, cycle: CollectionCycle
) -> None:
    assert "errors" not in await watching(services, socket, cycle)
    await Token.all().update(organization_ids=[cycle.organization_id + 1])
    await until_looked_at(ground)

    await open_one(services, cycle)
    await plan(services)

    refused = await socket.event()
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["NOT_FOUND"]
    assert await socket.receive() == {"id": "1", "type": "complete"}


async def test_numbers_are_masked_from_the_moment_on_in_which_collect_is_taken(
    services: Services, ground: tuple[str, Ground], socket: Socket, cycle: CollectionCycle
) -> None:
    first = await watching(services, socket, cycle)
    assert first["data"]["deliveryStatus"]["reminder"]["to"] == "+447700900001"
    await Token.all().update(permissions=[Permission.READ])
    await until_looked_at(ground)

    await open_one(services, cycle)
    await plan(services)

    assert (await socket.event())["data"]["deliveryStatus"]["reminder"]["to"] == "+44 *** ** 01"


async def test_a_revoked_token_gets_no_further_event_and_is_not_told_to_be_complete(
    services: Services, socket: Socket, cycle: CollectionCycle
) -> None:
    assert "errors" not in await watching(services, socket, cycle)
    await Token.all().update(revoked_at=datetime.now(UTC))
    await open_one(services, cycle)

    assert await socket.close_code() == 4403


async def test_each_operation_asks_for_the_token_anew(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with limited(services) as (address, ground), acknowledged(address, token) as socket:
        monkeypatch.setattr(ground.stays, "_look", lambda: asyncio.sleep(0))  # nobody looks but who begins an operation
        await Token.all().update(revoked_at=datetime.now(UTC))

        await socket.subscribe("{ viewer { name } }")

        assert await socket.close_code() == 4403


async def test_the_events_of_a_closed_organization_can_be_seen_as_they_can_be_read(
    services: Services, ground: tuple[str, Ground], socket: Socket, cycle: CollectionCycle
) -> None:
    assert "errors" not in await watching(services, socket, cycle)
    await Organization.all().update(closed_at=datetime.now(UTC))
    await until_looked_at(ground)

    await append_events(services, (await Reminder.all())[0])

    assert (await socket.event())["data"]["deliveryStatus"]["status"] == "SENT"


def a_door(services: Services) -> Door:
    return Door(services.settings.secret_keys, TokenUses(), None)


async def test_one_statement_looks_at_the_tokens_of_all_sockets(services: Services, token: str) -> None:
    organization = await Organization.get()
    door = a_door(services)
    everybody = Stays(door)
    others = [await a_token(services, organization) for _ in range(5)]
    held = [everybody.stay(f"Bearer {secret}", None) for secret in [token, *others] * 10]
    here = [await one.__aenter__() for one in held]
    await Token.filter(id__gt=3).update(revoked_at=datetime.now(UTC))

    with statements(lambda statement: "FROM token" in statement) as asked:
        await everybody._look()

    assert len(asked) == 1
    ended = [stay for stay in here if stay._ended.done()]
    assert (len(here), len(ended)) == (60, 30)
    for one in held:
        await one.__aexit__(None, None, None)
    assert not everybody._here


async def a_stay(services: Services, token: str) -> Stay:
    door = a_door(services)
    return Stay(door, token, None, await door.viewer_of_token(token, None), time.monotonic())


async def test_nothing_is_shown_to_a_token_that_has_not_been_looked_at_for_some_seconds(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stays, "_LOOKED_AT_EVERY_S", 0.05)
    monkeypatch.setattr(stays, "_UNSEEN_S", 0.05)
    stay = await a_stay(services, token)
    assert (await stay.current()).actor.name == "Tester"
    await asyncio.sleep(0.15)

    waiting = asyncio.create_task(stay.current())
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done
    await stay.renewed()

    async with asyncio.timeout(1):
        assert (await waiting).actor.name == "Tester"


async def test_who_is_sent_off_is_answered_nothing_more(services: Services, token: str) -> None:
    stay = await a_stay(services, token)
    stay.end(stays.Ending(4403, "Gone."))
    waiting = asyncio.create_task(stay.current())

    done, _ = await asyncio.wait([waiting], timeout=0.1)

    assert not done
    waiting.cancel()


async def test_a_token_that_has_expired_is_shown_nothing_from_that_moment_on(services: Services) -> None:
    _, cycle = await a_collecting_organization(services)
    organization = await Organization.get(id=cycle.organization_id)
    token = await a_token(services, organization, expires_at=datetime.now(UTC) + timedelta(seconds=0.3))
    stay = await a_stay(services, token)
    await stay.current()
    await asyncio.sleep(0.35)
    waiting = asyncio.create_task(stay.current())

    done, _ = await asyncio.wait([waiting], timeout=0.1)

    assert not done
    waiting.cancel()


async def test_an_event_asks_the_database_nothing_about_who_may_see_it(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cycle = await CollectionCycle.get()
    async with limited(services) as (address, ground), acknowledged(address, token) as socket:
        monkeypatch.setattr(
            ground.stays, "_look", lambda: asyncio.sleep(0)
        )  # the looks of all together are not counted
        await watching(services, socket, cycle)
        with statements(lambda statement: '"token"' in statement or '"organization"' in statement) as asked:
            await append_events(services, (await Reminder.all())[0], 20)
            for _ in range(20):
                await socket.event()

    assert asked == []
