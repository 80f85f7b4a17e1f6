"""What a viewer sees: its own account's rows by list and by id, numbers masked without COLLECT, nothing else."""

import json
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLObjectType

from dunlin.api.ids import encode_id
from dunlin.api.schema import schema
from dunlin.domain.choices import Permission
from dunlin.domain.tables import CollectionCycle, Organization
from dunlin.runtime.wiring import Services
from tests.build import (
    NONE,
    NOW,
    PHONE,
    SMS,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_received_text,
    a_token,
    an_account,
    an_import,
    an_organization,
    open_one,
    pay,
)
from tests.client import JSON, ask, error_codes, graphql, mutate, problems
from tests.conftest import SANDBOX_ACCOUNT
from tests.delivery import plan, send

EMAIL = "ada@example.com"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
CASES = """query ($filter: CollectionCaseFilter) {
  organizations(first: 1) { nodes { collectionCases(filter: $filter) { totalCount nodes { externalReference } } } }
}"""
REMINDERS = """query ($filter: ReminderFilter) {
  organizations(first: 1) { nodes { reminders(filter: $filter) { totalCount nodes { status } } } }
}"""
ORGANIZATION = "query ($id: ID!) { organization(id: $id) { name } }"
NUMBERS = """query ($customer: ID!, $reminder: ID!) {
  customer: node(id: $customer) { ... on Customer { phone email } }
  reminder: node(id: $reminder) { ... on Reminder { to events { reminder { to } } case { customer { phone email } } } }
  organizations(first: 5) { nodes {
    reminders { nodes { to } }
    collectionCases(first: 5) { nodes {
      customer { phone email } reminders(first: 5) { nodes { to } } steps { reminder { to } }
    } }
    deliveryEvents { nodes { reminder { to } } }
  } }
}"""

# Every type with a global id. The tests' database is empty at first, so the first row of each table has number 1.
NODE_TYPES = sorted(
    name
    for name, kind in schema._schema.type_map.items()
    if isinstance(kind, GraphQLObjectType) and any(interface.name == "Node" for interface in kind.interfaces)
)
FIRST = [encode_id(name, 1) for name in NODE_TYPES]


@pytest_asyncio.fixture
async def organization(services: Services) -> Organization:
    """The first organization, with a row of every type."""
    organization, cycle = await a_collecting_organization(services)
    case = a_new_case()
    opened = await open_one(
        services, cycle, replace(case, customer=replace(case.customer, email=EMAIL, mandate_references=("M-1",)))
    )
    await pay(services, opened)
    await an_import(opened)
    await send(services)
    await a_received_text(services, organization, sender="+447700900099")
    await a_token(services, organization)
    return organization


@pytest_asyncio.fixture
async def token(services: Services, organization: Organization) -> str:
    return await a_token(services, organization)


async def test_every_object_is_found_by_its_id(http: httpx.AsyncClient, token: str) -> None:
    data = await ask(http, token, NODES, ids=FIRST)

    assert data["nodes"] == [{"__typename": name, "id": given} for name, given in zip(NODE_TYPES, FIRST, strict=True)]
    assert len(NODE_TYPES) == 15


