"""The page that the rows `page` and `deep page` ask for: 50 reminders with their cases and customers."""

import json
from collections.abc import Mapping

from bench.cases import Organization
from bench.load import ask_once, graphql_request, request
from bench.processes import Server
from dunlin.api.ids import encode_id

PAGE_SIZE = 50
PAGE = """query Page($id: ID!, $after: String) { organization(id: $id) { reminders(first: 50, after: $after) {
  nodes {
    id status scheduledFor to text
    case { id number state dueOn amountDue { amount currency } customer { id name phone } }
  }
  pageInfo { hasNextPage endCursor }
} } }"""


def page_request(server: Server, organization: Organization, after: str | None = None) -> bytes:
    variables = {"id": encode_id("Organization", organization.id), "after": after}
    return graphql_request(server.address, organization.token, PAGE, variables)


def bare_page_request(server: Server, organization: Organization, offset: int = 0) -> bytes:
    return request(server.address, "GET", f"/page/{organization.id}?offset={offset}", {})


async def page_of(server: Server, asked: bytes) -> Mapping[str, object]:
    """Return the page that the answer to a request holds."""
    answer = json.loads((await ask_once(server.address, asked)).body)
    assert "errors" not in answer, answer["errors"]
    page: Mapping[str, object] = answer["data"]["organization"]["reminders"]
    return page
