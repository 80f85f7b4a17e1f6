"""Paging: forward and backward by cursors, within limits, and steady while rows are added."""

import base64

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.tables import CollectionCase, CollectionCycle, Organization
from dunlin.runtime.wiring import Services
from tests.build import (
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_received_text,
    a_token,
    an_organization,
    open_one,
)
from tests.client import JSON, ask, error_codes, graphql
from tests.delivery import plan

PAGE = "edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
ARGUMENTS = "(first: $first, after: $after, last: $last, before: $before)"
VARIABLES = "query ($first: Int, $after: String, $last: Int, $before: String)"


def in_organization(field: str) -> str:
    return f"{VARIABLES} {{ organizations(first: 1) {{ nodes {{ {field}{ARGUMENTS} {{ {PAGE} }} }} }} }}"


LISTS = {
    "organizations": f"{VARIABLES} {{ organizations{ARGUMENTS} {{ {PAGE} }} }}",
    "collectionCycles": in_organization("collectionCycles"),
    "collectionCases": in_organization("collectionCases"),
    "reminders": in_organization("reminders"),
    "case.reminders": f"{VARIABLES} {{ organizations(first: 1) {{ nodes {{ collectionCases(last: 1) {{ nodes {{"
    f" reminders{ARGUMENTS} {{ {PAGE} }} }} }} }} }} }}",
    "inboundTexts": in_organization("inboundTexts"),
    "deliveryEvents": "query ($first: Int, $after: String) { organizations(first: 1) { nodes {"
    f" deliveryEvents(first: $first, after: $after) {{ {PAGE} }} }} }} }}",
}
BACKWARD = [name for name in LISTS if name != "deliveryEvents"]
LONG = [name for name in LISTS if name != "case.reminders"]  # a case of these tests has one reminder
LONG_BACKWARD = [name for name in LONG if name in BACKWARD]


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    """Five organizations; the first has five cycles, five cases with a reminder each, and five texts that came in."""
    organization, cycle = await a_collecting_organization(services)
    await organization.fetch_related("account")
    for number in range(4):
        await an_organization(organization.account, name=f"Other {number}")
        await a_cycle(organization)
    for number in range(5):
        await open_one(services, cycle, a_new_case(f"INV-{number}", customer=f"C-{number}"))
        await a_received_text(services, organization, number=number)
    await plan(services)
    return cycle


@pytest_asyncio.fixture
async def token(services: Services, cycle: CollectionCycle) -> str:
    return await a_token(services, await Organization.get(id=cycle.organization_id))


async def read(http: httpx.AsyncClient, token: str, name: str, **window: object) -> JSON:
    """Return one page of the list `name`."""
    part = await ask(http, token, LISTS[name], **window)
    while "edges" not in part:
        part = next(iter(part.values()))
        part = part[0] if isinstance(part, list) else part
    assert [edge["node"] for edge in part["edges"]] == part["nodes"]
    cursors = [edge["cursor"] for edge in part["edges"]]
    assert part["pageInfo"]["startCursor"] == (cursors[0] if cursors else None)
    assert part["pageInfo"]["endCursor"] == (cursors[-1] if cursors else None)
    return part


def ids(page: JSON) -> list[str]:
    return [node["id"] for node in page["nodes"]]


@pytest.mark.parametrize("name", LONG)
async def test_a_list_is_walked_forward_by_the_cursor_of_the_last_entry(
    http: httpx.AsyncClient, token: str, name: str
) -> None:
    everything = ids(await read(http, token, name))

    pages = [await read(http, token, name, first=2)]
    while pages[-1]["pageInfo"]["hasNextPage"]:
        pages.append(await read(http, token, name, first=2, after=pages[-1]["pageInfo"]["endCursor"]))

    assert len(everything) == len(set(everything)) == 5
    assert [ids(page) for page in pages] == [everything[:2], everything[2:4], everything[4:]]
    assert [page["pageInfo"]["hasPreviousPage"] for page in pages] == [False, True, True]


@pytest.mark.parametrize("name", LONG_BACKWARD)
async def test_a_list_is_walked_backward_by_the_cursor_of_the_first_entry(
    http: httpx.AsyncClient, token: str, name: str
) -> None:
    everything = ids(await read(http, token, name))

    pages = [await read(http, token, name, last=2)]
    while pages[-1]["pageInfo"]["hasPreviousPage"]:
        pages.append(await read(http, token, name, last=2, before=pages[-1]["pageInfo"]["startCursor"]))

    assert [ids(page) for page in pages] == [everything[3:], everything[1:3], everything[:1]]
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [False, True, True]


