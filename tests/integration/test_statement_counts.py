"""No N+1: a field costs as many SQL statements for a hundred rows as for one.

The fields are read from the schema itself: each field of each type with an id is asked of one object, of a hundred, and
of one that has a hundred of what it lists. What is reached by it is looked at down to the next objects with ids, which
are asked by themselves.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, get_named_type, is_leaf_type
from tortoise.models import Model
from tortoise.queryset import QuerySet

from dunlin.api.ids import encode_id
from dunlin.api.limits import cost as cost_of_operations
from dunlin.domain import tables
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.choices import EmailProblemKind, OptOutSource, PhoneProblemKind, ReturnReaction
from dunlin.domain.tables import Organization
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    PHONE,
    SMS,
    a_cycle,
    a_new_case,
    a_received_text,
    a_token,
    a_viewer,
    an_account,
    an_import,
    an_organization,
    connect_sms,
    open_one,
    pay,
)
from tests.client import JSON, acknowledged, ask
from tests.conftest import SandboxCarrier, emptied
from tests.delivery import send
from tests.integration.test_isolation import NODES
from tests.introspection import OBJECTS, is_page, own_arguments
from tests.statements import sent_by_the_driver, sent_for

MANY = 100
LANGUAGES = ("en", "nl", "fr", "de", "es", "it")


@dataclass(frozen=True, slots=True)
class Counted:
    """A token of an account with a hundred small organizations and a large one, and ids by type."""

    token: str
    small: dict[str, list[str]]  # one of each small organization
    large: dict[str, str]  # one that has a hundred, or as many as there may be, of all that it lists


@pytest_asyncio.fixture(scope="module")
async def counted(opened: Services, sandbox: SandboxCarrier) -> Counted:
    services = await emptied(opened, sandbox)
    account = await an_account()
    token = await a_token(services, account)
    small = [await _small(services, account, f"Small {number}") for number in range(MANY)]
    large = await _small(services, account, "Large")
    while await send(services):
        pass
    for organization in [*small, large]:
        await _add_misfortune(organization)
    await _enlarge(services, large)
    ids = {name: [await _first(name, organization) for organization in small] for name in NODES}
    return Counted(token, ids, {name: await _first(name, large) for name in NODES})


@pytest.fixture(autouse=True)
def without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let in what is too dear for clients: whole pages of all that there is."""
    monkeypatch.setattr(cost_of_operations, "MOST", 1_000_000_000)


@pytest_asyncio.fixture(scope="module")
async def http(counted: Counted, api_address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api_address, timeout=60) as client:
        await ask(client, counted.token, "{ viewer { id } }")
        # That the token was used is noted once a minute, behind the requests, and belongs to none of them.
        while await tables.Token.filter(id=1, last_used_at__isnull=True).exists():
            await ask(client, counted.token, "{ viewer { id } }")
        yield client


async def _small(services: Services, account: tables.Account, name: str) -> Organization:
    """An organization with one of everything."""
    organization = await an_organization(account, name=name, country="GB")
    integration = await connect_sms(services, organization)
    await tables.SmsPrice.filter(organization_id=organization.id).update(
        connection_id=integration.connection_id, price=Decimal("0.04"), currency="USD", fetched_at=NOW
    )
    await tables.ReturnReasonChoice.create(organization_id=organization.id, code="AM04", reaction=ReturnReaction.REMIND)
    new = a_new_case()
    new = replace(new, customer=replace(new.customer, mandate_references=("MANDATE-1",)))
    case = await open_one(services, await a_cycle(organization, [SMS, SMS], days=[7, 90]), new)
    await pay(services, case)
    await an_import(case)
    await a_received_text(services, organization)
    await a_token(services, organization, only=organization.id)
    return organization


async def _add_misfortune(organization: Organization) -> None:
    """Add what would have kept reminders from being sent."""
    await tables.CollectionCase.filter(organization_id=organization.id).update(overpaid=Decimal(1))
    await tables.Customer.filter(organization_id=organization.id).update(
        phone_problem=PhoneProblemKind.LANDLINE,
        phone_problem_reason="It is a landline.",
        phone_problem_at=NOW,
        email_problem=EmailProblemKind.INVALID,
        email_problem_reason="There is no such mailbox.",
        email_problem_at=NOW,
        email_opted_out_at=NOW,
    )
    await tables.SmsOptOut.create(
        organization_id=organization.id, phone=PHONE, opted_out_at=NOW, source=OptOutSource.SMS, words="No more"
    )


