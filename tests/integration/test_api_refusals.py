"""What every mutation refuses: a missing permission, an id that is not the viewer's, and texts with NUL."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy

import httpx
import pytest
import pytest_asyncio
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.utils.str_converters import to_camel_case

from dunlin.api.ids import encode_id
from dunlin.api.schema import schema
from dunlin.domain.choices import CaseState, Permission
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables import (
    Account,
    CaseStep,
    CollectionCase,
    CollectionStep,
    CreditorAccount,
    Customer,
    InboundText,
    Reminder,
    Token,
)
from dunlin.runtime.wiring import Services
from tests.bank.message import FOREIGN_IBAN, IBAN, Debit, a_bank_file
from tests.build import (
    ALL_PERMISSIONS,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_received_text,
    a_token,
    an_account,
    an_organization,
    everything_stored,
    open_one,
)
from tests.client import JSON, error_codes, graphql, mutate, problems
from tests.conftest import SANDBOX_ACCOUNT, SandboxCarrier, emptied
from tests.delivery import plan
from tests.ground import Ground, a_ground
from tests.introspection import id_arguments

# What every mutation does gladly. $names stand for the ids of `Ids`.
GOOD: dict[str, JSON] = {
    "connectIntegration": {
        "organizationId": "$bare",
        "kind": "SMS",
        "twilio": {
            "accountSid": SANDBOX_ACCOUNT.sid,
            "authToken": SANDBOX_ACCOUNT.auth_token,
            "sender": {"phoneNumber": SANDBOX_ACCOUNT.phone_numbers[0]},
        },
        "idempotencyKey": "connect 1",
    },
    "disconnectIntegration": {
        "organizationId": "$organization",
        "kind": "SMS",
        "confirmed": True,
        "idempotencyKey": "x",
    },
    "editStep": {
        "stepId": "$step",
        "name": "First text",
        "smsTexts": [{"language": "en", "text": "Please pay."}],
        "idempotencyKey": "edit 1",
    },
    "openCollectionCases": {
        "organizationId": "$organization",
        "cycleId": "$cycle",
        "idempotencyKey": "open 1",
        "cases": [
            {
                "externalReference": "INV-1",
                "origin": "DIRECT_DEBIT_RETURN",
                "returnReasonCode": "AM04",
                "customer": {
                    "externalReference": "C-1",
                    "name": "Ada",
                    "language": "en",
                    "phone": "+447700900001",
                    "email": "ada@example.com",
                    "timeZone": "Europe/London",
                    "mandateReferences": ["MANDATE-1"],
                },
                "amountDue": {"amount": "84.50", "currency": "EUR"},
                "dueOn": "2026-01-15",
                "paymentLink": "https://pay.example.com/INV-1",
                "endToEndId": "E2E-1",
            }
        ],
    },
    "registerMandates": {
        "organizationId": "$organization",
        "mandates": [
            {
                "reference": "MANDATE-2",
                "customer": {
                    "externalReference": "C-2",
                    "name": "Bea",
                    "language": "en",
                    "phone": "+447700900002",
                    "email": "bea@example.com",
                    "timeZone": "Europe/London",
                    "mandateReferences": ["MANDATE-3"],
                },
            }
        ],
        "idempotencyKey": "mandates 1",
    },
    "setCreditorAccounts": {"organizationId": "$organization", "accounts": [FOREIGN_IBAN]},
    "importBankFile": {
        "organizationId": "$organization",
        "cycleId": "$cycle",
        "content": b64encode(a_bank_file("camt.054.001.08", [Debit()])).decode(),
        "fileName": "debits.xml",
        "idempotencyKey": "import 1",
    },
    "updateSendingPolicy": {
        "organizationId": "$organization",
        "windowStart": "09:00",
        "windowEnd": "17:00",
        "days": ["MONDAY"],
        "skipHolidays": True,
        "minimumGapHours": 48,
        "maximumPerWeek": 2,
    },
    "createCollectionCycle": {
        "organizationId": "$organization",
        "name": "Direct debits",
        "idempotencyKey": "create 1",
        "steps": [
            {"name": "Wait", "triggerDays": 3},
            {
                "name": "Ask",
                "triggerDays": 7,
                "communicationMethod": "SMS",
                "smsTexts": [{"language": "en", "text": "Please pay."}],
            },
        ],
    },
    "addStep": {
        "cycleId": "$cycle",
        "position": 1,
        "idempotencyKey": "add 1",
        "step": {"name": "Before", "triggerDays": 1, "smsTexts": [{"language": "nl", "text": "Graag betalen."}]},
    },
    "removeStep": {"stepId": "$step"},
    "editCaseStep": {"caseStepId": "$caseStep", "communicationMethod": "NONE", "idempotencyKey": "edit 2"},
    "recordPayment": {
        "caseId": "$case",
        "amount": {"amount": "10.50", "currency": "EUR"},
        "paidAt": "2026-01-15T12:00:00+01:00",
        "reference": "BANK-1",
        "idempotencyKey": "payment 1",
    },
    "cancelReminder": {"reminderId": "$reminder"},
    "confirmReminderSent": {"reminderId": "$unconfirmed reminder"},
    "resendReminder": {"reminderId": "$failed reminder", "idempotencyKey": "resend 1"},
    "pauseCase": {"caseId": "$case", "reason": "Promised to pay", "until": "2090-01-15"},
    "resumeCase": {"caseId": "$paused case", "idempotencyKey": "resume 1"},
    "closeCase": {"caseId": "$case", "reason": "Written off"},
    "optOutCustomer": {"customerId": "$customer", "source": "PHONE_CALL", "proof": "Called on Tuesday"},
    "optInCustomer": {
        "customerId": "$silent customer",
        "source": "EMAIL",
        "proof": "Wrote on Friday",
        "idempotencyKey": "in 1",
    },
    "markInboundTextRead": {"inboundTextId": "$inboundText"},
    "changeCustomerPhone": {"customerId": "$customer", "phone": "+447700900005", "idempotencyKey": "phone 1"},
    "changeCustomerEmail": {"customerId": "$customer", "email": "ada@example.com", "idempotencyKey": "email 1"},
    "createToken": {
        "organizationIds": ["$organization"],
        "name": "Bookkeeping",
        "permissions": ["READ"],
    },
    "revokeToken": {"tokenId": "$own token"},
    "setReturnReason": {"organizationId": "$organization", "code": "AM04", "reaction": "PERSON_FIRST"},
    "setSpendingLimit": {
        "organizationId": "$organization",
        "limit": {"amount": "50.00", "currency": "USD"},
        "idempotencyKey": "limit 1",
    },
    "createOrganization": {
        "name": "Gasworks",
        "country": "NL",
        "timeZone": "Europe/Amsterdam",
        "defaultLanguage": "nl",
    },
    "renameOrganization": {"organizationId": "$organization", "name": "Water and Gas"},
    "closeOrganization": {"organizationId": "$organization", "confirmed": True},
}
NEEDS = (
    dict.fromkeys(GOOD, Permission.CONFIGURE)
    | dict.fromkeys(
        (
            *("openCollectionCases", "editCaseStep", "recordPayment", "pauseCase", "resumeCase", "closeCase"),
            *(
                "cancelReminder",
                "resendReminder",
                "confirmReminderSent",
                "changeCustomerPhone",
                "changeCustomerEmail",
                "optOutCustomer",
                "optInCustomer",
            ),
            *("markInboundTextRead", "registerMandates", "importBankFile"),
        ),
        Permission.COLLECT,
    )
    | dict.fromkeys(("createToken", "revokeToken"), Permission.ADMIN)
    | dict.fromkeys(("createOrganization", "renameOrganization", "closeOrganization"), Permission.ADMIN)
)
Ids = dict[str, str]


@pytest_asyncio.fixture(scope="module")
async def ground(opened: Services, sandbox: SandboxCarrier) -> AsyncIterator[Ground[Ids]]:
    services = await emptied(opened, sandbox)
    async with a_ground(lambda: build(services)) as ground:
        yield ground


@pytest_asyncio.fixture
async def ids(services: Services, ground: Ground[Ids]) -> Ids:
    """An organization with SMS, a bare one beside it, and one of another account."""
    return await ground.lay()


async def build(services: Services) -> Ids:
    account = await an_account()
    organization, cycle = await a_collecting_organization(services, account)
    await CreditorAccount.create(organization_id=organization.id, account=IBAN, key=IBAN)
    bare = await an_organization(account, name="Bare")
    beside = await a_cycle(bare)
    await Customer.create(
        organization_id=organization.id, external_reference="C-9", name="Silent", phone="+447700900009"
    )
    await a_received_text(services, organization, "STOP", sender="+447700900009")
    foreign, foreign_cycle = await a_collecting_organization(services, await an_account("Other"), name="Foreign")
    foreign_case = await open_one(services, foreign_cycle)
    for reference in ("INV-S", "INV-F", "INV-U"):
        await open_one(services, cycle, a_new_case(reference, customer=reference))
    await plan(services)
    scheduled, failed, unconfirmed, foreign_reminder = await Reminder.all().order_by("case__organization_id", "id")
    await Reminder.filter(id=failed.id).update(status=ReminderStatus.FAILED)
    await Reminder.filter(id=unconfirmed.id).update(status=ReminderStatus.UNCONFIRMED)
    case = await open_one(services, cycle, a_new_case("INV-0", customer="C-0"))
    paused = await open_one(services, beside, a_new_case())
    await CollectionCase.filter(id=paused.id).update(state=CaseState.PAUSED)
    token = await a_token(services, account)
    await a_received_text(services, foreign)
    await a_token(services, foreign)
    return {
        "$token": token,
        "$account": str(account.id),
        "$organization": encode_id("Organization", organization.id),
        "$bare": encode_id("Organization", bare.id),
        "$cycle": encode_id("CollectionCycle", cycle.id),
        "$cycle beside": encode_id("CollectionCycle", beside.id),
        "$step": encode_id("CollectionStep", (await CollectionStep.get(cycle_id=cycle.id)).id),
        "$caseStep": encode_id("CaseStep", (await CaseStep.get(case_id=case.id)).id),
        "$foreign caseStep": encode_id("CaseStep", (await CaseStep.get(organization_id=foreign.id)).id),
        "$unknown caseStep": encode_id("CaseStep", 999_999),
        "$reminder": encode_id("Reminder", scheduled.id),
        "$failed reminder": encode_id("Reminder", failed.id),
        "$unconfirmed reminder": encode_id("Reminder", unconfirmed.id),
        "$foreign reminder": encode_id("Reminder", foreign_reminder.id),
        "$unknown reminder": encode_id("Reminder", 999_999),
        "$case": encode_id("CollectionCase", case.id),
        "$paused case": encode_id("CollectionCase", paused.id),
        "$foreign case": encode_id("CollectionCase", foreign_case.id),
        "$unknown case": encode_id("CollectionCase", 999_999),
        "$foreign organization": encode_id("Organization", foreign.id),
        "$foreign cycle": encode_id("CollectionCycle", foreign_cycle.id),
        "$foreign step": encode_id("CollectionStep", (await CollectionStep.get(cycle_id=foreign_cycle.id)).id),
        "$customer": encode_id("Customer", (await Customer.get(external_reference="C-0")).id),
        "$silent customer": encode_id("Customer", (await Customer.get(external_reference="C-9")).id),
        "$inboundText": encode_id("InboundText", (await InboundText.get(organization_id=organization.id)).id),
        "$foreign inboundText": encode_id("InboundText", (await InboundText.get(organization_id=foreign.id)).id),
        "$unknown inboundText": encode_id("InboundText", 999_999),
        "$foreign customer": encode_id("Customer", (await Customer.get(organization_id=foreign.id)).id),
        "$unknown customer": encode_id("Customer", 999_999),
        "$own token": encode_id("ApiToken", (await Token.get(account_id=account.id)).id),
        "$foreign token": encode_id("ApiToken", (await Token.get(account_id=foreign.account_id)).id),
        "$unknown token": encode_id("ApiToken", 999_999),
        "$unknown organization": encode_id("Organization", 999_999),
        "$unknown cycle": encode_id("CollectionCycle", 999_999),
        "$unknown step": encode_id("CollectionStep", 999_999),
    }


def filled(mutation: str, ids: Ids, **changed: object) -> JSON:
    def fill(value: object) -> object:
        if isinstance(value, list):
            return [fill(one) for one in value]
        return ids.get(value, value) if isinstance(value, str) else value

    return {field: fill(value) for field, value in {**GOOD[mutation], **changed}.items()}


def document_of(mutation: str) -> str:
    input_type = f"{mutation[0].upper()}{mutation[1:]}Input"
    return f"mutation ($input: {input_type}!) {{ {mutation}(input: $input) {{ userErrors {{ code }} }} }}"


def test_no_mutation_is_left_out_here() -> None:
    mutations = schema.get_type_by_name("Mutation")
    assert isinstance(mutations, StrawberryObjectDefinition)
    assert set(GOOD) == {to_camel_case(field.python_name) for field in mutations.fields}


@pytest.mark.parametrize("mutation", GOOD)
async def test_the_inputs_that_these_tests_spoil_are_good(http: httpx.AsyncClient, ids: Ids, mutation: str) -> None:
    before = await everything_stored()

    payload = await mutate(http, ids["$token"], mutation, "", filled(mutation, ids))

    assert problems(payload) == []
    assert await everything_stored() != before


@pytest.mark.parametrize("mutation", GOOD)
async def test_a_token_without_the_permission_changes_nothing(
    http: httpx.AsyncClient, services: Services, ids: Ids, mutation: str
) -> None:
    account = await Account.get(id=int(ids["$account"]))
    token = await a_token(services, account, ALL_PERMISSIONS - {NEEDS[mutation]})
    before = await everything_stored()

    body = await graphql(http, token, document_of(mutation), input=filled(mutation, ids))

    assert error_codes(body) == ["FORBIDDEN"]
    assert body["data"] is None
    assert await everything_stored() == before


# Every place where a mutation is given an id, as Mutation.createToken.input.organizationIds.
ID_FIELDS = [
    (mutation, field, field.removesuffix("s").removesuffix("Id"))
    for root, mutation, _, field in (place.split(".") for place in sorted(id_arguments()) if "Mutation." in place)
]


@pytest.mark.parametrize(("mutation", "field", "kind"), ID_FIELDS)
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        pytest.param("$unknown {kind}", "NOT_FOUND", id="unknown"),
        pytest.param("$foreign {kind}", "NOT_FOUND", id="another-account's"),
        pytest.param("nonsense", "INVALID", id="malformed"),
        pytest.param("", "INVALID", id="empty"),
        pytest.param("1", "INVALID", id="number"),
        pytest.param("é", "INVALID", id="beyond-ascii"),
        pytest.param(encode_id("DeliveryStatusEvent", 1), "INVALID", id="of-another-type"),
        pytest.param(encode_id("Organization", 2**63), "INVALID", id="too-large"),
    ],
)
async def test_an_id_that_is_not_the_viewers_is_refused_and_nothing_changes(
    http: httpx.AsyncClient, ids: Ids, mutation: str, field: str, kind: str, wrong: str, code: str
) -> None:
    before = await everything_stored()

    is_list = field.endswith("s")
    given = [wrong.format(kind=kind)] if is_list else wrong.format(kind=kind)
    payload = await mutate(http, ids["$token"], mutation, "", filled(mutation, ids, **{field: given}))

    assert problems(payload) == [(code, f"{field}.0" if is_list else field)]
    assert await everything_stored() == before


async def test_a_cycle_of_another_organization_of_the_account_is_refused(http: httpx.AsyncClient, ids: Ids) -> None:
    given = filled("openCollectionCases", ids, cycleId="$cycle beside")

    payload = await mutate(http, ids["$token"], "openCollectionCases", "cases { id }", given)

    assert problems(payload) == [("NOT_FOUND", "cycleId")]
    assert payload["cases"] is None


def texts_in(value: object, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from texts_in(part, *path, key)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from texts_in(part, *path, place)
    elif isinstance(value, str):
        yield path


@pytest.mark.parametrize(
    ("mutation", "path"),
    [
        pytest.param(mutation, path, id=".".join(map(str, (mutation, *path))))
        for mutation, given in GOOD.items()
        for path in texts_in(given)
    ],
)
async def test_a_text_with_nul_is_refused_wherever_it_stands(
    http: httpx.AsyncClient, ids: Ids, mutation: str, path: tuple[str | int, ...]
) -> None:
    given = deepcopy(filled(mutation, ids))
    part = given
    for key in path[:-1]:
        part = part[key]  # type: ignore[index]
    part[path[-1]] += "\0"  # type: ignore[index]
    before = await everything_stored()

    body = await graphql(http, ids["$token"], document_of(mutation), input=given)

    assert error_codes(body) == ["BAD_USER_INPUT"] or body["data"][mutation]["userErrors"]
    assert await everything_stored() == before


@pytest.mark.parametrize(
    "field",
    [
        "node(id: $text) { id }",
        "nodes(ids: [$text]) { id }",
        "organization(id: $text) { id }",
        "organizations(after: $text) { nodes { id } }",
        "organizations(before: $text) { nodes { id } }",
        "organizations { nodes { collectionCycles(after: $text) { nodes { id } } } }",
        "organizations { nodes { collectionCases(after: $text) { nodes { id } } } }",
        "organizations(first: 1) { nodes { collectionCases(filter: {customerReference: $text}) { totalCount } } }",
        "organizations { nodes { collectionCases(filter: {cycleId: $text}) { nodes { id } } } }",
        "organizations { nodes { reminders(filter: {caseId: $text}) { nodes { id } } } }",
        "organizations { nodes { reminders(before: $text) { nodes { id } } } }",
        "organizations { nodes { deliveryEvents(after: $text) { nodes { id } } } }",
    ],
)
async def test_a_query_for_a_text_with_nul_finds_nothing_and_breaks_nothing(
    http: httpx.AsyncClient, ids: Ids, field: str
) -> None:
    kind = "String" if "after" in field or "before" in field or "Reference" in field else "ID"

    body = await graphql(http, ids["$token"], f"query ($text: {kind}!) {{ {field} }}", text="a\0")

    assert set(error_codes(body)) <= {"BAD_USER_INPUT"}
    assert "asyncpg" not in json.dumps(body)
