"""deliveryStatus: every change once and in order, from now on or from behind a cursor, for whoever may see it."""

import asyncio
import gc
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.api.live import EventHub
from dunlin.api.types.reminder import event_cursor
from dunlin.domain.carrier import Accepted
from dunlin.domain.choices import Permission
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCase, CollectionCycle, Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import (
    ALL_PERMISSIONS,
    PHONE,
    a_collecting_organization,
    a_new_case,
    a_token,
    an_account,
    an_organization,
    open_one,
)
from tests.client import JSON, Socket, acknowledged, ask
from tests.delivery import SID, answer, append_events, begin, plan, send

WATCH = """subscription ($organizationId: ID!, $caseId: ID, $reminderId: ID, $after: String) {
  deliveryStatus(organizationId: $organizationId, caseId: $caseId, reminderId: $reminderId, after: $after) {
    cursor status reminder { status to case { externalReference } }
  }
}"""


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    return (await a_collecting_organization(services))[1]


@pytest_asyncio.fixture
async def token(services: Services, cycle: CollectionCycle) -> str:
    return await a_token(services, await Organization.get(id=cycle.organization_id))


@pytest_asyncio.fixture
async def socket(api_address: str, services: Services, token: str) -> AsyncIterator[Socket]:
    async with acknowledged(api_address, token) as socket:
        yield socket


async def watch(socket: Socket, organization_id: int, *, operation: str = "1", **narrowed: str | None) -> None:
    given = {"organizationId": encode_id("Organization", organization_id), **narrowed}
    await socket.subscribe(WATCH, operation=operation, **given)


def start(organization_id: int) -> str:
    """Return the cursor before the first event."""
    return event_cursor(organization_id, 0)


async def event(socket: Socket, operation: str = "1") -> JSON:
    payload = await socket.event(operation)
    assert "errors" not in payload, payload
    shown: JSON = payload["data"]["deliveryStatus"]
    return shown


async def codes(socket: Socket) -> list[str]:
    """Return the codes with which operation 1 is refused, once it has ended."""
    refused = await socket.event()
    assert await socket.receive() == {"id": "1", "type": "complete"}
    assert refused["data"] is None
    return [error["extensions"]["code"] for error in refused["errors"]]


async def test_with_a_cursor_the_events_behind_it_come_and_then_the_new_ones(
    services: Services, cycle: CollectionCycle, socket: Socket
) -> None:
    await open_one(services, cycle)
    await plan(services)
    handovers = await begin(services)
    after = event_cursor(cycle.organization_id, 1)

    await watch(socket, cycle.organization_id, after=after)
    behind = await event(socket)
    await answer(services, handovers, Accepted(SID))
    new = await event(socket)

    assert (behind["status"], behind["cursor"]) == ("SENDING", event_cursor(cycle.organization_id, 2))
    assert (new["status"], new["cursor"]) == ("SENT", event_cursor(cycle.organization_id, 3))


async def test_without_a_cursor_only_new_events_come_in_order_and_without_gaps(
    services: Services, cycle: CollectionCycle, socket: Socket
) -> None:
    for number in range(3):
        await open_one(services, cycle, a_new_case(f"Old {number}"))
    await plan(services)

    await watch(socket, cycle.organization_id)
    hearing = asyncio.create_task(event(socket))
    made = 0
    while not hearing.done():  # nothing tells a client from when on it is heard
        await open_one(services, cycle, a_new_case(f"New {made}"))
        made += await plan(services)
    await open_one(services, cycle, a_new_case(f"New {made}"))
    made += await plan(services)
    heard = [await hearing]
    while heard[-1]["cursor"] != event_cursor(cycle.organization_id, 3 + made):
        heard.append(await event(socket))

    expected = [event_cursor(cycle.organization_id, 4 + made - len(heard) + place) for place in range(len(heard))]
    assert [one["cursor"] for one in heard] == expected
    assert len(heard) <= made


async def test_each_event_shows_the_reminder_as_it_is_by_then(
    services: Services, cycle: CollectionCycle, socket: Socket
) -> None:
    await open_one(services, cycle)
    await watch(socket, cycle.organization_id, after=start(cycle.organization_id))

    await plan(services)
    scheduled = await event(socket)
    handovers = await begin(services)
    sending = await event(socket)
    await answer(services, handovers, Accepted(SID))
    sent = await event(socket)

    assert [(one["status"], one["reminder"]["status"]) for one in (scheduled, sending, sent)] == [
        ("SCHEDULED", "SCHEDULED"),
        ("SENDING", "SENDING"),
        ("SENT", "SENT"),
    ]


