"""What live connections may take, how long each of them may keep quiet, and what becomes of those that are gone."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
import websockets
from tortoise.transactions import in_transaction

from dunlin.api.ids import encode_id
from dunlin.api.strangers import AT_ONCE
from dunlin.api.transport.live_limits import LiveLimits
from dunlin.api.transport.occupancy import Occupancy
from dunlin.api.transport.refused import Refused
from dunlin.domain.choices import ActorKind
from dunlin.domain.tables import CollectionCycle, Organization
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token, a_viewer, open_one
from tests.client import JSON, Socket, acknowledged, connected
from tests.delivery import plan
from tests.serving import limited, until_nobody_is_left

VIEWER = "{ viewer { name } }"
WATCH = "subscription ($id: ID!) { deliveryStatus(organizationId: $id) { status } }"
SOON = timedelta(seconds=0.2)


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    return (await a_collecting_organization(services))[1]


@pytest_asyncio.fixture
async def token(services: Services, cycle: CollectionCycle) -> str:
    return await a_token(services, await Organization.get(id=cycle.organization_id))


async def watch(socket: Socket, cycle: CollectionCycle, operation: str = "1") -> None:
    await socket.subscribe(WATCH, operation=operation, id=encode_id("Organization", cycle.organization_id))


async def test_a_token_has_so_many_connections_and_another_when_one_is_closed(services: Services, token: str) -> None:
    async with limited(services, connections_per_token=2) as (address, ground):
        async with acknowledged(address, token), acknowledged(address, token):
            async with connected(address) as third:
                await third.send({"type": "connection_init", "payload": {"authToken": token}})
                assert await third.close_code() == 1013
                assert third.close_reason == "The token has 2 live connections; close one first."
            async with acknowledged(address, await a_token(services, await Organization.get())):
                pass
        await until_nobody_is_left(ground)
        async with acknowledged(address, token):
            pass


@pytest.mark.parametrize(
    ("limit", "status"),
    [pytest.param("connections_per_address", 429, id="address"), pytest.param("connections", 503, id="process")],
)
async def test_who_finds_no_place_is_told_at_the_handshake(services: Services, limit: str, status: int) -> None:
    async with limited(services, **{limit: 1}) as (address, ground):
        async with connected(address):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with connected(address):
                    pass
        assert refused.value.response.status_code == status
        assert refused.value.response.headers["Retry-After"] == "10"
        [error] = json.loads(refused.value.response.body)["errors"]
        assert set(error["extensions"]) == {"code", "requestId", "retryAfter"}
        assert error["extensions"]["retryAfter"] == 10
        await until_nobody_is_left(ground)
        async with connected(address):
            pass


def test_an_ipv6_client_is_counted_by_its_network_and_an_ipv4_client_by_its_address() -> None:
    limits = LiveLimits(connections=10, connections_per_address=1, connections_per_token=1)
    occupancy = Occupancy(limits)
    with occupancy.connection("2001:db8::1"):
        with pytest.raises(Refused), occupancy.connection("2001:db8::2:3"):
            pass
        with occupancy.connection("2001:db8:0:1::1"), occupancy.connection("192.0.2.1"):
            with occupancy.connection("192.0.2.2"), occupancy.connection(None), occupancy.connection(None):
                pass
            with pytest.raises(Refused), occupancy.connection("192.0.2.1"):
                pass

    assert occupancy.is_empty


def test_the_tokens_of_two_accounts_and_a_user_of_the_same_name_are_counted_apart() -> None:
    occupancy = Occupancy(LiveLimits(connections=10, connections_per_address=1, connections_per_token=1))
    one, other = a_viewer(_account(1)), a_viewer(_account(2))
    user = replace(one, actor=replace(one.actor, kind=ActorKind.USER))
    with occupancy.guest(one), occupancy.guest(other), occupancy.guest(user):
        for known in (one, other, user):
            with pytest.raises(Refused), occupancy.guest(known):
                pass


def _account(account_id: int) -> Organization:
    return Organization(id=account_id, account_id=account_id)


async def test_live_connections_are_told_as_a_figure(services: Services, token: str) -> None:
    async with limited(services) as (address, ground), httpx.AsyncClient(base_url=address) as http:
        assert "\ndunlin_live_connections 0.0\n" in (await http.get("/metrics")).text
        async with connected(address), acknowledged(address, token):
            assert "\ndunlin_live_connections 2.0\n" in (await http.get("/metrics")).text
        await until_nobody_is_left(ground)
        assert "\ndunlin_live_connections 0.0\n" in (await http.get("/metrics")).text


async def test_a_socket_runs_so_many_operations_and_goes_on_when_one_is_too_many(
    services: Services, cycle: CollectionCycle, token: str
) -> None:
    async with limited(services, operations_per_socket=2) as (address, _), acknowledged(address, token) as socket:
        for operation in "12":
            await watch(socket, cycle, operation)
        await socket.subscribe(VIEWER, operation="3")
        refused = await socket.refusal("3")
        assert _told(refused) == ("RATE_LIMITED", 1)

        await socket.send({"id": "2", "type": "complete"})
        await socket.subscribe(VIEWER, operation="3")
        assert (await socket.event("3"))["data"] == {"viewer": {"name": "Tester"}}


async def test_a_token_runs_so_many_operations_over_all_of_its_sockets(
    services: Services, cycle: CollectionCycle, token: str
) -> None:
    async with (
        limited(services, operations_per_token=2) as (address, ground),
        acknowledged(address, token) as socket,
        acknowledged(address, token) as other,
    ):
        for one in (socket, other):
            await watch(one, cycle)
            await one.settle()
        await socket.subscribe(VIEWER, operation="2")
        assert _told(await socket.refusal("2")) == ("RATE_LIMITED", 10)

        await other.vanish()
        async with asyncio.timeout(5):
            while len(ground.stays._here) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await socket.subscribe(VIEWER, operation="2")
        assert (await socket.event("2"))["data"] == {"viewer": {"name": "Tester"}}


async def test_operations_that_begin_too_fast_are_refused_until_a_moment_has_passed(
    services: Services, token: str
) -> None:
    async with (
        limited(services, operations_at_once=3, operations_per_second=10) as (address, _),
        acknowledged(address, token) as socket,
    ):
        for number in range(20):
            await socket.subscribe(VIEWER, operation=f"{number}")
        refused = [message for message in await _ends(socket, 20) if message["type"] == "error"]
        assert 10 <= len(refused) <= 17
        assert {_told(error) for one in refused for error in one["payload"]} == {("RATE_LIMITED", 1)}
        await asyncio.sleep(0.15)
        await socket.subscribe(VIEWER, operation="again")
        assert (await socket.event("again"))["data"] == {"viewer": {"name": "Tester"}}


def _told(error: JSON) -> tuple[str, int | None]:
    return error["extensions"]["code"], error["extensions"].get("retryAfter")


async def _ends(socket: Socket, count: int) -> list[JSON]:
    """Return the messages that so many operations end with."""
    ends = list[JSON]()
    while len(ends) < count:
        message = await socket.receive()
        if message["type"] != "next":
            ends.append(message)
    return ends


async def test_who_does_not_say_who_they_are_is_sent_off(services: Services, token: str) -> None:
    async with limited(services, init_within=SOON) as (address, ground):
        async with acknowledged(address, token) as known, connected(address) as silent, connected(address) as pinging:
            await pinging.send({"type": "ping"})
            assert await pinging.receive() == {"type": "pong"}

            assert await silent.close_code() == 4408
            assert await pinging.close_code() == 4408
            await known.settle()
        await until_nobody_is_left(ground)


async def test_a_token_that_cannot_be_looked_at_in_time_closes_the_socket_for_now(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.transport.conversation._LONGEST_CHECK_S", 0.1)
    async with limited(services) as (address, ground):
        async with in_transaction() as connection:
            await connection.execute_query("LOCK TABLE token IN ACCESS EXCLUSIVE MODE")
            async with connected(address) as socket:
                await socket.send({"type": "connection_init", "payload": {"authToken": token}})
                assert await socket.close_code() == 1013
        await until_nobody_is_left(ground)


async def test_a_good_token_is_not_called_bad_for_the_bad_ones_of_its_address(services: Services, token: str) -> None:
    async with limited(services) as (address, ground):
        door = ground.stays._door
        for _ in range(2 * AT_ONCE):
            door._strangers.note_bad("127.0.0.1")
        door._strangers.wait_of("dunlin_another", "127.0.0.1")
        async with connected(address) as socket:
            await socket.send({"type": "connection_init", "payload": {"authToken": token}})

            assert await socket.close_code() == 1013
            assert (socket.close_reason or "").startswith("Many bad tokens came from your network address.")
        await until_nobody_is_left(ground)


async def test_a_socket_without_operations_is_closed_and_one_with_an_operation_is_not(
    services: Services, cycle: CollectionCycle, token: str
) -> None:
    async with (
        limited(services, idle_for=SOON) as (address, _),
        acknowledged(address, token) as busy,
        acknowledged(address, token) as idle,
    ):
        await watch(busy, cycle)
        await idle.subscribe(VIEWER)
        await idle.event()

        assert await idle.close_code() == 1000
        await busy.settle()
        await busy.send({"id": "1", "type": "complete"})
        assert await busy.close_code() == 1000


async def test_a_message_that_is_too_large_closes_its_socket(services: Services, token: str) -> None:
    async with limited(services) as (address, _):
        for size in (262_144, 20_000_000):
            async with acknowledged(address, token) as socket:
                with suppress(websockets.ConnectionClosed):  # before it was all sent
                    await socket.send({"type": "ping", "payload": {"x": "y" * size}})
                assert await socket.close_code() == 1009, size


async def test_a_change_that_takes_too_long_ends_over_a_socket_as_it_does_over_http(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.transport.operation.LONGEST_OPERATION_S", 0.2)
    rename = """mutation ($id: ID!) { renameOrganization(input: { organizationId: $id, name: "Gasworks" }) {
      organization { name } userErrors { code } } }"""
    organization = await Organization.get()
    async with limited(services) as (address, _), acknowledged(address, token) as socket:
        async with in_transaction() as connection:
            await connection.execute_query("SELECT id FROM organization FOR UPDATE")
            await socket.subscribe(rename, id=encode_id("Organization", organization.id))
            refused = await socket.refusal()

        assert refused["extensions"]["code"] == "TIMEOUT"
        await socket.settle()


async def test_a_subscription_may_take_longer_than_other_operations(
    services: Services, cycle: CollectionCycle, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.transport.operation.LONGEST_OPERATION_S", 0.1)
    async with limited(services) as (address, _), acknowledged(address, token) as socket:
        await watch(socket, cycle)
        await asyncio.sleep(0.3)
        await open_one(services, cycle)
        await plan(services)

        assert (await socket.event())["data"] == {"deliveryStatus": {"status": "SCHEDULED"}}


async def test_each_operation_of_a_socket_sees_what_is_true_by_then(
    services: Services, cycle: CollectionCycle, token: str
) -> None:
    await open_one(services, cycle)
    await plan(services)
    loaded = "{ organizations(first: 1) { nodes { reminders(first: 1) { nodes { organization { name } } } } } }"
    async with limited(services) as (address, _), acknowledged(address, token) as socket:
        for given in ("Gasworks", "Heatworks"):
            await Organization.all().update(name=given)
            await socket.subscribe(loaded)
            [organization] = (await socket.event())["data"]["organizations"]["nodes"]
            assert organization["reminders"]["nodes"] == [{"organization": {"name": given}}]
            assert (await socket.receive())["type"] == "complete"


async def test_each_operation_has_a_request_id_of_its_own(services: Services, token: str) -> None:
    async with limited(services) as (address, _), acknowledged(address, token) as socket:
        ids = set()
        for operation in "123":
            await socket.subscribe("{ nothing }", operation=operation)
            ids.add((await socket.refusal(operation))["extensions"]["requestId"])

    assert len(ids) == 3


@pytest.mark.parametrize("vanishing", ["closes", "vanishes", "breaks the protocol"])
async def test_nothing_is_left_of_a_client_that_is_gone(
    services: Services, cycle: CollectionCycle, token: str, vanishing: str
) -> None:
    async with limited(services) as (address, ground):
        async with acknowledged(address, token) as socket:
            for operation in "123":
                await watch(socket, cycle, operation)
            async with asyncio.timeout(5):
                while not ground.hub._feeds or ground.hub._feeds[cycle.organization_id].listeners < 3:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert len(_tasks_of_sockets()) == 5, "the socket, what watches over it, and three operations"
            if vanishing == "vanishes":
                await socket.vanish()
            if vanishing == "breaks the protocol":
                await socket.send_raw("}")

        await until_nobody_is_left(ground)
        async with asyncio.timeout(5):
            while _tasks_of_sockets():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def _tasks_of_sockets() -> list[str]:
    names = [str(task.get_coro()) for task in asyncio.all_tasks()]
    return [name for name in names if re.search("run_asgi|Conversation|SocketOperations", name)]


async def test_a_server_that_stops_tells_its_clients_to_come_back(
    services: Services, cycle: CollectionCycle, token: str
) -> None:
    async with limited(services) as (address, _):
        socket = await _opened(address, token)
        await watch(socket, cycle)
        await socket.settle()

    assert await socket.close_code() == 1012


async def _opened(address: str, token: str) -> Socket:
    url = address.replace("http://", "ws://") + "/graphql"
    socket = Socket(await websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]))
    await socket.send({"type": "connection_init", "payload": {"authToken": token}})
    assert await socket.receive() == {"type": "connection_ack"}
    return socket
