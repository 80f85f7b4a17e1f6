"""Paging: forward and backward by cursors, within limits, and steady while rows are added."""

import base64
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from graphql import get_named_type, get_nullable_type, is_list_type

from dunlin.api.ids import encode_id
from dunlin.domain.tables import (
    BankImportLine,
    CollectionCase,
    CollectionCycle,
    Mandate,
    Organization,
    Reminder,
    SmsOptOut,
)
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    PHONE,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_received_text,
    a_token,
    an_import,
    an_organization,
    open_one,
    pay,
)
from tests.client import JSON, ask, error_codes, graphql
from tests.conftest import SandboxCarrier, emptied
from tests.delivery import plan
from tests.ground import Ground, a_ground
from tests.introspection import OBJECTS, is_page

PAGE = "edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
ARGUMENTS = "(first: $first, after: $after, last: $last, before: $before)"
VARIABLES = "query ($first: Int, $after: String, $last: Int, $before: String)"


def listed(place: str) -> str:
    """Return a query of a page of a list; of one that hangs on a row, on that of the first organization."""
    owner, field = place.split(".")
    entry = {"smsOptOuts": "{ source }", "lines": "{ number }"}.get(field, "{ id }")
    page = f"{field}{ARGUMENTS} {{ {PAGE.replace('{ id }', entry)} }}"
    if owner != "Query":
        page = f"organizations(first: 1) {{ nodes {{ {WAYS[owner].replace('...', page)} }} }}"
    return f"{VARIABLES} {{ {page} }}"


# From an organization to the row that a list hangs on.
WAYS = {
    "Organization": "...",
    "CollectionCase": "collectionCases(last: 1) { nodes { ... } }",
    "Customer": "collectionCases(last: 1) { nodes { customer { ... } } }",
    "BankImport": "bankImports(last: 1) { nodes { ... } }",
}
PLACES = sorted(
    f"{owner}.{field}"
    for owner, kind in OBJECTS.items()
    for field, shape in kind.fields.items()
    if get_named_type(shape.type).name.endswith("Connection")
)
LISTS = {place: listed(place) for place in PLACES}


@pytest_asyncio.fixture(scope="module")
async def ground(opened: Services, sandbox: SandboxCarrier) -> AsyncIterator[Ground[CollectionCycle]]:
    services = await emptied(opened, sandbox)
    async with a_ground(lambda: build(services)) as ground:
        yield ground


@pytest_asyncio.fixture
async def cycle(services: Services, ground: Ground[CollectionCycle]) -> CollectionCycle:
    """Five of everything that is listed, or more; also of what the first case has."""
    return await ground.lay()


async def build(services: Services) -> CollectionCycle:
    organization, cycle = await a_collecting_organization(services)
    await organization.fetch_related("account")
    for number in range(4):
        await an_organization(organization.account, name=f"Other {number}")
        await a_cycle(organization)
        await a_token(services, organization)
    case = await open_one(services, cycle, a_new_case("INV-0", customer="C-0"))
    for number in range(5):
        await a_received_text(services, organization, number=number)
        await pay(services, case)
    for number in range(1, 5):
        await open_one(services, cycle, a_new_case(f"INV-{number}", customer=f"C-{number}"))
    await plan(services)
    reminder = await Reminder.get(case_id=case.id)
    for number in range(1, 5):
        again = reminder.clone()
        again.resend_number = number
        await again.save()
    for _ in range(5):
        await SmsOptOut.create(
            organization_id=organization.id, phone=PHONE, opted_out_at=NOW, source="SMS", lifted_at=NOW
        )
    await _five_bank_imports(case)
    return cycle


async def _five_bank_imports(case: CollectionCase) -> None:
    """Five reports, the first with five lines, and five mandates of the case's customer."""
    report = await an_import(case)
    line = await BankImportLine.get()
    for number in range(2, 6):
        for again in (report.clone(), line.clone()):
            if isinstance(again, BankImportLine):
                again.number = number
            await again.save()
    for number in range(5):
        await Mandate.create(
            organization_id=case.organization_id,
            customer_id=case.customer_id,
            reference=f"M-{number}",
            folded=f"m-{number}",
            registered_at=NOW,
        )


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
    return [next(iter(node.values())) for node in page["nodes"]]