async def _enlarge(services: Services, organization: Organization) -> None:
    """Give the organization, and the first object of each type in it, a hundred of all that they list."""
    of = organization.id
    case = await tables.CollectionCase.filter(organization_id=of).order_by("id").get()
    reminder = await tables.Reminder.get(organization_id=of)
    (first, second) = await tables.CollectionStep.filter(organization_id=of).order_by("position")
    await tables.StepTexts.filter(id=first.texts_id).update(sms=dict.fromkeys(LANGUAGES, "Please pay."))
    more = range(1, MANY)
    await _again(await tables.CollectionCycle.get(organization_id=of), "name", [f"Cycle {one}" for one in more])
    await _again(await tables.Payment.get(organization_id=of), "reference", [f"BANK-{one}" for one in more])
    await _again(await tables.InboundText.get(organization_id=of), "provider_message_id", [f"SM{one}" for one in more])
    await _again(await tables.SmsOptOut.get(organization_id=of), "lifted_at", [NOW for _ in more])
    await _again(
        await tables.SmsPrice.get(organization_id=of), "country", [f"{10 + one // 2}" for one in more if one % 2]
    )
    await _again(await tables.ReturnReasonChoice.get(organization_id=of), "code", [f"ZZ{one:02}" for one in more])
    await _again(await tables.Mandate.get(organization_id=of), "folded", [f"mandate-{one}" for one in range(2, 101)])
    await _again(await tables.BankImport.get(organization_id=of), "digest", [f"{one:064}" for one in more])
    await _again(await tables.BankImportLine.get(organization_id=of), "number", range(2, MANY + 1))
    await _again(await tables.CreditorAccount.get(organization_id=of), "key", [f"ACCOUNT-{one}" for one in more])
    await _again(reminder, "resend_number", more)
    await _again(second, "position", range(3, 51))
    await _again(await tables.CaseStep.get(case_id=case.id, position=2), "position", range(3, MANY + 1))
    await open_cases(
        services.store,
        a_viewer(organization),
        organization_id=of,
        cycle_id=case.cycle_id,
        cases=[a_new_case(f"INV-{number}", customer=f"C-{number}") for number in range(2, MANY + 1)],
        now=NOW,
    )
    last = await tables.DeliverySequence.get(organization_id=of)
    event = await tables.DeliveryEvent.get(organization_id=of, sequence=last.last_sequence)
    await _again(event, "sequence", [event.sequence + one for one in more])
    last.last_sequence += len(more)
    await last.save()
    small = [row.id for row in await Organization.filter(name__startswith="Small").order_by("id")]
    await tables.Token.filter(organization_ids=[of]).update(organization_ids=small)
    change = {"field": "name", "before": "A", "after": "B"}
    entry = await tables.AuditEntry.filter(organization_id=of).order_by("id").first()
    assert entry is not None
    await tables.AuditEntry.filter(id=entry.id).update(changes=[change] * MANY)


async def _again(row: Model, column: str, values: Iterable[object]) -> None:
    """Store the row once more for each value of a column."""
    await type(row).bulk_create([row.clone().update_from_dict({column: value}) for value in values])


async def _first(name: str, organization: Organization) -> str:
    if name == "Organization":
        return encode_id(name, organization.id)
    found: QuerySet[Any]
    if name == "ApiToken":
        found = tables.Token.filter(name="Tester", id__gt=1).offset(organization.id - 1)
    else:
        found = NODES[name].filter(organization_id=organization.id)
    row = await found.order_by("id").first()
    assert row is not None, f"Let _small() make a {name}."
    return encode_id(name, row.pk)


def shown(kind: GraphQLObjectType, page: int) -> str:
    """Return a selection of all that a type shows, down to the next objects with an id, and their own values."""
    return f"{{ {' '.join(_shown(kind, page))} }}"


def _shown(kind: GraphQLObjectType, page: int) -> Iterator[str]:
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if is_leaf_type(inner):
            yield name
        elif isinstance(inner, GraphQLObjectType) and not _has_rows_of_its_own(kind, inner):
            yield f"{name}{own_arguments(field, page)} {shown(inner, page)}"