@pytest.mark.parametrize("field", ["caseId", "reminderId"])
async def test_only_the_events_of_one_case_or_of_one_reminder_come(
    services: Services, cycle: CollectionCycle, socket: Socket, field: str
) -> None:
    for number in range(3):
        await open_one(services, cycle, a_new_case(f"INV-{number}"))
    await send(services)
    case = await CollectionCase.get(external_reference="INV-1")
    reminder = await Reminder.get(case_id=case.id)
    narrowed = {"caseId": encode_id("CollectionCase", case.id), "reminderId": encode_id("Reminder", reminder.id)}

    await watch(socket, cycle.organization_id, after=start(cycle.organization_id), **{field: narrowed[field]})

    events = [await event(socket) for _ in range(3)]
    assert [one["status"] for one in events] == ["SCHEDULED", "SENDING", "SENT"]
    assert {one["reminder"]["case"]["externalReference"] for one in events} == {"INV-1"}
    await socket.settle()


async def test_two_subscribers_get_the_same(
    services: Services, api_address: str, cycle: CollectionCycle, token: str, socket: Socket
) -> None:
    async with acknowledged(api_address, token) as other:
        for one in (socket, other):
            await watch(one, cycle.organization_id, after=start(cycle.organization_id))
        await open_one(services, cycle)
        await send(services)

        seen, seen_too = [[await event(one) for _ in range(3)] for one in (socket, other)]

    assert [one["cursor"] for one in seen] == [one["cursor"] for one in seen_too]


async def test_one_organizations_events_do_not_reach_the_subscribers_of_another(
    services: Services, cycle: CollectionCycle, socket: Socket
) -> None:
    _, other = await a_collecting_organization(services, await an_account("Other"))
    await watch(socket, cycle.organization_id, after=start(cycle.organization_id))

    await open_one(services, other, a_new_case("Theirs"))
    await plan(services)
    await open_one(services, cycle, a_new_case("Ours"))
    await plan(services)

    assert (await event(socket))["reminder"]["case"]["externalReference"] == "Ours"


async def test_numbers_are_masked_without_collect(services: Services, api_address: str, cycle: CollectionCycle) -> None:
    await open_one(services, cycle)
    await plan(services)
    organization = await Organization.get(id=cycle.organization_id)
    token = await a_token(services, organization, ALL_PERMISSIONS - {Permission.COLLECT})

    async with acknowledged(api_address, token) as socket:
        await watch(socket, organization.id, after=start(organization.id))
        shown = await event(socket)

    assert shown["reminder"]["to"] == "+44 *** ** 01"
    assert PHONE not in str(shown)


@pytest.mark.parametrize(
    ("narrowed", "code"),
    [
        pytest.param({"organizationId": "$foreign"}, "NOT_FOUND", id="foreign-organization"),
        pytest.param({"organizationId": encode_id("Organization", 999_999)}, "NOT_FOUND", id="unknown-organization"),
        pytest.param({"organizationId": "nonsense"}, "BAD_USER_INPUT", id="malformed-organization"),
        pytest.param({"caseId": encode_id("CollectionCase", 999_999)}, "NOT_FOUND", id="unknown-case"),
        pytest.param({"caseId": encode_id("Reminder", 1)}, "BAD_USER_INPUT", id="reminder-as-case"),
        pytest.param({"reminderId": encode_id("Reminder", 999_999)}, "NOT_FOUND", id="unknown-reminder"),
        pytest.param({"reminderId": "\0"}, "BAD_USER_INPUT", id="nul-as-reminder"),
        pytest.param({"after": event_cursor(999_999, 1)}, "BAD_USER_INPUT", id="cursor-of-another-organization"),
        pytest.param({"after": "garbage"}, "BAD_USER_INPUT", id="garbage-cursor"),
        pytest.param({"after": ""}, "BAD_USER_INPUT", id="empty-cursor"),
        pytest.param({"after": "\0"}, "BAD_USER_INPUT", id="nul-as-cursor"),
    ],
)
async def test_what_the_viewer_may_not_watch_is_refused_and_the_socket_goes_on(
    cycle: CollectionCycle, socket: Socket, narrowed: dict[str, str], code: str
) -> None:
    foreign = await an_organization(await an_account("Other"))
    given = {"organizationId": encode_id("Organization", cycle.organization_id)} | narrowed
    if given["organizationId"] == "$foreign":
        given["organizationId"] = encode_id("Organization", foreign.id)

    await socket.subscribe(WATCH, **given)

    assert await codes(socket) == [code]
    await socket.settle()