def in_twos(entries: list[str]) -> list[list[str]]:
    return [entries[start : start + 2] for start in range(0, len(entries), 2)]


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_is_walked_forward_by_the_cursor_of_the_last_entry(
    http: httpx.AsyncClient, token: str, name: str
) -> None:
    everything = ids(await read(http, token, name))

    pages = [await read(http, token, name, first=2)]
    while pages[-1]["pageInfo"]["hasNextPage"]:
        pages.append(await read(http, token, name, first=2, after=pages[-1]["pageInfo"]["endCursor"]))

    assert 5 <= len(everything) <= 100
    assert name == "Customer.smsOptOuts" or len(set(everything)) == len(everything)
    assert [ids(page) for page in pages] == in_twos(everything)
    assert [page["pageInfo"]["hasPreviousPage"] for page in pages] == [False] + [True] * (len(pages) - 1)


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_is_walked_backward_by_the_cursor_of_the_first_entry(
    http: httpx.AsyncClient, token: str, name: str
) -> None:
    everything = ids(await read(http, token, name))

    pages = [await read(http, token, name, last=2)]
    while pages[-1]["pageInfo"]["hasPreviousPage"]:
        pages.append(await read(http, token, name, last=2, before=pages[-1]["pageInfo"]["startCursor"]))

    assert [ids(page)[::-1] for page in pages] == in_twos(everything[::-1])
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [False] + [True] * (len(pages) - 1)


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_between_two_cursors_leaves_both_out(http: httpx.AsyncClient, token: str, name: str) -> None:
    edges = (await read(http, token, name))["edges"]

    page = await read(http, token, name, after=edges[0]["cursor"], before=edges[4]["cursor"])

    assert page["edges"] == edges[1:4]


@pytest.mark.parametrize("name", LISTS)
async def test_the_last_entries_behind_a_cursor_are_those_of_the_end(
    http: httpx.AsyncClient, token: str, name: str
) -> None:
    edges = (await read(http, token, name))["edges"]

    page = await read(http, token, name, last=2, after=edges[0]["cursor"])

    assert page["edges"] == edges[-2:]
    assert page["pageInfo"]["hasPreviousPage"] is True


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
    for name in LISTS:
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
        pytest.param(cursor("event:1:-1"), id="event-negative"),
        pytest.param(encode_id("CollectionCase", 1), id="an-id"),
    ],
)
async def test_a_cursor_that_was_never_given_out_is_refused(http: httpx.AsyncClient, token: str, garbage: str) -> None:
    for name, query in LISTS.items():
        body = await graphql(http, token, query, after=garbage)

        assert error_codes(body) == ["BAD_USER_INPUT"], name


@pytest.mark.parametrize("name", LISTS)
async def test_a_cursor_of_another_list_is_refused(http: httpx.AsyncClient, token: str, name: str) -> None:
    other = "Organization.collectionCycles" if name == "Query.organizations" else "Query.organizations"
    foreign = (await read(http, token, other))["pageInfo"]["endCursor"]

    body = await graphql(http, token, LISTS[name], after=foreign)

    assert error_codes(body) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("name", LISTS)
async def test_a_cursor_that_was_changed_is_refused(http: httpx.AsyncClient, token: str, name: str) -> None:
    good = (await read(http, token, name))["pageInfo"]["endCursor"]

    for changed in (f" {good}", f"{good}\n", f"!{good}", f"{good}=", f"{good[:4]}-{good[4:]}"):
        assert error_codes(await graphql(http, token, LISTS[name], after=changed)) == ["BAD_USER_INPUT"], changed


async def test_a_cursor_belongs_to_the_list_of_one_parent(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle
) -> None:
    cursor_of_first = (await read(http, token, "Organization.collectionCases"))["pageInfo"]["startCursor"]
    second = encode_id("Organization", cycle.organization_id + 1)
    document = (
        "query ($id: ID!, $after: String) { organization(id: $id) { collectionCases(after: $after) { nodes { id } } } }"
    )

    body = await graphql(http, token, document, id=second, after=cursor_of_first)

    assert error_codes(body) == ["BAD_USER_INPUT"]


