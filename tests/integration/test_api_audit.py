"""The audit trail: who did what, when and from where, what before and after, for ADMIN only and without secrets."""

import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.tables import AuditEntry, Organization
from dunlin.runtime.wiring import Services
from tests.bank.message import FOREIGN_IBAN, IBAN
from tests.build import ALL_PERMISSIONS, NOW, a_collecting_organization, a_token, an_account, an_organization
from tests.client import JSON, ask, error_codes, graphql, mutate, problems
from tests.conftest import SANDBOX_ACCOUNT
from tests.flow.test_api_process import an_api_process, answer_of
from tests.integration.test_api_refusals import GOOD, Ids, filled
from tests.integration.test_api_refusals import ground as ground  # the fixtures
from tests.integration.test_api_refusals import ids as ids

TRAIL = """query ($filter: AuditFilter, $first: Int, $after: String) {
  auditTrail(filter: $filter, first: $first, after: $after) {
    nodes { id occurredAt action subjectId organization { name } actor { id kind name address }
            changes { field before after } }
    pageInfo { endCursor hasNextPage } } }"""

# What every mutation leaves in the trail, with a change that shows it.
LEAVES: dict[str, tuple[AuditAction, JSON]] = {
    "connectIntegration": (
        AuditAction.INTEGRATION_CONNECTED,
        {"field": "sender", "before": None, "after": SANDBOX_ACCOUNT.phone_numbers[0]},
    ),
    "disconnectIntegration": (
        AuditAction.INTEGRATION_DISCONNECTED,
        {"field": "stepsReset", "before": None, "after": "1"},
    ),
    "editStep": (AuditAction.STEP_EDITED, {"field": "name", "before": "Step 1", "after": "First text"}),
    "openCollectionCases": (AuditAction.CASES_OPENED, {"field": "cases", "before": None, "after": "1"}),
    "registerMandates": (AuditAction.MANDATES_REGISTERED, {"field": "mandates", "before": None, "after": "2"}),
    "setCreditorAccounts": (
        AuditAction.CREDITOR_ACCOUNTS_SET,
        {"field": "creditorAccounts", "before": IBAN, "after": FOREIGN_IBAN},
    ),
    "importBankFile": (AuditAction.BANK_FILE_IMPORTED, {"field": "notUsed", "before": None, "after": "1"}),
    "updateSendingPolicy": (
        AuditAction.SENDING_POLICY_UPDATED,
        {"field": "windowStart", "before": "00:00", "after": "09:00"},
    ),
    "createCollectionCycle": (AuditAction.CYCLE_CREATED, {"field": "steps", "before": None, "after": "Wait, Ask"}),
    "addStep": (
        AuditAction.STEP_ADDED,
        {"field": "smsTexts.nl", "before": None, "after": "Graag betalen."},
    ),
    "removeStep": (AuditAction.STEP_REMOVED, {"field": "triggerDays", "before": "7", "after": None}),
    "editCaseStep": (
        AuditAction.CASE_STEP_EDITED,
        {"field": "communicationMethod", "before": "SMS", "after": "NONE"},
    ),
    "recordPayment": (AuditAction.PAYMENT_RECORDED, {"field": "amountDue", "before": "84.5000", "after": "74.0000"}),
    "cancelReminder": (
        AuditAction.REMINDER_CANCELED,
        {"field": "status", "before": "SCHEDULED", "after": "CANCELED"},
    ),
    "confirmReminderSent": (
        AuditAction.REMINDER_CONFIRMED_SENT,
        {"field": "status", "before": "UNCONFIRMED", "after": "SENT"},
    ),
    "resendReminder": (
        AuditAction.REMINDER_RESENT,
        {"field": "formerStatus", "before": None, "after": "FAILED"},
    ),
    "pauseCase": (AuditAction.CASE_PAUSED, {"field": "pausedUntil", "before": None, "after": "2090-01-15"}),
    "resumeCase": (AuditAction.CASE_RESUMED, {"field": "state", "before": "PAUSED", "after": "ACTIVE"}),
    "closeCase": (AuditAction.CASE_CLOSED, {"field": "closedNote", "before": None, "after": "Written off"}),
    "setReturnReason": (
        AuditAction.RETURN_REASON_SET,
        {"field": "AM04", "before": None, "after": "PERSON_FIRST"},
    ),
    "setSpendingLimit": (
        AuditAction.SPENDING_LIMIT_SET,
        {"field": "spendingLimit", "before": None, "after": "50.00 USD"},
    ),
    "optOutCustomer": (AuditAction.CUSTOMER_OPTED_OUT, {"field": "source", "before": None, "after": "PHONE_CALL"}),
    "optInCustomer": (AuditAction.CUSTOMER_OPTED_IN, {"field": "smsOptedOutAt", "before": NOW.isoformat()}),
    "markInboundTextRead": (AuditAction.INBOUND_TEXT_READ, {"field": "readAt", "before": None}),
    "changeCustomerPhone": (
        AuditAction.CUSTOMER_PHONE_CHANGED,
        {"field": "phone", "before": "+44 *** ** 01", "after": "+44 *** ** 05"},
    ),
    "changeCustomerEmail": (
        AuditAction.CUSTOMER_EMAIL_CHANGED,
        {"field": "email", "after": "a***@example.com"},
    ),
    "createToken": (AuditAction.TOKEN_CREATED, {"field": "permissions", "before": None, "after": "READ"}),
    "revokeToken": (AuditAction.TOKEN_REVOKED, {"field": "revokedAt"}),
    "createOrganization": (
        AuditAction.ORGANIZATION_CREATED,
        {"field": "timeZone", "before": None, "after": "Europe/Amsterdam"},
    ),
    "renameOrganization": (
        AuditAction.ORGANIZATION_RENAMED,
        {"field": "name", "before": "Waterworks", "after": "Water and Gas"},
    ),
    "closeOrganization": (AuditAction.ORGANIZATION_CLOSED, {"field": "casesClosed", "before": None, "after": "3"}),
}


