"""Points bound what is executed: however a document is written, it shows little more than it has paid for."""

import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_new_case, a_token, open_one
from tests.client import JSON
from tests.delivery import plan
from tests.documents import Writing, selections
from tests.integration.test_api_cost import an_api, post
from tests.integration.test_api_random_documents import made_up, shown

PER_POINT = 10  # a field that is no object is a tenth of a point
ROOT = 10


@pytest_asyncio.fixture
async def asked(services: Services) -> tuple[str, str]:
    """Return a token, and the id of its organization, which has some cases and reminders."""
    organization, cycle = await a_collecting_organization(services)
    for number in range(3):
        await open_one(services, cycle, a_new_case(f"INV-{number}"))
    await plan(services)
    return await a_token(services, organization), encode_id("Organization", organization.id)


DEFAULTS = (
    "query ($ids: [ID!]! = [%s], $n: Int = 100) { ...F } fragment F on Query { nodes(ids: $ids) { ...G } }"
    " fragment G on Organization { collectionCases(first: $n) { nodes { id number customer { id name } } } }"
)


@pytest.mark.usefixtures("unlimited")
async def test_nothing_is_executed_that_is_not_paid_for(services: Services, asked: tuple[str, str]) -> None:
    token, organization = asked
    documents: list[tuple[str, JSON]] = [(DEFAULTS % ", ".join([f'"{organization}"'] * 100), {})]
    for selection in made_up(selections()):
        for fragments in (False, True):
            writing = Writing(fragments, id=organization)
            documents.append((writing.document(selection), writing.variables))

    works = []
    async with an_api(services, 0) as http:
        for text, variables in documents:
            body = (await post(http, token, text, **variables)).json()
            work, points = shown(body.get("data")), body["extensions"]["cost"]["requested"]
            assert work <= PER_POINT * points + ROOT, (text, variables)
            works.append(work)

    assert works[0] > 100 * 3 * 6
    assert sum(work > 100 for work in works) > 20
