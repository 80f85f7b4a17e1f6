"""How many statements a query costs: as many for thirty rows as for one."""

import httpx
import pytest

from dunlin.api.ids import encode_id
from dunlin.domain.tables import Reminder
from dunlin.runtime.wiring import Services
from tests.build import (
    NONE,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_token,
    an_account,
    an_organization,
    connect_sms,
    open_one,
)
from tests.client import JSON, ask
from tests.delivery import plan
from tests.statements import is_noting, statements

CASES = """{ organizations(first: 1) { nodes { collectionCases(first: 40) { totalCount nodes {
  number
  organization { name }
  customer { name phone }
  cycle { name steps { name smsTexts { language text } } }
  steps { name dueAt reminder { status events { status reminder { status } } } }
} } } } }"""
REMINDERS = """{ organizations(first: 1) { nodes { reminders(first: 100) { totalCount nodes {
  status
  organization { name }
  case { number customer { name } }
  events { status }
} } } } }"""
EVENTS = """{ organizations(first: 1) { nodes { deliveryEvents(first: 100) { nodes {
  status
  reminder { status case { number customer { name } } }
} } } } }"""
NODES = """query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Reminder { status case { customer { name } } } } }"""
STEPS = """{ organizations(first: 1) { nodes { collectionCycles(first: 1) { nodes { steps {
  smsCosts { language usual { segments cost { amount } } worst { segments cost { amount } } reasons }
} } } } } }"""
ORGANIZATIONS = """{ organizations(first: 100) { nodes {
  name
  deliveryCursor
  availableCommunicationMethods
  integrations { status provider sender organization { name } }
} } }"""


async def cost(http: httpx.AsyncClient, token: str, query: str, **variables: object) -> tuple[int, JSON]:
    with statements(lambda statement: not is_noting(statement)) as run:
        data = await ask(http, token, query, **variables)
    return len(run), data


@pytest.mark.parametrize(
    ("query", "most"),
    [
        pytest.param(CASES, 13, id="cases"),
        pytest.param(REMINDERS, 8, id="reminders"),
        pytest.param(EVENTS, 6, id="events"),
    ],
)
async def test_thirty_rows_cost_as_many_statements_as_one(
    http: httpx.AsyncClient, services: Services, query: str, most: int
) -> None:
    organization, cycle = await a_collecting_organization(services)
    token = await a_token(services, organization)
    await open_one(services, cycle, a_new_case("INV-0", customer="C-0"))
    await plan(services)
    one, _ = await cost(http, token, query)

    for number in range(1, 30):
        other = await a_cycle(organization)
        await open_one(services, other, a_new_case(f"INV-{number}", customer=f"C-{number}"))
    await plan(services)
    thirty, data = await cost(http, token, query)

    assert len(next(iter(data["organizations"]["nodes"][0].values()))["nodes"]) == 30
    assert thirty == one <= most


async def test_thirty_objects_by_id_cost_as_many_statements_as_one(http: httpx.AsyncClient, services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    token = await a_token(services, organization)
    for number in range(30):
        await open_one(services, cycle, a_new_case(f"INV-{number}", customer=f"C-{number}"))
    await plan(services)
    ids = [encode_id("Reminder", reminder.id) for reminder in await Reminder.all()]

    one, _ = await cost(http, token, NODES, ids=ids[:1])
    thirty, data = await cost(http, token, NODES, ids=ids)

    assert len([node for node in data["nodes"] if node]) == 30
    assert thirty == one <= 5


async def test_thirty_organizations_cost_as_many_statements_as_one(http: httpx.AsyncClient, services: Services) -> None:
    account = await an_account()
    token = await a_token(services, account)
    await connect_sms(services, await an_organization(account))
    one, _ = await cost(http, token, ORGANIZATIONS)

    for _ in range(29):
        await an_organization(account)
    thirty, data = await cost(http, token, ORGANIZATIONS)

    assert len(data["organizations"]["nodes"]) == 30
    assert thirty == one <= 7


async def test_the_costs_of_fifty_steps_cost_as_many_statements_as_those_of_one(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization, _ = await a_collecting_organization(services)
    other = await an_organization(await an_account("Other"))
    await a_cycle(other, [NONE] * 50)
    one, _ = await cost(http, await a_token(services, organization), STEPS)

    fifty, data = await cost(http, await a_token(services, other), STEPS)

    steps = data["organizations"]["nodes"][0]["collectionCycles"]["nodes"][0]["steps"]
    assert len([step for step in steps if step["smsCosts"][0]["worst"]["segments"] > 1]) == 50
    assert fifty == one <= 7
