"""The steps of the main job, as a client takes them."""

from dataclasses import dataclass

import httpx

from tests.client import JSON, graphql

ORGANIZATIONS = """
query { organizations(first: 10) { nodes {
  id name availableCommunicationMethods
  integrations { kind status }
  collectionCycles(first: 5) { nodes { id steps { id communicationMethod } } }
} } }
"""
CONNECT = """
mutation ($id: ID!) { connectIntegration(input: { organizationId: $id, kind: SMS }) {
  integration { status provider sender } userErrors { code message }
} }
"""
EDIT_STEP = """
mutation ($id: ID!, $text: String!) {
  editStep(input: { stepId: $id, communicationMethod: SMS, smsTexts: [{ language: "en", text: $text }] }) {
    step { communicationMethod } userErrors { code message }
} }
"""
OPEN = """
mutation ($input: OpenCollectionCasesInput!) { openCollectionCases(input: $input) {
  cases { id number } userErrors { code message path }
} }
"""
WATCH = """
subscription ($id: ID!, $after: String) { deliveryStatus(organizationId: $id, after: $after) {
  status cursor reminder { id to text }
} }
"""
PRICES = """
query ($id: ID!) { organization(id: $id) { country integration(kind: SMS) { pricing {
  prices { country pricePerSegment { amount currency } }
} } } }
"""
DISCONNECT = """
mutation ($id: ID!) { disconnectIntegration(input: { organizationId: $id, kind: SMS, confirmed: true }) {
  integration { status } impact { steps cases reminders } userErrors { code message }
} }
"""
CLOSE_WINDOW = """
mutation ($id: ID!, $start: String!, $end: String!, $day: Weekday!) {
  updateSendingPolicy(input: { organizationId: $id, windowStart: $start, windowEnd: $end, days: [$day] }) {
    userErrors { code message }
} }
"""
REMINDERS = """
query ($id: ID!) { organization(id: $id) { reminders(first: 100) { nodes { status statusReason text to } } } }
"""


@dataclass(frozen=True, slots=True)
class Walker:
    """One client with one token, in one organization."""

    http: httpx.AsyncClient
    token: str
    organization_id: str
    cycle_id: str
    step_id: str

    async def call(self, query: str, **variables: object) -> JSON:
        """Return the data of an operation that must succeed."""
        body = await graphql(self.http, self.token, query, **variables)
        assert "errors" not in body, body
        data: JSON = body["data"]
        for payload in data.values():
            assert not (payload or {}).get("userErrors"), payload
        return data

    async def connect(self, text: str = "Dear {{ customer.name }}, {{ amount }} is due.") -> None:
        """Connect SMS and choose it on the first step."""
        await self.call(CONNECT, id=self.organization_id)
        await self.call(EDIT_STEP, id=self.step_id, text=text)

    async def open_cases(self, *references: str, phone: str = "+447700900123") -> None:
        """Open cases that are due at once."""
        cases = [
            {
                "externalReference": reference,
                "customer": {"externalReference": reference, "name": reference, "phone": phone, "language": "en"},
                "amountDue": {"amount": "84.50", "currency": "EUR"},
                "dueOn": "2026-01-15",
            }
            for reference in references
        ]
        given = {"organizationId": self.organization_id, "cycleId": self.cycle_id, "cases": cases}
        await self.call(OPEN, input=given)

    async def reminders(self) -> list[JSON]:
        data = await self.call(REMINDERS, id=self.organization_id)
        nodes: list[JSON] = data["organization"]["reminders"]["nodes"]
        return nodes


async def a_walker(http: httpx.AsyncClient, token: str, place: int = 0) -> Walker:
    """Return a client in the organization at `place` of those that the token sees."""
    body = await graphql(http, token, ORGANIZATIONS)
    organization = body["data"]["organizations"]["nodes"][place]
    cycle = organization["collectionCycles"]["nodes"][0]
    return Walker(http, token, organization["id"], cycle["id"], cycle["steps"][0]["id"])
