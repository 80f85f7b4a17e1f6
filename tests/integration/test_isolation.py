"""What belongs to another organization stays unseen and unchanged, by whatever way the schema offers.

The ways are read from the schema itself: who adds a field, a type or an id to it adds a row here.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import pytest
import pytest_asyncio
from tortoise.models import Model

from dunlin.api.ids import encode_id
from dunlin.api.types.reminder import event_cursor
from dunlin.domain import tables
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    PHONE,
    a_collecting_organization,
    a_new_case,
    a_received_text,
    a_token,
    an_account,
    an_import,
    everything_stored,
    open_one,
    pay,
)
from tests.client import JSON, acknowledged, error_codes, graphql, problems
from tests.conftest import SandboxCarrier, emptied
from tests.delivery import send
from tests.ground import Ground, a_ground
from tests.integration.test_api_refusals import GOOD
from tests.introspection import (
    OBJECTS,
    ROOTS,
    cursor_arguments,
    document_of,
    id_arguments,
    node_types,
    root_fields,
    selection,
)
from tests.trace import LETTER, TRACES, mark_everything


@dataclass(frozen=True, slots=True)
class Try:
    """How a field is called with an id of the other organization, and what it answers.

    "$theirs Reminder" stands for the id of a reminder of the other organization, "$ours Reminder" for one's own.
    """

    answer: str
    given: JSON


def changed(mutation: str, **ids: object) -> JSON:
    return {"input": GOOD[mutation] | ids}


# Every type with a global id: where its rows lie. Each is asked for by Query.node and Query.nodes.
NODES: dict[str, type[Model]] = {
    "ApiToken": tables.Token,
    "AuditEntry": tables.AuditEntry,
    "BankImport": tables.BankImport,
    "CaseStep": tables.CaseStep,
    "CollectionCase": tables.CollectionCase,
    "CollectionCycle": tables.CollectionCycle,
    "CollectionStep": tables.CollectionStep,
    "Customer": tables.Customer,
    "DeliveryStatusEvent": tables.DeliveryEvent,
    "InboundText": tables.InboundText,
    "Integration": tables.Integration,
    "Mandate": tables.Mandate,
    "Organization": tables.Organization,
    "Payment": tables.Payment,
    "Reminder": tables.Reminder,
}

# Every field of a root that takes no id, with other arguments that it is called with.
pytestmark = pytest.mark.usefixtures("unlimited")

WITHOUT_IDS: dict[str, JSON] = {
    "Query.viewer": {},
    "Query.organizations": {"first": 100},
    "Query.tokens": {"first": 100},
    "Query.rateLimit": {},
    "Mutation.createOrganization": {"input": GOOD["createOrganization"]},
}

# Every place in the schema where a client puts an id.
TRIES: dict[str, Try] = {
    "Query.node.id": Try("null", {"id": "$theirs Reminder"}),
    "Query.nodes.ids": Try("null", {"ids": [f"$theirs {name}" for name in NODES]}),
    "Query.organization.id": Try("NOT_FOUND", {"id": "$theirs Organization"}),
    "Query.previewSms.input.organizationId": Try(
        "NOT_FOUND", {"input": {"organizationId": "$theirs Organization", "text": "Please pay."}}
    ),
    "Query.previewSms.input.caseId": Try(
        "NOT_FOUND",
        {
            "input": {
                "organizationId": "$ours Organization",
                "text": "{{ customer.name }}",
                "caseId": "$theirs CollectionCase",
            }
        },
    ),
    "Organization.collectionCases.filter.cycleId": Try(
        "an empty page", {"filter": {"cycleId": "$theirs CollectionCycle"}}
    ),
    "Organization.reminders.filter.caseId": Try("an empty page", {"filter": {"caseId": "$theirs CollectionCase"}}),
    "Mutation.connectIntegration.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("connectIntegration", organizationId="$theirs Organization")
    ),
    "Mutation.disconnectIntegration.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("disconnectIntegration", organizationId="$theirs Organization")
    ),
    "Mutation.editStep.input.stepId": Try("NOT_FOUND stepId", changed("editStep", stepId="$theirs CollectionStep")),
    "Mutation.openCollectionCases.input.organizationId": Try(
        "NOT_FOUND organizationId",
        changed("openCollectionCases", organizationId="$theirs Organization", cycleId="$theirs CollectionCycle"),
    ),
    "Mutation.openCollectionCases.input.cycleId": Try(
        "NOT_FOUND cycleId",
        changed("openCollectionCases", organizationId="$ours Organization", cycleId="$theirs CollectionCycle"),
    ),
    "Mutation.registerMandates.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("registerMandates", organizationId="$theirs Organization")
    ),
    "Mutation.setCreditorAccounts.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("setCreditorAccounts", organizationId="$theirs Organization")
    ),
    "Mutation.importBankFile.input.organizationId": Try(
        "NOT_FOUND organizationId",
        changed("importBankFile", organizationId="$theirs Organization", cycleId="$theirs CollectionCycle"),
    ),
    "Mutation.importBankFile.input.cycleId": Try(
        "NOT_FOUND cycleId",
        changed("importBankFile", organizationId="$ours Organization", cycleId="$theirs CollectionCycle"),
    ),
    "Mutation.updateSendingPolicy.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("updateSendingPolicy", organizationId="$theirs Organization")
    ),
    "Mutation.createCollectionCycle.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("createCollectionCycle", organizationId="$theirs Organization")
    ),
    "Mutation.addStep.input.cycleId": Try("NOT_FOUND cycleId", changed("addStep", cycleId="$theirs CollectionCycle")),
    "Mutation.removeStep.input.stepId": Try("NOT_FOUND stepId", changed("removeStep", stepId="$theirs CollectionStep")),
    "Mutation.editCaseStep.input.caseStepId": Try(
        "NOT_FOUND caseStepId", changed("editCaseStep", caseStepId="$theirs CaseStep")
    ),
    "Mutation.createToken.input.organizationIds": Try(
        "NOT_FOUND organizationIds.1",
        changed("createToken", organizationIds=["$ours Organization", "$theirs Organization"]),
    ),
    "Mutation.setReturnReason.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("setReturnReason", organizationId="$theirs Organization")
    ),
    "Mutation.setSpendingLimit.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("setSpendingLimit", organizationId="$theirs Organization")
    ),
    "Mutation.renameOrganization.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("renameOrganization", organizationId="$theirs Organization")
    ),
    "Mutation.closeOrganization.input.organizationId": Try(
        "NOT_FOUND organizationId", changed("closeOrganization", organizationId="$theirs Organization")
    ),
    "Query.auditTrail.filter.organizationId": Try(
        "an empty page", {"filter": {"organizationId": "$theirs Organization"}}
    ),
    "Mutation.cancelReminder.input.reminderId": Try(
        "NOT_FOUND reminderId", changed("cancelReminder", reminderId="$theirs Reminder")
    ),
    "Mutation.confirmReminderSent.input.reminderId": Try(
        "NOT_FOUND reminderId", changed("confirmReminderSent", reminderId="$theirs Reminder")
    ),
    "Mutation.resendReminder.input.reminderId": Try(
        "NOT_FOUND reminderId", changed("resendReminder", reminderId="$theirs Reminder")
    ),
    "Mutation.recordPayment.input.caseId": Try(
        "NOT_FOUND caseId", changed("recordPayment", caseId="$theirs CollectionCase")
    ),
    "Mutation.pauseCase.input.caseId": Try("NOT_FOUND caseId", changed("pauseCase", caseId="$theirs CollectionCase")),
    "Mutation.resumeCase.input.caseId": Try("NOT_FOUND caseId", changed("resumeCase", caseId="$theirs CollectionCase")),
    "Mutation.closeCase.input.caseId": Try("NOT_FOUND caseId", changed("closeCase", caseId="$theirs CollectionCase")),
    "Mutation.optOutCustomer.input.customerId": Try(
        "NOT_FOUND customerId", changed("optOutCustomer", customerId="$theirs Customer")
    ),
    "Mutation.optInCustomer.input.customerId": Try(
        "NOT_FOUND customerId", changed("optInCustomer", customerId="$theirs Customer")
    ),
    "Mutation.markInboundTextRead.input.inboundTextId": Try(
        "NOT_FOUND inboundTextId", changed("markInboundTextRead", inboundTextId="$theirs InboundText")
    ),
    "Mutation.changeCustomerPhone.input.customerId": Try(
        "NOT_FOUND customerId", changed("changeCustomerPhone", customerId="$theirs Customer")
    ),
    "Mutation.changeCustomerEmail.input.customerId": Try(
        "NOT_FOUND customerId", changed("changeCustomerEmail", customerId="$theirs Customer")
    ),
    "Mutation.revokeToken.input.tokenId": Try("NOT_FOUND tokenId", changed("revokeToken", tokenId="$theirs ApiToken")),
    "Subscription.deliveryStatus.organizationId": Try("NOT_FOUND", {"organizationId": "$theirs Organization"}),
    "Subscription.deliveryStatus.caseId": Try(
        "NOT_FOUND", {"organizationId": "$ours Organization", "caseId": "$theirs CollectionCase"}
    ),
    "Subscription.deliveryStatus.reminderId": Try(
        "NOT_FOUND", {"organizationId": "$ours Organization", "reminderId": "$theirs Reminder"}
    ),
}


@dataclass(frozen=True, slots=True)
class Sides:
    """Ids by type, and a token for either side."""

    token: str
    their_token: str
    ours: dict[str, str]
    theirs: dict[str, str]

    def swapped(self) -> "Sides":
        return Sides(self.their_token, self.token, self.theirs, self.ours)

    def filled(self, given: object) -> object:
        """Return `given` with ids in the place of their names."""
        if isinstance(given, dict):
            return {key: self.filled(value) for key, value in given.items()}
        if isinstance(given, list):
            return [self.filled(value) for value in given]
        if isinstance(given, str) and given.startswith(("$theirs ", "$ours ")):
            side, name = given.split(" ")
            return (self.theirs if side == "$theirs" else self.ours)[name]
        return given

    def traces_in(self, body: JSON) -> list[str]:
        """Return what an answer says of the other organization."""
        text = json.dumps(body, ensure_ascii=False)
        return [trace for trace in (*TRACES, *(f'"{one}"' for one in self.theirs.values())) if trace in text]


@pytest_asyncio.fixture(
    scope="module", params=["another account's", "the same account's, by a token of one organization"]
)
async def ground(
    request: pytest.FixtureRequest, opened: Services, sandbox: SandboxCarrier
) -> AsyncIterator[Ground[Sides]]:
    services = await emptied(opened, sandbox)
    async with a_ground(lambda: build(services, is_same=request.param != "another account's")) as ground:
        yield ground


@pytest_asyncio.fixture
async def sides(services: Services, ground: Ground[Sides]) -> Sides:
    return await ground.lay()


async def build(services: Services, *, is_same: bool) -> Sides:
    account = await an_account(LETTER)
    theirs = await with_everything(services, account, "Theirs")
    ours = await with_everything(services, account if is_same else await an_account(), "Ours")
    await a_token(services, account, only=theirs.id)
    await send(services)
    await mark_everything(theirs)
    token = await a_token(services, ours, only=ours.id if is_same else None)
    their_token = await a_token(services, theirs, only=theirs.id)
    return Sides(token, their_token, await ids_of(ours), await ids_of(theirs))


async def with_everything(services: Services, account: tables.Account, name: str) -> tables.Organization:
    """An organization for which a row of every kind comes about when reminders are sent."""
    organization, cycle = await a_collecting_organization(services, account, name=name)
    await a_token(services, organization, only=organization.id)
    case = a_new_case(f"{name} 1", return_reason_code="AM04")
    customer = replace(case.customer, email="ada@example.com", mandate_references=("MANDATE-1",))
    opened = await open_one(services, cycle, replace(case, customer=customer))
    await pay(services, opened)
    await an_import(opened)
    await a_received_text(services, organization)
    await tables.SmsOptOut.create(
        organization_id=organization.id, phone=PHONE, opted_out_at=NOW, source="SMS", lifted_at=NOW
    )
    return organization


async def ids_of(organization: tables.Organization) -> dict[str, str]:
    """Return the id of one object of every type."""
    token = await tables.Token.filter(organization_ids__contains=[organization.id]).first()
    assert token is not None, "with_everything() makes a token"
    found = {"Organization": organization.id, "ApiToken": token.id}
    for name, table in NODES.items():
        if name not in found:
            row = await table.filter(organization_id=organization.id).first()
            assert row is not None, f"Let with_everything() make a {name}."
            found[name] = row.pk
    return {name: encode_id(name, number) for name, number in found.items()}


async def called(
    http: httpx.AsyncClient, api_address: str, sides: Sides, owner: str, field: str, given: JSON, depth: int = 2
) -> JSON:
    """Return the body of the answer; of a subscription, its first message."""
    document = document_of(owner, field, given, depth)
    variables: JSON = {name: sides.filled(value) for name, value in given.items()}
    if owner == "Subscription":
        async with acknowledged(api_address, sides.token) as socket:
            await socket.subscribe(document, **variables)
            return await socket.event()
    own = {} if owner in ROOTS else {"own": sides.ours[owner]}
    return await graphql(http, sides.token, document, **own, **variables)


def answer_in(body: JSON, owner: str, field: str) -> str:
    if codes := error_codes(body):
        return " ".join(codes)
    answer = body["data"][field] if owner in ROOTS else body["data"]["node"][field]
    if answer is None or (isinstance(answer, list) and set(map(type, answer)) == {type(None)}):
        return "null"
    if answer.get("userErrors"):
        return " ".join(f"{code} {path}" for code, path in problems(answer))
    return "an empty page" if answer.get("edges") == [] else "an object"


def test_every_field_of_a_root_is_tried() -> None:
    tried = WITHOUT_IDS.keys() | {".".join(place.split(".")[:2]) for place in id_arguments()}

    missing, gone = root_fields() - tried, WITHOUT_IDS.keys() - root_fields()

    assert not missing, f"Add a row to WITHOUT_IDS that says how to call: {', '.join(sorted(missing))}."
    assert not gone, f"Remove from WITHOUT_IDS what the schema no longer has: {', '.join(sorted(gone))}."


def test_every_id_that_a_client_gives_is_tried() -> None:
    missing, gone = id_arguments() - TRIES.keys(), TRIES.keys() - id_arguments()

    assert not missing, f"Add a row to TRIES that gives another organization's id as: {', '.join(sorted(missing))}."
    assert not gone, f"Remove from TRIES what the schema no longer has: {', '.join(sorted(gone))}."


def test_every_type_with_a_global_id_is_tried() -> None:
    missing, gone = node_types() - NODES.keys(), NODES.keys() - node_types()

    assert not missing, f"Add a row to NODES that names the table of: {', '.join(sorted(missing))}."
    assert not gone, f"Remove from NODES what the schema no longer has: {', '.join(sorted(gone))}."


@pytest.mark.parametrize("place", TRIES)
async def test_an_id_of_another_organization_finds_nothing_and_changes_nothing(
    http: httpx.AsyncClient, api_address: str, sides: Sides, place: str
) -> None:
    owner, field, *_ = place.split(".")
    before = await everything_stored()

    body = await called(http, api_address, sides, owner, field, TRIES[place].given)

    assert answer_in(body, owner, field) == TRIES[place].answer
    assert sides.traces_in(body) == []
    assert await everything_stored() == before


@pytest.mark.parametrize("name", NODES)
async def test_no_type_of_object_is_found_by_its_id_from_another_organization(
    http: httpx.AsyncClient, sides: Sides, name: str
) -> None:
    shown = selection(OBJECTS[name], 2)
    query = f"query ($id: ID!) {{ node(id: $id) {{ ... on {name} {shown} }} nodes(ids: [$id]) {{ id }} }}"

    body = await graphql(http, sides.token, query, id=sides.theirs[name])

    assert body == {"data": {"node": None, "nodes": [None]}}


@pytest.mark.parametrize("place", cursor_arguments())
async def test_a_cursor_of_another_organization_shows_nothing_of_it_and_changes_nothing(
    http: httpx.AsyncClient, api_address: str, sides: Sides, place: str
) -> None:
    owner, field, argument = place.split(".")
    listed = ("Organization", "deliveryEvents") if owner == "Subscription" else (owner, field)
    page = await called(http, api_address, sides.swapped(), *listed, {"first": 1})
    found = page["data"] if owner == "Query" else page["data"]["node"]
    cursor = found[listed[1]]["edges"][0]["cursor"]
    before = await everything_stored()

    given = {"organizationId": "$ours Organization"} if owner == "Subscription" else {}
    body = await called(http, api_address, sides, owner, field, given | {argument: cursor})

    assert set(error_codes(body)) <= {"BAD_USER_INPUT"}
    assert sides.traces_in(body) == []
    assert await everything_stored() == before


@pytest.mark.parametrize("place", WITHOUT_IDS)
async def test_what_takes_no_id_shows_nothing_of_another_organization(
    http: httpx.AsyncClient, api_address: str, sides: Sides, place: str
) -> None:
    owner, field = place.split(".")

    body = await called(http, api_address, sides, owner, field, WITHOUT_IDS[place], depth=4)

    # Who is of one organization creates none.
    assert answer_in(body, owner, field) in ("an object", "WRONG_STATE ")
    assert sides.traces_in(body) == []


@pytest.mark.parametrize("name", NODES)
async def test_no_way_leads_from_ones_own_objects_to_those_of_another_organization(
    http: httpx.AsyncClient, sides: Sides, name: str
) -> None:
    query = f"query ($id: ID!) {{ node(id: $id) {{ ... on {name} {selection(OBJECTS[name], 4)} }} }}"

    body = await graphql(http, sides.token, query, id=sides.ours[name])

    assert "errors" not in body, body["errors"]
    assert body["data"]["node"]["id"] == sides.ours[name]
    assert sides.traces_in(body) == []


async def test_the_traces_are_seen_by_whoever_may_see_the_organization(http: httpx.AsyncClient, sides: Sides) -> None:
    query = f"query ($id: ID!) {{ node(id: $id) {{ ... on Organization {selection(OBJECTS['Organization'], 4)} }} }}"

    body = await graphql(http, sides.their_token, query, id=sides.theirs["Organization"])

    assert set(TRACES) < set(sides.traces_in(body))
    # Tokens and the audit trail hang on the account: no way leads to them from an organization.
    assert all(f'"{name}"' in json.dumps(body) for name in NODES if name not in ("ApiToken", "AuditEntry"))


async def test_a_subscriber_to_ones_own_events_sees_nothing_of_another_organization(
    api_address: str, sides: Sides
) -> None:
    ours = await tables.Organization.get(name="Ours")
    given = {"organizationId": sides.ours["Organization"], "after": event_cursor(ours.id, 0)}
    async with acknowledged(api_address, sides.token) as socket:
        await socket.subscribe(document_of("Subscription", "deliveryStatus", given, 4), **given)

        events = [await socket.event() for _ in ("SCHEDULED", "SENDING", "SENT")]
        await socket.settle()

    assert [event["data"]["deliveryStatus"]["status"] for event in events] == ["SCHEDULED", "SENDING", "SENT"]
    assert [sides.traces_in(event) for event in events] == [[], [], []]
