"""Page 10,000 of a list costs what page 1 costs, by the rows and blocks that PostgreSQL reads for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from tortoise.transactions import in_transaction

from dunlin.api.ids import decode_any, encode_id
from dunlin.api.pages import Order
from dunlin.domain.store import rows
from dunlin.domain.tables import Customer, Mandate, SmsOptOut
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    PHONE,
    a_collecting_organization,
    a_cycle,
    a_received_text,
    a_token,
    an_account,
    an_import,
    multiplied,
    open_one,
    pay,
)
from tests.client import JSON, ask
from tests.conftest import SandboxCarrier, emptied
from tests.delivery import plan
from tests.statements import sent_for

SIZE = 2
LAST = 10_000
MANY = SIZE * LAST  # entries of each list; 1 in 100 is unlike the others
ORGANIZATION = encode_id("Organization", 1)


@pytest_asyncio.fixture(scope="module")
async def token(opened: Services, sandbox: SandboxCarrier) -> str:
    """A token of two organizations, whose long lists lie between each other."""
    services = await emptied(opened, sandbox)
    account = await an_account()
    for name in ("First", "Second"):
        organization, cycle = await a_collecting_organization(services, account, name=name)
        await a_cycle(organization)
        case = await pay(services, await open_one(services, cycle))
        await an_import(case)
        await Mandate.create(
            organization_id=organization.id,
            reference="M-0",
            folded="m-0",
            customer_id=case.customer_id,
            registered_at=NOW,
        )
        await a_received_text(services, organization)
        await Customer.create(organization_id=organization.id, external_reference="C-2", name="Bo")
        await SmsOptOut.create(
            organization_id=organization.id, phone=PHONE, opted_out_at=NOW, source="SMS", lifted_at=NOW
        )
    await plan(services)
    other_customer = "(SELECT max(c.id) FROM customer c WHERE c.organization_id = t.organization_id)"
    other_cycle = "(SELECT max(c.id) FROM collection_cycle c WHERE c.organization_id = t.organization_id)"
    await multiply(
        "collection_case",
        number="'X-' || n",
        external_reference="'X-' || n",
        state="CASE WHEN n % 100 = 0 THEN 'PAUSED' WHEN n % 100 = 1 THEN 'ACTIVE' ELSE 'CLOSED' END",
        attention_reason="CASE WHEN n % 100 = 0 THEN 'Look.' END",
        customer_id=f"CASE WHEN n % 100 = 0 THEN {other_customer} ELSE t.customer_id END",
        cycle_id=f"CASE WHEN n % 100 = 0 THEN {other_cycle} ELSE t.cycle_id END",
    )
    await multiply(
        "reminder",
        resend_number="n",
        status="CASE n % 100 WHEN 0 THEN 'FAILED' WHEN 1 THEN 'UNDELIVERED' ELSE 'DELIVERED' END",
    )
    await multiply(
        "inbound_text",
        provider_message_id="'SM' || n",
        kind="CASE WHEN n % 100 = 0 THEN 'START' ELSE 'OTHER' END",
        read_at="CASE WHEN n % 100 <> 0 THEN now() END",
        case_id="CASE WHEN n % 100 = 0 THEN NULL ELSE t.case_id END",
    )
    await multiply("delivery_event", sequence="n + 10")
    await multiply("mandate", folded="'m-' || n")
    await multiply("bank_import_line", number="n + 1", outcome="CASE n % 100 WHEN 0 THEN 'NOT_USED' ELSE 'OPENED' END")
    await multiply("bank_import")
    await multiply("payment", reference="'BANK-' || n")
    await multiply("collection_cycle", name="'Cycle ' || n")
    await multiply("sms_opt_out")
    await multiply("audit_entry", action="CASE WHEN n % 100 = 0 THEN 'STEP_EDITED' ELSE t.action END")
    await multiply("organization", name="'Other ' || n")
    token = await a_token(services, account)
    await multiply("token", digest="md5(n::text) || md5(t.id::text)")
    await rows("VACUUM ANALYZE")
    return token


async def multiply(table: str, **changed: str) -> None:
    await multiplied(table, MANY, **changed)


@dataclass(frozen=True, slots=True)
class Long:
    """A list, as a field of an object by its id or of Query, and which rows it has, in SQL."""

    field: str
    rows: str
    order: Order
    own: str | None = ORGANIZATION
    condition: str = ""

    def document(self, size: str, at: str | None) -> str:
        """Return a query of a page that begins or ends at a cursor."""
        side = {"first": "after", "last": "before"}[size]
        cursor = f', {side}: "{at}"' if at else ""
        page = f"{self.field}({size}: {SIZE}{cursor}{self.condition}) {{ edges {{ cursor }} }}"
        if self.own is None:
            return f"{{ {page} }}"
        kind = decode_any(self.own)
        assert kind is not None
        return f'{{ node(id: "{self.own}") {{ ... on {kind[0]} {{ {page} }} }} }}'


def cases(condition: str = "", rows: str = "true") -> Long:
    return Long("collectionCases", f"collection_case WHERE organization_id = 1 AND {rows}", CASES, condition=condition)


def reminders(condition: str = "", rows: str = "true") -> Long:
    return Long("reminders", f"reminder WHERE organization_id = 1 AND {rows}", REMINDERS, condition=condition)


def texts(condition: str = "", rows: str = "true") -> Long:
    return Long("inboundTexts", f"inbound_text WHERE organization_id = 1 AND {rows}", TEXTS, condition=condition)


CASES, REMINDERS, TEXTS = (Order(name, newest_first=True, parent=1) for name in ("cases", "reminders", "inbound-texts"))
CASE, CUSTOMER, CYCLE = (encode_id(name, 1) for name in ("CollectionCase", "Customer", "CollectionCycle"))
BANK_IMPORT, LINES = encode_id("BankImport", 1), Order("bank-import-lines", parent=1)
RARE_CYCLE = encode_id("CollectionCycle", 2)
LISTS = {
    "cases": cases(),
    "cases in one state": cases(", filter: {states: [PAUSED]}", "state = 'PAUSED'"),
    "open cases": cases(", filter: {states: [ACTIVE, PAUSED]}", "state <> 'CLOSED'"),
    "closed cases": cases(", filter: {states: [CLOSED]}", "state = 'CLOSED'"),
    "cases of a cycle": cases(f', filter: {{cycleId: "{RARE_CYCLE}"}}', "cycle_id = 2"),
    "cases of a customer": cases(', filter: {customerReference: "C-2"}', "customer_id = 2"),
    "cases that need attention": cases(", filter: {needsAttention: true}", "attention_reason IS NOT NULL"),
    "cases that need none": cases(", filter: {needsAttention: false}", "attention_reason IS NULL"),
    "reminders": reminders(),
    "reminders that failed": reminders(
        ", filter: {statuses: [FAILED, UNDELIVERED]}", "status IN ('FAILED', 'UNDELIVERED')"
    ),
    "reminders that arrived": reminders(", filter: {statuses: [DELIVERED]}", "status = 'DELIVERED'"),
    "reminders of a case, in a condition": reminders(f', filter: {{caseId: "{CASE}"}}', "case_id = 1"),
    "reminders of a case": Long("reminders", "reminder WHERE case_id = 1", REMINDERS, CASE),
    "texts": texts(),
    "texts that nobody has read": texts(", filter: {isRead: false}", "read_at IS NULL"),
    "texts of one kind": texts(", filter: {kinds: [START]}", "kind = 'START'"),
    "texts of a case": Long("inboundTexts", "inbound_text WHERE case_id = 1", TEXTS, CASE),
    "delivery events": Long(
        "deliveryEvents", "delivery_event WHERE organization_id = 1", Order("event", "sequence", parent=1)
    ),
    "payments": Long("payments", "payment WHERE case_id = 1", Order("payments", parent=1), CASE),
    "refusals": Long(
        "smsOptOuts",
        "sms_opt_out WHERE organization_id = 1",
        Order("sms-opt-outs", newest_first=True, parent=1),
        CUSTOMER,
    ),
    "mandates": Long("mandates", "mandate WHERE customer_id = 1", Order("mandates", parent=1), CUSTOMER),
    "bank imports": Long(
        "bankImports", "bank_import WHERE organization_id = 1", Order("bank-imports", newest_first=True, parent=1)
    ),
    "lines of a bank import": Long("lines", "bank_import_line WHERE bank_import_id = 1", LINES, BANK_IMPORT),
    "lines of a bank import that were not used": Long(
        "lines",
        "bank_import_line WHERE bank_import_id = 1 AND outcome = 'NOT_USED'",
        LINES,
        BANK_IMPORT,
        ", filter: {outcomes: [NOT_USED]}",
    ),
    "cycles": Long("collectionCycles", "collection_cycle WHERE organization_id = 1", Order("cycles", parent=1)),
    "organizations": Long("organizations", "organization", Order("organizations"), None),
    "tokens": Long("tokens", "token", Order("tokens"), None),
    "audit trail": Long("auditTrail", "audit_entry", Order("audit", newest_first=True, parent=1), None),
    "audit trail of one kind": Long(
        "auditTrail",
        "audit_entry WHERE action = 'STEP_EDITED'",
        Order("audit", newest_first=True, parent=1),
        None,
        ", filter: {actions: [STEP_EDITED]}",
    ),
    "audit trail of an organization": Long(
        "auditTrail",
        "audit_entry WHERE organization_id = 1",
        Order("audit", newest_first=True, parent=1),
        None,
        f', filter: {{organizationId: "{ORGANIZATION}"}}',
    ),
}


@pytest.mark.parametrize("plan_mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("size", ["first", "last"])
@pytest.mark.parametrize("name", LISTS)
async def test_the_last_page_is_read_like_the_first(
    token: str, api_address: str, name: str, size: str, plan_mode: str
) -> None:
    listed = LISTS[name]
    async with httpx.AsyncClient(base_url=api_address, timeout=30) as http:
        near = await work_of(http, token, listed.document(size, None), plan_mode)
        far = await work_of(http, token, listed.document(size, await far_cursor(listed, size)), plan_mode)

    assert far.rows <= near.rows + SIZE, far
    assert far.blocks <= near.blocks + 12, far
    assert near.rows <= 30, near


async def far_cursor(listed: Long, size: str) -> str:
    """Return the cursor before the last full page of a list, seen from its beginning or, for `last`, from its end."""
    column = listed.order.column
    ascending = listed.order.newest_first != (size == "first")
    there, back = ("DESC", "ASC") if ascending else ("ASC", "DESC")
    entries = f"SELECT {column} AS key FROM {listed.rows} ORDER BY {column}"
    found = await rows(f"{entries} {there} LIMIT 1 OFFSET {SIZE}")
    assert (await rows(f"SELECT count(*) AS n FROM ({entries} {back}) entry"))[0]["n"] >= MANY // 100
    return listed.order.cursor(found[0]["key"])


@dataclass(frozen=True, slots=True)
class Work:
    rows: int
    blocks: int
    plans: str


async def work_of(http: httpx.AsyncClient, token: str, document: str, plan_mode: str) -> Work:
    """Return what PostgreSQL reads for an operation, by plans made for its values or for any."""
    async with sent_for(http) as sent:
        data = await ask(http, token, document)
    assert json.dumps(data).count('"cursor"') == SIZE, data
    async with in_transaction() as connection:
        await connection.execute_query(f"SET LOCAL plan_cache_mode = {plan_mode}")
        plans = []
        for place, one in enumerate(each for each in sent if each.sql.startswith("SELECT")):
            await connection.execute_query(f"PREPARE asked_{plan_mode}_{place} AS {one.sql}")
            given = f"({', '.join(map(literal, one.values))})" if one.values else ""
            explained = await connection.execute_query_dict(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked_{plan_mode}_{place}{given}"
            )
            await connection.execute_query(f"DEALLOCATE asked_{plan_mode}_{place}")
            plans.append(json.loads(explained[0]["QUERY PLAN"])[0]["Plan"])
    blocks = sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)
    return Work(sum(sum(rows_read(plan)) for plan in plans), blocks, json.dumps(plans, indent=1))


def rows_read(plan: JSON) -> Iterator[int]:
    """Yield how many rows each scan of a table or an index has looked at."""
    if "Relation Name" in plan or plan["Node Type"] == "Bitmap Index Scan":
        removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        yield int((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    for below in plan.get("Plans", ()):
        yield from rows_read(below)


def literal(value: object) -> str:
    match value:
        case list():
            return "'{" + ", ".join(str(one) for one in value) + "}'"
        case int():
            return str(value)
        case _:
            return f"'{value}'"
