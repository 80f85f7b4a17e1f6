"""One event is executed once for all who ask for the same and may see the same, and for nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count

import httpx
import pytest
import pytest_asyncio

from dunlin.api.bounded_socket import BoundedSocket
from dunlin.api.ids import encode_id
from dunlin.api.showing import Showing, Sight
from dunlin.api.transport.ground import Ground
from dunlin.api.types.reminder import DeliveryStatusEvent, event_cursor
from dunlin.domain.choices import Permission
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCycle, Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import ALL_PERMISSIONS, PHONE, a_collecting_organization, a_new_case, a_token, an_account, open_one
from tests.client import JSON, Socket, acknowledged
from tests.delivery import append_events, plan
from tests.integration.test_api_stream import PATH, Stream
from tests.serving import limited, until_nobody_is_left
from tests.statements import is_noting, sent_by_the_driver

WATCH = """subscription ($id: ID!, $after: String) {
  deliveryStatus(organizationId: $id, after: $after) { cursor reminder { id to } } }"""

Executions = list[tuple[Sight, str]]


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    """Whose sight was executed for which event."""
    executed: Executions = []
    execute = Showing._execute

    async def noting(showing: Showing, event: DeliveryStatusEvent) -> object:
        executed.append((showing.sight, event.cursor))
        return await execute(showing, event)

    monkeypatch.setattr(Showing, "_execute", noting)
    return executed


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    return (await a_collecting_organization(services))[1]


@pytest_asyncio.fixture
async def organization(cycle: CollectionCycle) -> Organization:
    return await Organization.get(id=cycle.organization_id)


@pytest_asyncio.fixture
async def reminder(services: Services, cycle: CollectionCycle) -> Reminder:
    """A reminder with one event."""
    await open_one(services, cycle)
    await plan(services)
    return await Reminder.get()


@pytest_asyncio.fixture
async def token(services: Services, organization: Organization) -> str:
    return await a_token(services, organization)


@pytest_asyncio.fixture
async def api(services: Services) -> AsyncIterator[tuple[str, Ground]]:
    async with limited(services) as opened:
        yield opened


async def until_followed_by(ground: Ground, expected: int) -> None:
    """Wait until so many have been told of all there was, and are told of what comes together."""
    async with asyncio.timeout(10):
        while sum(len(showing._followers) for showing in ground.showings._of.values()) != expected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def variables(reminder: Reminder, place: int, **others: object) -> JSON:
    organization_id = reminder.organization_id
    return {"id": encode_id("Organization", organization_id), "after": event_cursor(organization_id, place), **others}


async def seen(socket: Socket, operation: str = "1") -> JSON:
    """Return the only field of an event."""
    payload = await socket.event(operation)
    assert "errors" not in payload, payload
    [shown] = payload["data"].values()
    found: JSON = shown
    return found


@pytest.mark.parametrize("subscribers", [1, 3, 30])
async def test_what_an_event_costs_does_not_grow_with_those_who_see_the_same(
    services: Services,
    api: tuple[str, Ground],
    organization: Organization,
    reminder: Reminder,
    executions: Executions,
    subscribers: int,
) -> None:
    """They bring tokens of their own, operation ids of their own, and begin at places of their own."""
    address, ground = api
    await append_events(services, reminder, 2)
    async with AsyncExitStack() as stack:
        sockets = []
        for number in range(subscribers):
            token = await a_token(services, organization)
            socket = await stack.enter_async_context(acknowledged(address, token))
            await socket.subscribe(WATCH, operation=f"of {number}", **variables(reminder, number % 4))
            for place in range(number % 4, 3):
                assert (await seen(socket, f"of {number}"))["cursor"] == event_cursor(organization.id, place + 1)
            sockets.append(socket)
        await until_followed_by(ground, subscribers)
        executions.clear()

        async with sent_by_the_driver() as statements:
            await append_events(services, reminder)
            told = [await seen(socket, f"of {number}") for number, socket in enumerate(sockets)]

    assert told == [{"cursor": event_cursor(organization.id, 4), "reminder": told[0]["reminder"]}] * subscribers
    assert told[0]["reminder"] == {"id": encode_id("Reminder", reminder.id), "to": PHONE}
    assert [cursor for _, cursor in executions] == [event_cursor(organization.id, 4)]
    of_sockets = [one.sql for one in statements if " FROM token " in one.sql or is_noting(one.sql)]
    reads = [one.sql for one in statements if one.sql.startswith("SELECT") and one.sql not in of_sockets]
    assert len([sql for sql in reads if ' FROM "reminder" ' in sql]) == 1
    assert len([sql for sql in reads if ' FROM "delivery_event" ' in sql]) == 1
    await until_nobody_is_left(ground)


async def test_two_organizations_never_share(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, executions: Executions
) -> None:
    address, ground = api
    other, other_cycle = await a_collecting_organization(services, await an_account("Other"))
    await open_one(services, other_cycle, a_new_case("Theirs"))
    await plan(services)
    theirs = await Reminder.exclude(id=reminder.id).get()
    their_token = await a_token(services, other)
    async with acknowledged(address, token) as one, acknowledged(address, their_token) as two:
        await one.subscribe(WATCH, **variables(reminder, 1))
        await two.subscribe(WATCH, **variables(theirs, 1))
        await until_followed_by(ground, 2)
        for happened in (reminder, theirs):
            await append_events(services, happened)

        ours, foreign = await seen(one), await seen(two)
        await one.settle()
        await two.settle()

    assert (ours["reminder"]["id"], foreign["reminder"]["id"]) == (
        encode_id("Reminder", reminder.id),
        encode_id("Reminder", theirs.id),
    )
    assert len({sight for sight, _ in executions}) == 2
    assert {sight.viewer.account_id for sight, _ in executions} == {1, 2}


async def test_who_may_see_less_shares_nothing_with_who_may_see_more(
    services: Services, api: tuple[str, Ground], organization: Organization, reminder: Reminder, executions: Executions
) -> None:
    address, ground = api
    tokens = [
        await a_token(services, organization),
        await a_token(services, organization, ALL_PERMISSIONS - {Permission.COLLECT}),
        await a_token(services, organization, only=organization.id),
    ]
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(acknowledged(address, token)) for token in tokens]
        for socket in sockets:
            await socket.subscribe(WATCH, **variables(reminder, 1))
        await until_followed_by(ground, 3)
        await append_events(services, reminder)

        told = [(await seen(socket))["reminder"]["to"] for socket in sockets]

    assert told == [PHONE, "+44 *** ** 01", PHONE]
    assert len({sight for sight, _ in executions}) == len(executions) == 3


async def test_nothing_of_a_person_is_known_where_others_are_shown_the_same(
    api: tuple[str, Ground], services: Services, token: str, reminder: Reminder, executions: Executions
) -> None:
    async with acknowledged(api[0], token) as socket:
        await socket.subscribe(WATCH, **variables(reminder, 0))
        await seen(socket)

    [(sight, _)] = executions
    assert (sight.viewer.actor.id, sight.viewer.actor.name, sight.viewer.actor.address) == ("", "", None)


OTHER_DOCUMENTS = {
    "another document": "subscription ($id: ID!, $after: String) { deliveryStatus(organizationId: $id, after: $after)"
    " { cursor status } }",
    "an alias of the whole": "subscription ($id: ID!, $after: String) { news: deliveryStatus(organizationId: $id,"
    " after: $after) { cursor reminder { id to } } }",
    "an alias within": "subscription ($id: ID!, $after: String) { deliveryStatus(organizationId: $id, after: $after)"
    " { cursor reminder { id: to to: id } } }",
}


@pytest.mark.parametrize("document", OTHER_DOCUMENTS.values(), ids=OTHER_DOCUMENTS.keys())
async def test_two_documents_never_share(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, executions: Executions, document: str
) -> None:
    address, ground = api
    async with acknowledged(address, token) as socket:
        await socket.subscribe(WATCH, operation="1", **variables(reminder, 1))
        await socket.subscribe(document, operation="2", **variables(reminder, 1))
        await until_followed_by(ground, 2)
        await append_events(services, reminder)
        messages = [await socket.receive(), await socket.receive()]

    told = {message["id"]: message["payload"]["data"] for message in messages}
    shown = {"id": encode_id("Reminder", reminder.id), "to": PHONE}
    cursor = event_cursor(reminder.organization_id, 2)
    assert told["1"] == {"deliveryStatus": {"cursor": cursor, "reminder": shown}}
    assert told["2"] in (
        {"deliveryStatus": {"cursor": cursor, "status": "SENT"}},
        {"news": {"cursor": cursor, "reminder": shown}},
        {"deliveryStatus": {"cursor": cursor, "reminder": {"id": shown["to"], "to": shown["id"]}}},
    )
    assert told["1"] != told["2"]
    assert len(executions) == 2


async def test_two_operations_of_one_document_and_other_variables_never_share(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, executions: Executions
) -> None:
    address, ground = api
    watched = "deliveryStatus(organizationId: $id, after: $after)"
    document = f"""subscription A($id: ID!, $after: String, $more: Boolean!) {{ {watched} {{ cursor
        reminder @include(if: $more) {{ to }} }} }}
      subscription B($id: ID!, $after: String, $more: Boolean!) {{ {watched} {{ status @include(if: $more) }} }}"""
    asked = [("A", {"more": True}), ("A", {"more": False}), ("B", {"more": True}), ("A", {"more": True})]
    async with acknowledged(address, token) as socket:
        for number, (name, others) in enumerate(asked):
            payload = {"query": document, "operationName": name, "variables": variables(reminder, 1, **others)}
            await socket.send({"id": f"{number}", "type": "subscribe", "payload": payload})
        await until_followed_by(ground, 4)
        await append_events(services, reminder)
        messages = [await socket.receive() for _ in asked]

    told = {message["id"]: message["payload"]["data"]["deliveryStatus"] for message in messages}
    cursor = event_cursor(reminder.organization_id, 2)
    with_number = {"cursor": cursor, "reminder": {"to": PHONE}}
    assert told == {"0": with_number, "1": {"cursor": cursor}, "2": {"status": "SENT"}, "3": with_number}
    assert len(executions) == 3


async def test_all_are_told_of_a_failure_once_and_of_what_comes_then(
    services: Services,
    api: tuple[str, Ground],
    token: str,
    cycle: CollectionCycle,
    reminder: Reminder,
    executions: Executions,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address, ground = api
    await open_one(services, cycle, a_new_case("Lost"))
    await plan(services)
    lost = await Reminder.exclude(id=reminder.id).get()
    async with acknowledged(address, token) as one, acknowledged(address, token) as two:
        for socket in (one, two):
            await socket.subscribe(WATCH, **variables(reminder, 2))
        await until_followed_by(ground, 2)
        for table in ("reminder", "delivery_event"):
            await rows(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        await rows("DELETE FROM reminder WHERE id = $1", lost.id)
        await append_events(services, lost)
        for table in ("reminder", "delivery_event"):
            await rows(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        failures = [await socket.event() for socket in (one, two)]
        await append_events(services, reminder)
        after = [await seen(socket) for socket in (one, two)]

    assert failures[0] == failures[1]
    [error] = failures[0]["errors"]
    assert (failures[0]["data"], error["extensions"]["code"]) == (None, "INTERNAL")
    assert [one["cursor"] for one in after] == [event_cursor(reminder.organization_id, 4)] * 2
    assert len(executions) == 2
    assert capsys.readouterr().out.count("operation failed") == 1


async def test_who_comes_while_others_are_told_misses_nothing_and_sees_nothing_twice(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder
) -> None:
    events = 60
    begins = range(0, events, 7)

    async def see(place: int) -> list[str]:
        async with acknowledged(api[0], token) as socket:
            await until_made(place)
            await socket.subscribe(WATCH, **variables(reminder, place // 2))
            return [(await seen(socket))["cursor"] for _ in range(place // 2, events)]

    made = 1

    async def until_made(place: int) -> None:
        async with asyncio.timeout(20):
            while made < place:
                await rows("SELECT 1")

    async with asyncio.TaskGroup() as tasks:
        seeing = {place: tasks.create_task(see(place)) for place in begins}
        while made < events:
            await append_events(services, reminder, batch := 1 + made % 3)
            made += batch

    for place, task in seeing.items():
        expected = [event_cursor(reminder.organization_id, number + 1) for number in range(place // 2, events)]
        assert task.result() == expected
    await until_nobody_is_left(api[1])


async def test_who_is_ahead_of_those_that_are_told_together_sees_nothing_twice(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, ground = api
    cursors = [event_cursor(reminder.organization_id, place) for place in range(6)]
    execute, may_go_on = Showing._execute, asyncio.Event()

    async def halting(showing: Showing, event: DeliveryStatusEvent) -> object:
        if event.cursor == cursors[2]:
            await may_go_on.wait()
        return await execute(showing, event)

    monkeypatch.setattr(Showing, "_execute", halting)
    async with acknowledged(address, token) as waiting, acknowledged(address, token) as ahead:
        await waiting.subscribe(WATCH, **variables(reminder, 1))
        await until_followed_by(ground, 1)
        await append_events(services, reminder, 2)
        async with asyncio.timeout(5):
            while ground.hub._feeds[reminder.organization_id].head < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await ahead.subscribe(WATCH, **variables(reminder, 2))
        assert (await seen(ahead))["cursor"] == cursors[3]
        await until_followed_by(ground, 2)

        may_go_on.set()
        await append_events(services, reminder, 2)

        assert [(await seen(ahead))["cursor"] for _ in range(2)] == cursors[4:]
        assert [(await seen(waiting))["cursor"] for _ in range(4)] == cursors[2:]


async def test_nobody_is_told_with_the_others_whose_token_has_not_been_looked_at(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, ground = api
    monkeypatch.setattr(ground.stays, "_look", lambda: asyncio.sleep(0))
    async with acknowledged(address, token) as socket:
        await socket.subscribe(WATCH, **variables(reminder, 1))
        await until_followed_by(ground, 1)
        [stay] = ground.stays._here
        stay.seen_at -= 60
        hearing = asyncio.create_task(seen(socket))
        await append_events(services, reminder)
        await until_followed_by(ground, 0)

        assert not hearing.done()
        await stay.renewed()

        assert (await hearing)["cursor"] == event_cursor(reminder.organization_id, 2)


async def test_a_stream_that_is_not_read_does_not_disturb_those_that_are_told_together(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder
) -> None:
    address, ground = api
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    large = WATCH.replace("cursor", "cursor " + " ".join(f"r{number}: reason" for number in range(12)))
    events = 700  # more than the system keeps on the way, some 6 MB
    async with (
        acknowledged(address, token) as socket,
        httpx.AsyncClient(base_url=address, headers=headers, timeout=5) as http,
        http.stream("POST", PATH, json={"query": large, "variables": variables(reminder, 1)}) as response,
    ):
        await socket.subscribe(large, **variables(reminder, 1))
        await until_followed_by(ground, 2)
        [showing] = ground.showings._of.values()
        telling = showing._telling
        for _ in range(events // 10):
            await append_events(services, reminder, 10, "x" * 1_000)
            for _ in range(10):
                await seen(socket)

        assert showing._telling is telling
        assert len(showing._followers) == 1
        stream = Stream(response)
        ids = [(await stream.event())["id"] for _ in range(events)]
    assert ids == [event_cursor(reminder.organization_id, place + 2) for place in range(events)]


async def test_the_others_are_told_on_when_the_first_of_them_has_gone(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, executions: Executions
) -> None:
    address, ground = api
    async with acknowledged(address, token) as staying:
        async with acknowledged(address, token) as first:
            await first.subscribe(WATCH, **variables(reminder, 1))
            await until_followed_by(ground, 1)
            await staying.subscribe(WATCH, **variables(reminder, 1))
            await until_followed_by(ground, 2)
        await until_followed_by(ground, 1)

        await append_events(services, reminder, 2)

        assert [(await seen(staying))["cursor"] for _ in range(2)] == [
            event_cursor(reminder.organization_id, place) for place in (2, 3)
        ]
    assert len(executions) == 2


async def test_sockets_and_streams_share(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, executions: Executions
) -> None:
    address, ground = api
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    asked = {"query": WATCH, "variables": variables(reminder, 1)}
    async with (
        acknowledged(address, token) as socket,
        httpx.AsyncClient(base_url=address, headers=headers, timeout=5) as http,
        http.stream("POST", PATH, json=asked) as response,
    ):
        await socket.subscribe(WATCH, **variables(reminder, 1))
        await until_followed_by(ground, 2)
        await append_events(services, reminder, 3)
        stream = Stream(response)

        by_socket = [await socket.event() for _ in range(3)]
        by_stream = [await stream.event() for _ in range(3)]

    assert [json.loads(event["data"]) for event in by_stream] == by_socket
    cursors = [event_cursor(reminder.organization_id, place) for place in (2, 3, 4)]
    assert [event["id"] for event in by_stream] == cursors
    # A stream that has not yet passed on one event goes on alone with the next, out of what was found for all.
    assert [cursor for _, cursor in executions] == cursors


async def test_on_a_server_that_cannot_write_at_once_all_events_come_the_same(
    services: Services, token: str, reminder: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(BoundedSocket, "handle_connect")
    async with limited(services) as (address, ground), acknowledged(address, token) as socket:
        await socket.subscribe(WATCH, **variables(reminder, 0))
        for place in count(1):
            assert (await seen(socket))["cursor"] == event_cursor(reminder.organization_id, place)
            if place == 5:
                break
            await append_events(services, reminder)
    await until_nobody_is_left(ground)


async def test_where_all_go_on_alone_they_come_together_again(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, executions: Executions
) -> None:
    address, ground = api
    async with acknowledged(address, token) as one, acknowledged(address, token) as two:
        for socket in (one, two):
            await socket.subscribe(WATCH, **variables(reminder, 1))
        await until_followed_by(ground, 2)
        [showing] = ground.showings._of.values()
        telling = showing._telling
        assert telling is not None
        telling.cancel()
        async with asyncio.timeout(5):
            while showing._telling in (telling, None):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await until_followed_by(ground, 2)

        await append_events(services, reminder)

        assert await seen(one) == await seen(two)
    assert len(executions) == 1


async def test_an_event_that_was_found_a_moment_ago_is_not_found_anew_for_who_comes_back(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, executions: Executions
) -> None:
    address, ground = api
    async with acknowledged(address, token) as staying:
        await staying.subscribe(WATCH, **variables(reminder, 1))
        await until_followed_by(ground, 1)
        await append_events(services, reminder)
        before = await seen(staying)
        async with acknowledged(address, token) as coming:
            await coming.subscribe(WATCH, **variables(reminder, 1))

            assert await seen(coming) == before
    assert len(executions) == 1


async def test_what_was_found_is_forgotten_after_a_moment(
    services: Services, api: tuple[str, Ground], token: str, reminder: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.showing._FRESH_S", 0.05)
    address, ground = api
    async with acknowledged(address, token) as socket:
        await socket.subscribe(WATCH, **variables(reminder, 1))
        await until_followed_by(ground, 1)
        await append_events(services, reminder, 3)
        for _ in range(3):
            await seen(socket)
        [showing] = ground.showings._of.values()
        async with asyncio.timeout(5):
            while showing._fresh or showing._asked:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