@pytest.mark.parametrize("name", LONG_BACKWARD)
async def test_a_list_between_two_cursors_leaves_both_out(http: httpx.AsyncClient, token: str, name: str) -> None:
    edges = (await read(http, token, name))["edges"]

    page = await read(http, token, name, after=edges[0]["cursor"], before=edges[4]["cursor"])

    assert ids(page) == [edge["node"]["id"] for edge in edges[1:4]]


@pytest.mark.parametrize("name", LISTS)
async def test_behind_the_end_of_a_list_is_an_empty_page(http: httpx.AsyncClient, token: str, name: str) -> None:
    end = (await read(http, token, name))["pageInfo"]["endCursor"]

    page = await read(http, token, name, after=end)

    assert page["edges"] == []
    assert page["pageInfo"]["hasNextPage"] is False


@pytest.mark.parametrize(
    "window",
    [{"first": 0}, {"first": -1}, {"first": 101}, {"last": 0}, {"last": -1}, {"last": 101}, {"first": 1, "last": 1}],
    ids=str,
)
async def test_a_page_has_1_to_100_entries_from_one_end(http: httpx.AsyncClient, token: str, window: JSON) -> None:
    for name in BACKWARD if "last" in window else LISTS:
        body = await graphql(http, token, LISTS[name], **window)

        assert error_codes(body) == ["BAD_USER_INPUT"], name


def cursor(plain: str) -> str:
    return base64.urlsafe_b64encode(plain.encode()).decode()


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param("", id="empty"),
        pytest.param("garbage", id="garbage"),
        pytest.param("é", id="beyond-ascii"),
        pytest.param("\0", id="nul"),
        pytest.param("MQ", id="cut-off"),
        pytest.param(cursor("1"), id="bare-number"),
        pytest.param(cursor("unheard-of:1"), id="of-no-list"),
        pytest.param(cursor("organizations:-1"), id="negative"),
        pytest.param(cursor("cases:9223372036854775808"), id="too-large"),
        pytest.param(cursor("event:1:9999999999999999999"), id="event-too-large"),
        pytest.param(encode_id("CollectionCase", 1), id="an-id"),
    ],
)
async def test_a_cursor_that_was_never_given_out_is_refused(http: httpx.AsyncClient, token: str, garbage: str) -> None:
    for name, query in LISTS.items():
        body = await graphql(http, token, query, after=garbage)

        assert error_codes(body) == ["BAD_USER_INPUT"], name


@pytest.mark.parametrize("name", LISTS)
async def test_a_cursor_of_another_list_is_refused(http: httpx.AsyncClient, token: str, name: str) -> None:
    other = "collectionCycles" if name != "collectionCycles" else "collectionCases"
    foreign = (await read(http, token, other))["pageInfo"]["endCursor"]

    body = await graphql(http, token, LISTS[name], after=foreign)

    assert error_codes(body) == ["BAD_USER_INPUT"]


async def test_a_page_holds_still_while_cases_are_opened(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle, token: str
) -> None:
    everything = ids(await read(http, token, "collectionCases"))
    first = await read(http, token, "collectionCases", first=2)

    await open_one(services, cycle, a_new_case("INV-new"))

    second = await read(http, token, "collectionCases", first=2, after=first["pageInfo"]["endCursor"])
    assert ids(first) + ids(second) == everything[:4]


async def test_lists_of_cases_and_reminders_begin_with_the_newest(
    http: httpx.AsyncClient, cycle: CollectionCycle, token: str
) -> None:
    newest = await CollectionCase.filter(organization_id=cycle.organization_id).order_by("-id").first()
    assert newest is not None

    page = await read(http, token, "collectionCases", first=1)

    assert ids(page) == [encode_id("CollectionCase", newest.id)]


@pytest.mark.parametrize("field", ["collectionCases", "reminders"])
async def test_the_total_counts_all_pages(http: httpx.AsyncClient, token: str, field: str) -> None:
    query = f"{{ organizations(first: 1) {{ nodes {{ {field}(first: 2) {{ totalCount nodes {{ id }} }} }} }} }}"

    connection = (await ask(http, token, query))["organizations"]["nodes"][0][field]

    assert connection["totalCount"] == 5
    assert len(connection["nodes"]) == 2
