"""From a bank's file to the texts, on the embedded run."""

import asyncio
from base64 import b64encode
from pathlib import Path

import httpx

from tests.bank.message import IBAN, Debit, a_bank_file
from tests.client import JSON, acknowledged
from tests.flow.embedded_run import embedded_run
from tests.flow.walk import WATCH, Walker, a_walker

SOON_S = 20
PHONES = {f"Debtor {number}": f"+4477009004{number:02}" for number in range(1, 5)}  # reserved for fiction
ACCOUNTS = """mutation ($input: SetCreditorAccountsInput!) {
  setCreditorAccounts(input: $input) { userErrors { message } } }"""
MANDATES = "mutation ($input: RegisterMandatesInput!) { registerMandates(input: $input) { userErrors { message } } }"
IMPORT = """mutation ($input: ImportBankFileInput!) { importBankFile(input: $input) {
  bankImport { opened updated alreadyKnown notUsed } userErrors { message } } }"""
TEXT = (
    "Dear {{ customer.name }}, {{ amount }}."
    "{% if reaction == 'ASK_FOR_MANDATE' %} Please give us a new account.{% endif %}"
)


async def test_a_banks_file_becomes_cases_and_texts(var: Path) -> None:
    async with embedded_run(var) as run, httpx.AsyncClient(base_url=run.address, timeout=30) as http:
        walker = await a_walker(http, run.token)
        await walker.connect(TEXT)
        await make_known(walker)
        content = a_bank_file(
            "camt.054.001.08",
            [
                Debit("E2E-1", "M-1", "AM04", day="2026-01-15"),
                Debit("E2E-2", "M-2", "AC04", day="2026-01-15"),
                Debit("E2E-3", "M-3", "MD07", day="2026-01-15"),
                Debit("E2E-4", "M-4", "MD06", day="2026-01-15"),
                Debit("E2E-5", "M-5", "AM04", day="2026-01-15"),
            ],
        )

        reports = await imported_twice(walker, run.address, content)

        assert reports == [
            {"opened": 4, "updated": 0, "alreadyKnown": 0, "notUsed": 1},
            {"opened": 0, "updated": 0, "alreadyKnown": 4, "notUsed": 1},
        ]
        texts = {
            name: [one["body"] for one in (await http.get(run.outbox, params={"to": phone})).json()["messages"]]
            for name, phone in PHONES.items()
        }
        assert texts == {
            "Debtor 1": ["Dear Debtor 1, €84.50."],
            "Debtor 2": ["Dear Debtor 2, €84.50. Please give us a new account."],
            "Debtor 3": [],  # has died
            "Debtor 4": [],  # a person decides first
        }


async def make_known(walker: Walker) -> None:
    """Say whose bank files count, and whose the mandates are."""
    await walker.call(ACCOUNTS, input={"organizationId": walker.organization_id, "accounts": [IBAN]})
    mandates = [
        {
            "reference": f"M-{name[-1]}",
            "customer": {"externalReference": name, "name": name, "phone": phone, "language": "en"},
        }
        for name, phone in PHONES.items()
    ]
    await walker.call(MANDATES, input={"organizationId": walker.organization_id, "mandates": mandates})


async def imported_twice(walker: Walker, address: str, content: bytes) -> list[JSON]:
    """Import a file, wait until two texts have arrived, and import it again; return both reports."""
    given = {
        "organizationId": walker.organization_id,
        "cycleId": walker.cycle_id,
        "content": b64encode(content).decode(),
    }
    reports, arrived = [], 0
    async with acknowledged(address, walker.token) as socket, asyncio.timeout(SOON_S):
        await socket.subscribe(WATCH, id=walker.organization_id)
        reports.append((await walker.call(IMPORT, input=given))["importBankFile"]["bankImport"])
        while arrived < 2:
            status = (await socket.receive())["payload"]["data"]["deliveryStatus"]["status"]
            arrived += status == "DELIVERED"
        reports.append((await walker.call(IMPORT, input=given))["importBankFile"]["bankImport"])
    return reports
