"""Bank files by the API: what is taken, what is reported, and what is refused before anything is changed."""

from base64 import b64encode
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.tables import CollectionCase
from dunlin.runtime.bank_import import MAX_UPLOAD
from dunlin.runtime.wiring import Services
from tests.bank.message import FOREIGN_IBAN, IBAN, SAMPLES, Debit, a_bank_file
from tests.build import a_collecting_organization, a_new_case, a_token, everything_stored, open_one
from tests.client import JSON, ask, mutate, problems

CAMT = "camt.054.001.08"
REPORT = """bankImport { id format messageId fileName completedAt opened updated alreadyKnown notUsed cycle { name }
  lines { nodes { number line outcome reason endToEndId amount { amount currency } datedOn case { number } } } }"""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where somebody imports: an organization with a case, and a token for it."""

    http: httpx.AsyncClient
    token: str
    organization: str
    cycle: str

    async def set_accounts(self, *accounts: str) -> JSON:
        given = {"organizationId": self.organization, "accounts": list(accounts)}
        return await mutate(self.http, self.token, "setCreditorAccounts", "organization { creditorAccounts }", given)

    async def bring(self, content: str | bytes, **more: object) -> JSON:
        encoded = content if isinstance(content, str) else b64encode(content).decode()
        given = {"organizationId": self.organization, "cycleId": self.cycle, "content": encoded, **more}
        return await mutate(self.http, self.token, "importBankFile", REPORT, given)


@pytest_asyncio.fixture
async def desk(http: httpx.AsyncClient, services: Services) -> Desk:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle, a_new_case("INV-2026-0001"))
    return Desk(
        http,
        await a_token(services, organization),
        encode_id("Organization", organization.id),
        encode_id("CollectionCycle", cycle.id),
    )


async def test_a_file_leaves_a_report_of_each_of_its_transactions(desk: Desk) -> None:
    await desk.set_accounts(IBAN)

    payload = await desk.bring((SAMPLES / f"{CAMT}.xml").read_bytes(), fileName="monday.xml")

    assert payload["userErrors"] == []
    report = payload["bankImport"]
    assert (report["format"], report["messageId"], report["fileName"], report["cycle"]["name"]) == (
        CAMT, "20260302-BE-0001", "monday.xml", "Invoices"
    )  # fmt: skip
    assert (report["opened"], report["updated"], report["alreadyKnown"], report["notUsed"]) == (0, 1, 0, 3)
    assert report["completedAt"]
    first, second, third, fourth = report["lines"]["nodes"]
    assert first == {
        "number": 1,
        "line": 59,
        "outcome": "UPDATED",
        "reason": None,
        "endToEndId": "INV-2026-0001",
        "amount": {"amount": "84.50", "currency": "EUR"},
        "datedOn": "2026-03-02",
        "case": {"number": "DC-1"},
    }
    assert (second["outcome"], third["case"], fourth["reason"]) == ("NOT_USED", None, "It is no direct debit return.")


async def test_reports_are_read_newest_first_and_their_lines_by_what_became_of_them(desk: Desk) -> None:
    await desk.set_accounts(IBAN)
    content = a_bank_file(CAMT, [Debit("INV-2026-0001"), Debit("E2E-2"), Debit("E2E-3")])
    for _ in range(2):
        await desk.bring(content)

    query = """query ($id: ID!) { organization(id: $id) { bankImports(first: 5) { nodes {
      updated alreadyKnown
      unused: lines(filter: {outcomes: [NOT_USED]}, first: 1) { nodes { number } pageInfo { hasNextPage } }
      used: lines(filter: {outcomes: [UPDATED, ALREADY_KNOWN]}) { nodes { outcome } } } } } }"""
    data = await ask(desk.http, desk.token, query, id=desk.organization)

    unused = {"nodes": [{"number": 2}], "pageInfo": {"hasNextPage": True}}
    assert data["organization"]["bankImports"]["nodes"] == [
        {"updated": 0, "alreadyKnown": 1, "unused": unused, "used": {"nodes": [{"outcome": "ALREADY_KNOWN"}]}},
        {"updated": 1, "alreadyKnown": 0, "unused": unused, "used": {"nodes": [{"outcome": "UPDATED"}]}},
    ]


async def test_the_same_key_imports_once(desk: Desk) -> None:
    await desk.set_accounts(IBAN)
    content = a_bank_file(CAMT, [Debit("INV-2026-0001")])

    first = await desk.bring(content, idempotencyKey="monday")
    second = await desk.bring(content, idempotencyKey="monday")
    other = await desk.bring(a_bank_file(CAMT, []), idempotencyKey="monday")

    assert first["bankImport"] == second["bankImport"]
    assert problems(other) == [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]


GOOD = a_bank_file(CAMT, [Debit("INV-2026-0001")])
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "no base64": ("?", "This is not base64"),
    "nothing": ("", "it is cut off"),
    "no XML": (b"a;b", "not well-formed"),
    "cut off": (GOOD[:-20], "it is cut off"),
    "an entity": (GOOD.replace(b"<Document", b"<!DOCTYPE a [<!ENTITY a 'a'>]><Document"), "DOCTYPE"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "UTF-16"),
    "another creditor": (a_bank_file(CAMT, [Debit()], iban=FOREIGN_IBAN), "no account of this organization's"),
    "too large": (GOOD + b" " * MAX_UPLOAD, "this takes at most 1,000,000"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
async def test_a_file_that_cannot_be_used_is_refused_and_changes_nothing(
    desk: Desk, content: str | bytes, said: str
) -> None:
    await desk.set_accounts(IBAN)
    before = await everything_stored()

    payload = await desk.bring(content, idempotencyKey="monday")

    assert problems(payload) == [("INVALID", "content")]
    assert said in payload["userErrors"][0]["message"]
    assert payload["bankImport"] is None
    assert await everything_stored() == before


async def test_as_much_as_is_promised_fits_a_request(desk: Desk) -> None:
    await desk.set_accounts(IBAN)
    content = GOOD + b" " * (MAX_UPLOAD - len(GOOD))

    payload = await desk.bring(content)

    assert payload["bankImport"]["updated"] == 1


async def test_no_file_is_taken_while_nobody_has_said_whose_accounts_count(desk: Desk) -> None:
    payload = await desk.bring(GOOD)

    assert problems(payload) == [("INVALID", "content")]
    assert "setCreditorAccounts" in payload["userErrors"][0]["message"]
    assert (await CollectionCase.get()).return_reason_code is None


async def test_accounts_are_replaced_whole_and_shown_as_they_are_written(desk: Desk) -> None:
    await desk.set_accounts("be68 5390 0754 7034", "BE68ABC0123456789")
    payload = await desk.set_accounts(FOREIGN_IBAN, "BE68ABC0123456789")

    assert payload["organization"]["creditorAccounts"] == [FOREIGN_IBAN, "BE68ABC0123456789"]


@pytest.mark.parametrize(
    ("accounts", "refused"),
    [
        pytest.param([IBAN, "BE00"], [("INVALID", "accounts.1")], id="no-account"),
        pytest.param([IBAN, IBAN.lower()], [("DUPLICATE", "accounts.1")], id="twice"),
        pytest.param([IBAN] * 101, [("INVALID", "accounts")], id="too-many"),
    ],
)
async def test_what_is_no_account_is_refused_by_its_place(
    desk: Desk, accounts: list[str], refused: list[tuple[str, str]]
) -> None:
    before = await everything_stored()

    assert problems(await desk.set_accounts(*accounts)) == refused
    assert await everything_stored() == before