async def test_another_account_finds_none_of_these_objects(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    stranger = await a_token(services, await an_account("Stranger"))

    data = await ask(http, stranger, NODES, ids=FIRST)

    assert data["nodes"] == [None] * len(FIRST)
    for given in FIRST:
        assert await ask(http, stranger, "query ($id: ID!) { node(id: $id) { id } }", id=given) == {"node": None}


async def test_another_account_lists_no_organization(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    stranger = await a_token(services, await an_account("Stranger"))

    data = await ask(http, stranger, "{ organizations { nodes { id } } }")

    assert data["organizations"]["nodes"] == []


async def test_a_token_of_one_organization_sees_nothing_of_the_others_of_its_account(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    await organization.fetch_related("account")
    beside = await an_organization(organization.account, name="Beside")
    limited = await a_token(services, organization, only=beside.id)

    data = await ask(
        http, limited, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } organizations { nodes { name } } }", ids=FIRST
    )

    assert data["nodes"] == [None] * len(FIRST)
    assert data["organizations"]["nodes"] == [{"name": "Beside"}]
    body = await graphql(http, limited, ORGANIZATION, id=encode_id("Organization", organization.id))
    assert error_codes(body) == ["NOT_FOUND"]
    edit = {"stepId": encode_id("CollectionStep", 1), "name": "x"}
    assert problems(await mutate(http, limited, "editStep", "", edit)) == [("NOT_FOUND", "stepId")]


async def test_objects_come_in_the_order_of_their_ids_with_null_for_what_is_not_there(
    http: httpx.AsyncClient, services: Services, token: str
) -> None:
    foreign = await an_organization(await an_account("Stranger"))
    wanted = [
        encode_id("Reminder", 1),
        "",
        "nonsense",
        "é",
        encode_id("Organization", 1),
        encode_id("Organization", 999_999),
        encode_id("Organization", foreign.id),
        encode_id("Nothing", 1),
        encode_id("Viewer", 1),
        encode_id("Organization", 2**63),
        encode_id("Organization", 0),
        encode_id("Reminder", 1),
    ]

    data = await ask(http, token, NODES, ids=wanted)

    found = [None if node is None else node["__typename"] for node in data["nodes"]]
    assert found == ["Reminder", *[None] * 3, "Organization", *[None] * 6, "Reminder"]


@pytest.mark.parametrize(("count", "codes"), [(100, []), (101, ["BAD_USER_INPUT"])])
async def test_at_most_a_hundred_objects_are_asked_for_at_once(
    http: httpx.AsyncClient, token: str, count: int, codes: list[str]
) -> None:
    body = await graphql(http, token, NODES, ids=[encode_id("Organization", 1)] * count)

    assert error_codes(body) == codes


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param(encode_id("Organization", 2), "NOT_FOUND", id="another-account's"),
        pytest.param(encode_id("Organization", 999_999), "NOT_FOUND", id="unknown"),
        pytest.param(encode_id("Customer", 1), "BAD_USER_INPUT", id="of-another-type"),
        pytest.param("nonsense", "BAD_USER_INPUT", id="malformed"),
    ],
)
async def test_an_organization_that_the_viewer_does_not_have_is_null_with_a_code(
    http: httpx.AsyncClient, token: str, given: str, code: str
) -> None:
    await an_organization(await an_account("Stranger"))

    body = await graphql(http, token, ORGANIZATION, id=given)

    assert error_codes(body) == [code]
    assert body["data"] == {"organization": None}


async def test_numbers_and_addresses_are_shown_in_full_with_collect(http: httpx.AsyncClient, token: str) -> None:
    data = await ask(http, token, NUMBERS, customer=encode_id("Customer", 1), reminder=encode_id("Reminder", 1))

    assert data["customer"] == {"phone": PHONE, "email": EMAIL}
    assert data["reminder"]["to"] == PHONE
    assert "*" not in json.dumps(data)