async def test_a_token_of_one_organization_does_not_watch_another(
    services: Services, api_address: str, cycle: CollectionCycle
) -> None:
    organization = await Organization.get(id=cycle.organization_id).prefetch_related("account")
    beside = await an_organization(organization.account, name="Beside")

    async with acknowledged(api_address, await a_token(services, organization, only=beside.id)) as socket:
        await watch(socket, organization.id, after=start(organization.id))

        assert await codes(socket) == ["NOT_FOUND"]


async def test_a_page_of_events_has_the_cursors_of_the_subscription(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle, token: str, socket: Socket
) -> None:
    await open_one(services, cycle)
    await send(services)
    query = """query ($after: String) { organizations { nodes {
      deliveryEvents(after: $after) { edges { cursor node { cursor status } } } } } }"""
    data = await ask(http, token, query)
    edges = data["organizations"]["nodes"][0]["deliveryEvents"]["edges"]
    assert [edge["cursor"] for edge in edges] == [edge["node"]["cursor"] for edge in edges]

    await watch(socket, cycle.organization_id, after=edges[0]["cursor"])

    resumed = [await event(socket) for _ in range(2)]
    assert [one["cursor"] for one in resumed] == [edge["cursor"] for edge in edges[1:]]
    rest = await ask(http, token, query, after=resumed[0]["cursor"])
    assert rest["organizations"]["nodes"][0]["deliveryEvents"]["edges"] == edges[2:]


async def test_behind_the_delivery_cursor_read_before_the_first_event_everything_comes(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle, token: str, socket: Socket
) -> None:
    before = await delivery_cursor(http, token)
    await open_one(services, cycle)
    await plan(services)

    await watch(socket, cycle.organization_id, after=before)

    first = await event(socket)
    assert (before, first["status"]) == (start(cycle.organization_id), "SCHEDULED")
    assert await delivery_cursor(http, token) == first["cursor"]


async def delivery_cursor(http: httpx.AsyncClient, token: str) -> str:
    found = await ask(http, token, "{ organizations { nodes { deliveryCursor } } }")
    cursor: str = found["organizations"]["nodes"][0]["deliveryCursor"]
    return cursor


async def test_an_operation_that_its_client_has_completed_says_nothing_more(
    services: Services, cycle: CollectionCycle, socket: Socket
) -> None:
    await watch(socket, cycle.organization_id, after=start(cycle.organization_id))
    await socket.send({"id": "1", "type": "complete"})
    await socket.settle()
    await open_one(services, cycle)
    await plan(services)

    await watch(socket, cycle.organization_id, operation="2", after=start(cycle.organization_id))

    assert (await event(socket, "2"))["status"] == "SCHEDULED"


async def test_a_client_that_hangs_up_is_forgotten_by_the_process(
    services: Services, api_address: str, cycle: CollectionCycle, token: str
) -> None:
    await open_one(services, cycle)
    await plan(services)
    async with acknowledged(api_address, token) as socket:
        await watch(socket, cycle.organization_id, after=start(cycle.organization_id))
        await event(socket)
        [hub] = [one for one in gc.get_objects() if type(one) is EventHub and cycle.organization_id in one._feeds]

    async with asyncio.timeout(5):
        while hub._feeds:
            await rows("SELECT 1")


async def test_an_event_that_was_shown_leaves_nothing_in_memory(
    services: Services, cycle: CollectionCycle, socket: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.live._LONGEST_FEED", 10)
    await open_one(services, cycle)
    await plan(services)
    await watch(socket, cycle.organization_id, after=start(cycle.organization_id))
    await event(socket)
    kept = []
    for _ in range(3):
        await append_events(services, await Reminder.get(), 200)
        for _ in range(200):
            await event(socket)
        gc.collect()
        # Of graphql-core's own: what else this process makes meanwhile is no matter of these events.
        kept.append(sum(str(type(one).__module__).startswith("graphql.") for one in gc.get_objects()))

    assert kept[2] - kept[1] < 200, kept
