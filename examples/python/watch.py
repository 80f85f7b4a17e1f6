"""Open some cases and follow their reminders to the end, whatever happens to the connection or to this program.

    python examples/python/watch.py --journal var/events.jsonl

What was seen stands in the journal, a line of JSON for each event. The last line's cursor is where the next start goes
on: it was written together with the event, so that nothing is missed and nothing is written twice.
"""

import argparse
import asyncio
import json
import sys
import uuid
from contextlib import aclosing
from pathlib import Path

from dunlin_client import JSON, Dunlin, DunlinError, TokenFile

ORGANIZATIONS = """
query ($after: String) {
  organizations(first: 2, after: $after) {
    nodes { id name collectionCycles(first: 1) { nodes { id } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
OPEN_CASES = """
mutation ($input: OpenCollectionCasesInput!) {
  openCollectionCases(input: $input) { cases { id number } userErrors { code message path } }
}
"""
RECORD_PAYMENT = """
mutation ($input: RecordPaymentInput!) {
  recordPayment(input: $input) { case { amountDue { amount } } userErrors { code message path } }
}
"""
ENDS = {"DELIVERED", "UNDELIVERED", "FAILED", "CANCELED"}


class Journal:
    """What has been seen, in a file that only grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        whole = path.read_bytes() if path.exists() else b""
        kept = whole[: whole.rfind(b"\n") + 1]  # a line that was being written when the program ended never happened
        if kept != whole:
            path.write_bytes(kept)
        self.events: list[JSON] = [json.loads(line) for line in kept.splitlines()]

    def add(self, event: JSON) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(event).encode() + b"\n")
        self.events.append(event)

    @property
    def cursor(self) -> str | None:
        """Where the next start goes on."""
        return self.events[-1]["cursor"] if self.events else None

    @property
    def ended(self) -> int:
        return sum(event.get("status") in ENDS for event in self.events)


async def the_organization(dunlin: Dunlin, name: str | None) -> JSON:
    async for organization in dunlin.pages(ORGANIZATIONS, ["organizations"]):
        if name in (None, organization["name"]):
            return organization
    raise SystemExit(f"There is no organization {name}.")


async def open_cases(dunlin: Dunlin, organization: JSON, count: int) -> None:
    """Open cases that are due at once, and record that a cent of each has been paid."""
    batch = uuid.uuid4().hex[:8]
    cases = [
        {
            "externalReference": f"{batch}-{place}",
            "customer": {"externalReference": f"{batch}-{place}", "name": "Ada Reyes", "phone": "+447700900123"},
            "amountDue": {"amount": "84.50", "currency": "EUR"},
            "dueOn": "2026-01-15",
        }
        for place in range(count)
    ]
    cycle = organization["collectionCycles"]["nodes"][0]
    given = {"organizationId": organization["id"], "cycleId": cycle["id"], "cases": cases}
    for case in (await dunlin.change(OPEN_CASES, given))["cases"]:
        payment = {
            "caseId": case["id"],
            "amount": {"amount": "0.01", "currency": "EUR"},
            "reference": f"{batch} {case['number']}",
            "idempotencyKey": f"{batch}-{case['number']}",  # asked again, it is still one payment
        }
        await dunlin.change(RECORD_PAYMENT, payment)


async def run(options: argparse.Namespace) -> None:
    journal = Journal(options.journal)
    async with Dunlin(options.url, TokenFile(options.token)) as dunlin:
        organization = await the_organization(dunlin, options.organization)
        after = journal.cursor
        if after is None:  # the first start: where we begin, before anything happens that has to be seen
            after = await dunlin.delivery_cursor(organization["id"])
            journal.add({"cursor": after})
            await open_cases(dunlin, organization, options.open)
        async with aclosing(dunlin.watch(organization["id"], after)) as events:
            while journal.ended < options.until:
                event = await anext(events)
                journal.add(event)
                print(event["cursor"], event["status"], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000/graphql")
    parser.add_argument("--token", type=Path, default=Path("var/dev-token"), help="the file with the token")
    parser.add_argument("--organization", help="its name; the first one if not given")
    parser.add_argument("--open", type=int, default=3, help="how many cases to open")
    parser.add_argument("--until", type=int, default=3, help="stop when so many reminders have ended")
    parser.add_argument("--journal", type=Path, default=Path("var/events.jsonl"))
    try:
        asyncio.run(run(parser.parse_args()))
    except DunlinError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