def _has_rows_of_its_own(above: GraphQLObjectType, kind: GraphQLObjectType) -> bool:
    """Return whether a type is asked for by itself, or a list is: below an object with an id these end the way."""
    return not is_page(above) and (kind.name in NODES or kind.name.endswith("Connection"))


FIELDS = [
    (owner, name)
    for owner in sorted(NODES)
    for name, field in OBJECTS[owner].fields.items()
    if not is_leaf_type(get_named_type(field.type))
] + [(owner, "values") for owner in sorted(NODES)]


def asked(owner: str, name: str, page: int) -> str:
    kind = OBJECTS[owner]
    if name == "values":
        chosen = " ".join(field for field, shape in kind.fields.items() if is_leaf_type(get_named_type(shape.type)))
    else:
        inner = get_named_type(kind.fields[name].type)
        assert isinstance(inner, GraphQLObjectType)
        chosen = f"{name}{own_arguments(kind.fields[name], page)} {shown(inner, page)}"
    return f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {owner} {{ {chosen} }} }} }}"


async def cost(http: httpx.AsyncClient, token: str, query: str, **variables: object) -> tuple[int, JSON]:
    async with sent_for(http) as statements:
        data = await ask(http, token, query, **variables)
    return len(statements), data


@pytest.mark.parametrize(("owner", "name"), FIELDS, ids=lambda part: str(part))
async def test_a_field_costs_as_many_statements_for_a_hundred_rows_as_for_one(
    http: httpx.AsyncClient, counted: Counted, owner: str, name: str
) -> None:
    few, many = asked(owner, name, 2), asked(owner, name, MANY)

    one, _ = await cost(http, counted.token, few, ids=counted.small[owner][:1])
    hundred, data = await cost(http, counted.token, few, ids=counted.small[owner])
    large, of_large = await cost(http, counted.token, many, ids=[counted.large[owner]])

    assert len([node for node in data["nodes"] if node is not None]) == MANY
    if name != "values":
        assert all(node[name] for node in data["nodes"]), "Give _small() one of these."
        assert of_large["nodes"][0][name]
    assert (hundred, large) == (one, one)


# How each field of Query is called for little and for much.
QUERIES: dict[str, Callable[[Counted], tuple[JSON, JSON]]] = {
    "viewer": lambda _: ({}, {}),
    "rateLimit": lambda _: ({}, {}),
    "node": lambda counted: ({"id": counted.small["CollectionCase"][0]}, {"id": counted.large["CollectionCase"]}),
    "nodes": lambda counted: (
        {"ids": [of_type[0] for of_type in counted.small.values()]},
        {"ids": [one for of_type in counted.small.values() for one in of_type[:6]]},
    ),
    "organization": lambda counted: ({"id": counted.small["Organization"][0]}, {"id": counted.large["Organization"]}),
    "organizations": lambda _: ({"first": 1}, {"first": MANY}),
    "tokens": lambda _: ({"first": 1}, {"first": MANY}),
    "auditTrail": lambda _: ({"first": 1}, {"first": MANY}),
    "previewSms": lambda counted: (
        preview_of(counted.small["Organization"][0]),
        preview_of(counted.large["Organization"]),
    ),
}


def preview_of(organization: str) -> JSON:
    return {"input": {"organizationId": organization, "text": "Dear {{ customer.name }}"}}


def test_every_query_is_counted() -> None:
    assert QUERIES.keys() == OBJECTS["Query"].fields.keys(), "Say in QUERIES how it is called for little and for much."


@pytest.mark.parametrize("field", QUERIES)
async def test_a_query_costs_as_many_statements_for_much_as_for_little(
    http: httpx.AsyncClient, counted: Counted, field: str
) -> None:
    little, much = QUERIES[field](counted)

    one, _ = await cost(http, counted.token, query_of(field, little), **little)
    hundred, data = await cost(http, counted.token, query_of(field, much), **much)

    assert data[field]
    assert "first" not in much or len(data[field]["edges"]) == MANY
    assert hundred == one