@pytest_asyncio.fixture
async def reader(services: Services, ids: Ids) -> str:
    """A token that stays in force whatever is done to the one that acts."""
    organization = await Organization.get(name="Waterworks")
    return await a_token(services, organization)


async def trail(http: httpx.AsyncClient, token: str, **variables: object) -> list[JSON]:
    nodes: list[JSON] = (await ask(http, token, TRAIL, **variables))["auditTrail"]["nodes"]
    return nodes


def test_every_mutation_is_tried_here() -> None:
    assert LEAVES.keys() == GOOD.keys(), "Say in LEAVES what the mutation leaves in the audit trail."


@pytest.mark.parametrize("mutation", LEAVES)
async def test_every_mutation_tells_who_did_what_and_from_where(
    http: httpx.AsyncClient, ids: Ids, reader: str, mutation: str
) -> None:
    known = {node["id"] for node in await trail(http, reader)}
    viewer = (await ask(http, ids["$token"], "{ viewer { id } }"))["viewer"]

    assert problems(await mutate(http, ids["$token"], mutation, "", filled(mutation, ids))) == []

    action, change = LEAVES[mutation]
    told = [node for node in await trail(http, reader) if node["id"] not in known and node["action"] == action]
    assert len(told) == 1
    assert told[0]["actor"] == {"id": viewer["id"], "kind": "TOKEN", "name": "Tester", "address": "127.0.0.1"}
    assert abs(datetime.fromisoformat(told[0]["occurredAt"]) - datetime.now(UTC)) < timedelta(minutes=1)
    shown = [{name: told[name] for name in change} for told in told[0]["changes"]]
    assert change in shown


@pytest.mark.parametrize("mutation", LEAVES)
async def test_what_is_refused_is_told_nobody(http: httpx.AsyncClient, ids: Ids, mutation: str) -> None:
    before = await AuditEntry.all().count()
    given = filled(mutation, ids)
    spoilt = {
        name: "x" if name.endswith("Id") else ["x"] if name.endswith("Ids") else value for name, value in given.items()
    }
    if spoilt == given:
        spoilt = {**given, "name": " "}

    assert problems(await mutate(http, ids["$token"], mutation, "", spoilt)) != []

    assert await AuditEntry.all().count() == before