async def test_numbers_and_addresses_are_masked_everywhere_without_collect(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    token = await a_token(services, organization, frozenset(Permission) - {Permission.COLLECT})

    data = await ask(http, token, NUMBERS, customer=encode_id("Customer", 1), reminder=encode_id("Reminder", 1))

    assert data["customer"] == {"phone": "+44 *** ** 01", "email": "a***@example.com"}
    assert data["reminder"]["to"] == "+44 *** ** 01"
    assert PHONE not in json.dumps(data)
    assert EMAIL not in json.dumps(data)


@pytest_asyncio.fixture
async def second_cycle(services: Services, organization: Organization) -> CollectionCycle:
    """Beside INV-1, which has been sent: INV-2 that nobody can be reached for, INV-3 closed, INV-4 scheduled."""
    cycle = await a_cycle(organization, [SMS, SMS])
    await open_one(services, cycle, a_new_case("INV-2", customer="C-2", phone=None))
    await open_one(services, await a_cycle(organization, [NONE]), a_new_case("INV-3", customer="C-3"))
    await open_one(services, cycle, a_new_case("INV-4", customer="C-4"))
    await plan(services, NOW + timedelta(minutes=1))
    return cycle


@pytest.mark.parametrize(
    ("condition", "references"),
    [
        pytest.param({}, ["INV-4", "INV-3", "INV-2", "INV-1"], id="no-condition"),
        pytest.param({"states": ["CLOSED"]}, ["INV-3"], id="closed"),
        pytest.param({"states": ["ACTIVE", "PAUSED"]}, ["INV-4", "INV-2", "INV-1"], id="open"),
        pytest.param({"states": []}, [], id="in-no-state"),
        pytest.param({"cycleId": "$second"}, ["INV-4", "INV-2"], id="cycle"),
        pytest.param({"cycleId": encode_id("CollectionCycle", 999_999)}, [], id="unknown-cycle"),
        pytest.param({"customerReference": "C-2"}, ["INV-2"], id="customer"),
        pytest.param({"customerReference": "C-9"}, [], id="unknown-customer"),
        pytest.param({"needsAttention": True}, ["INV-2"], id="needs-attention"),
        pytest.param({"needsAttention": False}, ["INV-4", "INV-3", "INV-1"], id="needs-no-attention"),
        pytest.param({"cycleId": "$second", "needsAttention": False}, ["INV-4"], id="two-conditions"),
    ],
)
async def test_cases_are_filtered(
    http: httpx.AsyncClient, token: str, second_cycle: CollectionCycle, condition: JSON, references: list[str]
) -> None:
    if condition.get("cycleId") == "$second":
        condition = condition | {"cycleId": encode_id("CollectionCycle", second_cycle.id)}

    data = await ask(http, token, CASES, filter=condition)

    found = data["organizations"]["nodes"][0]["collectionCases"]
    assert [case["externalReference"] for case in found["nodes"]] == references
    assert found["totalCount"] == len(references)


@pytest.mark.parametrize(
    ("condition", "statuses"),
    [
        pytest.param({}, ["SCHEDULED", "SENT"], id="no-condition"),
        pytest.param({"statuses": ["SENT", "FAILED"]}, ["SENT"], id="statuses"),
        pytest.param({"statuses": []}, [], id="of-no-status"),
        pytest.param({"caseId": encode_id("CollectionCase", 1)}, ["SENT"], id="case"),
        pytest.param({"caseId": encode_id("CollectionCase", 999_999)}, [], id="unknown-case"),
        pytest.param({"caseId": encode_id("CollectionCase", 1), "statuses": ["SCHEDULED"]}, [], id="two-conditions"),
    ],
)
async def test_reminders_are_filtered(
    http: httpx.AsyncClient, token: str, second_cycle: CollectionCycle, condition: JSON, statuses: list[str]
) -> None:
    data = await ask(http, token, REMINDERS, filter=condition)

    found = data["organizations"]["nodes"][0]["reminders"]
    assert [reminder["status"] for reminder in found["nodes"]] == statuses
    assert found["totalCount"] == len(statuses)


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        (CASES, {"cycleId": "nonsense"}),
        (CASES, {"cycleId": encode_id("CollectionCase", 1)}),
        (CASES, {"states": ["LOST"]}),
        (CASES, {"unknown": 1}),
        (REMINDERS, {"caseId": "nonsense"}),
        (REMINDERS, {"statuses": "LOST"}),
    ],
    ids=str,
)
async def test_a_condition_that_cannot_be_read_is_bad_user_input(
    http: httpx.AsyncClient, token: str, query: str, condition: JSON
) -> None:
    body = await graphql(http, token, query, filter=condition)

    assert error_codes(body) == ["BAD_USER_INPUT"]


async def test_the_cards_of_an_organization_show_what_is_connected(
    http: httpx.AsyncClient, services: Services, organization: Organization, token: str
) -> None:
    query = """{ organizations { nodes {
      name country timeZone defaultLanguage sendingPolicy { windowStart windowEnd }
      integrations(category: COMMUNICATION) { kind category name status provider sender organization { name } }
    } } }"""
    await organization.fetch_related("account")
    await an_organization(organization.account, name="Beside")

    data = await ask(http, token, query)

    first, second = data["organizations"]["nodes"]
    assert (first["country"], first["timeZone"], first["defaultLanguage"]) == ("BE", "Europe/Brussels", "nl")
    assert first["sendingPolicy"] == {"windowStart": "00:00", "windowEnd": "24:00"}
    card = {"kind": "SMS", "category": "COMMUNICATION", "name": "SMS"}
    email = {"kind": "EMAIL", "category": "COMMUNICATION", "name": "E-mail"}
    off = {"status": "DISCONNECTED", "provider": None, "sender": None}
    assert first["integrations"] == [
        card
        | {
            "status": "CONNECTED",
            "provider": "SANDBOX",
            "sender": SANDBOX_ACCOUNT.phone_numbers[0],
            "organization": {"name": "Waterworks"},
        },
        email | off | {"organization": {"name": "Waterworks"}},
    ]
    assert second["integrations"] == [
        card | off | {"organization": {"name": "Beside"}},
        email | off | {"organization": {"name": "Beside"}},
    ]
