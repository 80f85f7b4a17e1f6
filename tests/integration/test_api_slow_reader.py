"""Clients that do not read: they lose nothing if they go on some day, and hurt nobody if they do not."""

import asyncio
import gc
import json
import socket as sockets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
import websockets

from dunlin.api.bounded_socket import BoundedSocket
from dunlin.api.ids import encode_id
from dunlin.api.types.reminder import event_cursor
from dunlin.domain.tables import Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token, open_one
from tests.client import Socket, acknowledged
from tests.delivery import append_events, plan
from tests.serving import limited, until_nobody_is_left

# More than the system keeps on the way between two processes, some 6 MB.
EVENTS = 700
HIGH_WATER = 64 * 1024  # bytes: a transport's own
MANY_TIMES = " ".join(f"r{number}: reason" for number in range(12))
WATCH = f"""subscription ($id: ID!, $after: String) {{
  deliveryStatus(organizationId: $id, after: $after) {{ cursor {MANY_TIMES} }} }}"""


@pytest_asyncio.fixture
async def reminder(services: Services) -> Reminder:
    """A reminder with one event."""
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)
    return await Reminder.get()


@pytest_asyncio.fixture
async def token(services: Services, reminder: Reminder) -> str:
    return await a_token(services, await Organization.get(id=reminder.organization_id))


@asynccontextmanager
async def a_lazy_socket(address: str, token: str) -> AsyncIterator[websockets.ClientConnection]:
    """A client that takes nothing from the network but what it is asked to."""
    host, _, port = address.removeprefix("http://").partition(":")
    small = sockets.socket()
    small.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    small.setblocking(False)
    await asyncio.get_running_loop().sock_connect(small, (host, int(port)))
    async with websockets.connect(
        f"ws://{host}:{port}/graphql",
        sock=small,
        max_queue=1,
        ping_interval=None,
        close_timeout=0.1,
        subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
    ) as connection:
        await connection.send(json.dumps({"type": "connection_init", "payload": {"authToken": token}}))
        assert json.loads(await connection.recv()) == {"type": "connection_ack"}
        yield connection


def watch(reminder: Reminder) -> dict[str, object]:
    variables = {
        "id": encode_id("Organization", reminder.organization_id),
        "after": event_cursor(reminder.organization_id, 0),
    }
    return {"id": "1", "type": "subscribe", "payload": {"query": WATCH, "variables": variables}}


def expected(reminder: Reminder) -> list[str]:
    return [event_cursor(reminder.organization_id, place) for place in range(1, EVENTS + 2)]


async def seen_by(socket: Socket) -> list[str]:
    return [(await socket.event())["data"]["deliveryStatus"]["cursor"] for _ in range(EVENTS + 1)]


async def test_who_does_not_read_gets_everything_in_order_later_and_the_others_on_time(
    services: Services, reminder: Reminder, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.live._LONGEST_FEED", 20)
    async with limited(services) as (address, ground):
        async with a_lazy_socket(address, token) as lazy, acknowledged(address, token) as attentive:
            await lazy.send(json.dumps(watch(reminder)))
            await attentive.send(watch(reminder))
            seeing = asyncio.create_task(seen_by(attentive))
            began = time.monotonic()
            for _ in range(EVENTS // 10):
                await append_events(services, reminder, 10, "x" * 1_000)

            assert await seeing == expected(reminder)
            assert time.monotonic() - began < 30
            feed = ground.hub._feeds[reminder.organization_id]
            assert len(feed._recent) <= 20
            await attentive.settle()
            waiting = max(one.transport.get_write_buffer_size() for one in _sockets())
            assert 0 < waiting < 2 * HIGH_WATER

            async with asyncio.timeout(30):
                late = [json.loads(await lazy.recv()) for _ in range(EVENTS + 1)]
            assert [one["payload"]["data"]["deliveryStatus"]["cursor"] for one in late] == expected(reminder)
            [showing] = ground.showings._of.values()
            async with asyncio.timeout(5):
                while len(showing._followers) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        await until_nobody_is_left(ground)


async def test_who_never_reads_is_hung_up_on_and_leaves_nothing_behind(
    services: Services, reminder: Reminder, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedSocket, "slowest_reader", timedelta(seconds=0.5))
    await append_events(services, reminder, EVENTS, "x" * 1_000)
    async with limited(services) as (address, ground), a_lazy_socket(address, token) as lazy:
        await lazy.send(json.dumps(watch(reminder)))
        async with asyncio.timeout(5):
            while not ground.hub._feeds:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        await until_nobody_is_left(ground)


async def test_who_answers_no_ping_and_reads_nothing_is_hung_up_on(
    services: Services, reminder: Reminder, token: str
) -> None:
    async with limited(services) as (address, ground), a_lazy_socket(address, token) as lazy:
        await append_events(services, reminder, EVENTS, "x" * 1_000)
        await lazy.send(json.dumps(watch(reminder)))
        async with asyncio.timeout(10):
            while not (stalled := [one for one in _sockets() if not one.writable.is_set()]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

        stalled[0].keepalive_timeout()

        await until_nobody_is_left(ground)


def _sockets() -> list[BoundedSocket]:
    return [one for one in gc.get_objects() if type(one) is BoundedSocket and not one.disconnected]