async def test_a_page_holds_still_while_cases_are_opened(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle, token: str
) -> None:
    everything = ids(await read(http, token, "Organization.collectionCases"))
    first = await read(http, token, "Organization.collectionCases", first=2)

    await open_one(services, cycle, a_new_case("INV-new"))

    second = await read(http, token, "Organization.collectionCases", first=2, after=first["pageInfo"]["endCursor"])
    assert ids(first) + ids(second) == everything[:4]


async def test_lists_of_cases_and_reminders_begin_with_the_newest(
    http: httpx.AsyncClient, cycle: CollectionCycle, token: str
) -> None:
    newest = await CollectionCase.filter(organization_id=cycle.organization_id).order_by("-id").first()
    assert newest is not None

    page = await read(http, token, "Organization.collectionCases", first=1)

    assert ids(page) == [encode_id("CollectionCase", newest.id)]


@pytest.mark.parametrize("field", ["collectionCases", "reminders"])
async def test_the_total_counts_all_pages(http: httpx.AsyncClient, token: str, field: str) -> None:
    query = f"{{ organizations(first: 1) {{ nodes {{ {field}(first: 2) {{ totalCount nodes {{ id }} }} }} }} }}"

    connection = (await ask(http, token, query))["organizations"]["nodes"][0][field]

    assert connection["totalCount"] == {"collectionCases": 5, "reminders": 9}[field]
    assert len(connection["nodes"]) == 2


# Every list that is not paged, and what bounds it.
BOUNDED = {
    "ApiToken.organizations": "createToken takes 100 at most",
    "ApiToken.permissions": "the members of an enum",
    "AuditEntry.changes": "the fields of what was changed",
    "CaseStep.decisionTrace": "twenty decisions are kept",
    "CollectionCase.steps": "a copy of the cycle's",
    "CollectionCycle.steps": "a cycle has 50 at most",
    "CollectionStep.smsCosts": "one per text",
    "CollectionStep.smsTexts": "one per language",
    "CollectionStep.emailTexts": "one for each language",
    "DisconnectImpact.consequences": "sentences of ours",
    "Forecast.days": "as many as asked for, within a limit",
    "ForecastDay.notSending": "one per check and reason",
    "ForecastDay.sending": "one per method",
    "ForecastSending.estimatedCosts": "one per currency",
    "Organization.availableCommunicationMethods": "the members of an enum",
    "Organization.creditorAccounts": "an organization has 100 at most",
    "Organization.integrations": "one per kind",
    "Organization.returnReasons": "the codes of ISO 20022, and those that somebody has chosen a reaction for by hand",
    "Customer.possibleTimeZones": "the zones of one country's numbers",
    "Query.nodes": "as many as asked for, 100 at most",
    "Reminder.events": "a reminder has a few tries and then its end",
    "SendingPolicy.days": "the days of a week",
    "SmsPreview.offendingCharacters": "those of one text",
    "SmsPreview.unknownPlaceholders": "those of one text",
    "SmsPricing.prices": "one per country",
    "SmsTextCost.offendingCharacters": "those of one text",
    "SmsTextCost.reasons": "sentences of ours",
    "Spending.reserved": "one per currency",
    "Spending.spent": "one per currency",
    "UserError.path": "the depth of the input",
    "Viewer.permissions": "the members of an enum",
}


def test_every_list_that_can_grow_is_paged() -> None:
    plain = {
        f"{owner}.{field}"
        for owner, kind in OBJECTS.items()
        for field, shape in kind.fields.items()
        if is_list_type(get_nullable_type(shape.type)) and not is_page(kind) and not owner.endswith("Payload")
    }

    missing, gone = plain - BOUNDED.keys(), BOUNDED.keys() - plain

    assert not missing, f"Page it, or say in BOUNDED what keeps it short: {', '.join(sorted(missing))}."
    assert not gone, f"Remove from BOUNDED what the schema no longer has: {', '.join(sorted(gone))}."