def query_of(field: str, given: JSON) -> str:
    shape = OBJECTS["Query"].fields[field]
    declared = ", ".join(f"${name}: {shape.args[name].type}" for name in given)
    called = ", ".join(f"{name}: ${name}" for name in given)
    kind = get_named_type(shape.type)
    chosen = shown(kind, 2) if isinstance(kind, GraphQLObjectType) else "{ __typename id }"
    return f"query {f'({declared})' if declared else ''} {{ {field}{f'({called})' if called else ''} {chosen} }}"


FILTERS = {
    "collectionCases": [
        "{states: [ACTIVE, PAUSED]}",
        '{cycleId: "$cycle"}',
        '{customerReference: "C-1"}',
        "{needsAttention: true}",
    ],
    "reminders": ["{statuses: [SENT, FAILED]}", '{caseId: "$case"}'],
    "inboundTexts": ["{kinds: [OTHER]}", "{isAttached: true}", "{isRead: false}"],
}


@pytest.mark.parametrize(("field", "condition"), [(field, one) for field, each in FILTERS.items() for one in each])
async def test_a_page_with_a_condition_costs_as_many_statements_for_a_hundred_parents_as_for_one(
    http: httpx.AsyncClient, counted: Counted, field: str, condition: str
) -> None:
    given = condition.replace("$cycle", counted.small["CollectionCycle"][0])
    given = given.replace("$case", counted.small["CollectionCase"][0])
    listed = f"{field}(filter: {given}) {{ nodes {{ id }} }}"
    query = f"query ($first: Int) {{ organizations(first: $first) {{ nodes {{ {listed} }} }} }}"

    one, _ = await cost(http, counted.token, query, first=1)
    hundred, data = await cost(http, counted.token, query, first=MANY)

    assert any(node[field]["nodes"] for node in data["organizations"]["nodes"])
    assert hundred == one


@pytest.mark.parametrize("field", ["collectionCases", "reminders"])
async def test_a_total_is_a_statement_only_where_it_is_asked_for(
    http: httpx.AsyncClient, counted: Counted, field: str
) -> None:
    query = f"{{ organizations(first: 100) {{ nodes {{ {field} {{ ... nodes {{ id }} }} }} }} }}"

    without, _ = await cost(http, counted.token, query.replace("...", ""))
    with_totals, data = await cost(http, counted.token, query.replace("...", "totalCount"))

    assert [node[field]["totalCount"] for node in data["organizations"]["nodes"]] == [1] * MANY
    assert with_totals == without + 1


async def test_pages_of_different_sizes_are_asked_for_by_themselves(http: httpx.AsyncClient, counted: Counted) -> None:
    query = """{ organizations(first: 100) { nodes {
      a: collectionCases(first: 1) { nodes { id } }
      same: collectionCases(first: 1) { nodes { id } }
      b: collectionCases(first: 2) { nodes { id } }
    } } }"""

    statements, data = await cost(http, counted.token, query)

    assert len([node for node in data["organizations"]["nodes"] if node["a"] == node["same"] == node["b"]]) == MANY
    assert statements == 4  # who asks, the organizations, and a page of either size


async def test_loaders_live_as_long_as_one_event_of_a_subscription(
    counted: Counted, http: httpx.AsyncClient, api_address: str
) -> None:
    """Each event shows what is true by then, so its statements are its own, although all are about one reminder."""
    query = """subscription ($id: ID!, $after: String) { deliveryStatus(organizationId: $id, after: $after) {
      cursor reminder { status case { number customer { name } } }
    } }"""
    organization = counted.large["Organization"]
    page = await ask(http, counted.token, FIRST_EVENT, id=organization)
    after = page["organization"]["deliveryEvents"]["pageInfo"]["endCursor"]
    events = await tables.DeliveryEvent.filter(organization_id=MANY + 1, sequence__gt=1).count()
    async with acknowledged(api_address, counted.token) as socket, sent_by_the_driver() as statements:
        await socket.subscribe(query, id=organization, after=after)
        for _ in range(events):
            assert (await socket.event())["data"]["deliveryStatus"]["reminder"]["case"]["customer"]["name"]
        await socket.settle()

    assert events >= MANY
    for table in ("reminder", "collection_case", "customer"):
        assert len([statement for statement in statements if f' FROM "{table}" ' in statement.sql]) == events


FIRST_EVENT = "query ($id: ID!) { organization(id: $id) { deliveryEvents(first: 1) { pageInfo { endCursor } } } }"