async def test_no_secret_stands_in_the_trail(http: httpx.AsyncClient, ids: Ids, reader: str) -> None:
    await mutate(http, ids["$token"], "connectIntegration", "", filled("connectIntegration", ids))
    made = await mutate(http, ids["$token"], "createToken", "secret", filled("createToken", ids))

    told = json.dumps(await AuditEntry.all().values(), default=str)

    assert SANDBOX_ACCOUNT.sid in told
    assert SANDBOX_ACCOUNT.auth_token not in told
    assert made["secret"][12:] not in told


async def test_the_trail_is_filtered_and_paged_newest_first(http: httpx.AsyncClient, ids: Ids, reader: str) -> None:
    for name in ("One", "Two", "Three"):
        await mutate(http, ids["$token"], "editStep", "", {"stepId": ids["$step"], "name": name})
    chosen = {"organizationId": ids["$organization"], "actions": ["STEP_EDITED"]}

    first = (await ask(http, reader, TRAIL, filter=chosen, first=2))["auditTrail"]
    second = (await ask(http, reader, TRAIL, filter=chosen, first=2, after=first["pageInfo"]["endCursor"]))[
        "auditTrail"
    ]

    names = [[node["changes"][0]["after"] for node in page["nodes"]] for page in (first, second)]
    assert names == [["Three", "Two"], ["One"]]
    assert first["nodes"][0]["subjectId"] == ids["$step"]
    assert await trail(http, reader, filter={"organizationId": ids["$bare"], "actions": ["STEP_EDITED"]}) == []


@pytest.mark.parametrize("lacking", [Permission.ADMIN, Permission.READ])
async def test_reading_the_trail_needs_both_admin_and_read(
    http: httpx.AsyncClient, services: Services, lacking: Permission
) -> None:
    organization, _ = await a_collecting_organization(services)
    token = await a_token(services, organization, ALL_PERMISSIONS - {lacking})
    entry = encode_id("AuditEntry", (await AuditEntry.all())[0].id)

    assert error_codes(await graphql(http, token, TRAIL)) == ["FORBIDDEN"]
    body = await graphql(http, token, "query ($id: ID!) { node(id: $id) { id } }", id=entry)
    assert error_codes(body) == ["FORBIDDEN"] if lacking is Permission.READ else body == {"data": {"node": None}}


async def test_an_admin_of_one_organization_reads_what_concerns_it_only(
    http: httpx.AsyncClient, services: Services
) -> None:
    account = await an_account()
    ours, _ = await a_collecting_organization(services, account, name="Ours")
    await a_collecting_organization(services, account, name="Theirs")
    whole, limited = await a_token(services, account), await a_token(services, account, only=ours.id)
    await mutate(http, whole, "createToken", "", {"name": "Of the account", "permissions": ["READ"]})

    told = await trail(http, limited)

    assert [node["organization"] for node in told] == [{"name": "Ours"}]
    assert [node["organization"] for node in await trail(http, whole)] == [None, {"name": "Theirs"}, {"name": "Ours"}]


async def test_a_trusted_proxy_says_where_a_request_comes_from(http: httpx.AsyncClient, services: Services) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)
    given = {"organizationId": encode_id("Organization", organization.id), "name": "Another"}
    http.headers["X-Forwarded-For"] = "203.0.113.7"

    await mutate(http, token, "renameOrganization", "", given)

    assert (await AuditEntry.get()).address == "203.0.113.7"


async def test_a_proxy_that_is_not_trusted_cannot_say_where_a_request_comes_from(services: Services) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)
    given = {"organizationId": encode_id("Organization", organization.id), "name": "Another"}
    settings = {
        "DATABASE_URL": str(services.settings.database_url),
        "REDIS_URL": str(services.settings.redis_url),
        "SECRET_KEYS": base64.b64encode(services.settings.secret_keys[0]).decode(),
        "TRUSTED_PROXIES": "192.0.2.0/24",
    }
    async with an_api_process(**settings) as address, httpx.AsyncClient(base_url=address, timeout=10) as http:
        await answer_of(http)
        http.headers["X-Forwarded-For"] = "203.0.113.7"

        assert problems(await mutate(http, token, "renameOrganization", "", given)) == []

    assert (await AuditEntry.get()).address == "127.0.0.1"
