"""Customers over the API: what is known of their numbers, and how it is corrected."""

from datetime import timedelta

import httpx
import pytest

from dunlin.api.ids import encode_id
from dunlin.domain.choices import PhoneProblemKind
from dunlin.domain.store import rows
from dunlin.domain.tables import Customer, Organization
from dunlin.runtime.wiring import Services
from tests.build import NOW, PHONE, a_collecting_organization, a_token, open_one
from tests.client import JSON, ask, mutate, problems

SHOWN = "customer { phone phoneProblem { kind reason since } }"


@pytest.fixture
async def organization(services: Services) -> Organization:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    return organization


async def mark() -> None:
    await Customer.all().update(
        phone_problem=PhoneProblemKind.LANDLINE,
        phone_problem_reason="This is a landline number.",
        phone_problem_at=NOW,
    )


def phone(number: str) -> JSON:
    return {"customerId": encode_id("Customer", 1), "phone": number}


async def test_a_customer_shows_what_is_wrong_with_the_number_until_it_is_corrected(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    token = await a_token(services, organization)
    await mark()
    query = "query ($id: ID!) { node(id: $id) { ... on Customer { phoneProblem { kind reason since } } } }"

    shown = await ask(http, token, query, id=encode_id("Customer", 1))
    changed = await mutate(http, token, "changeCustomerPhone", SHOWN, phone("0470 12 34 56"))

    assert shown["node"]["phoneProblem"] == {
        "kind": "LANDLINE",
        "reason": "This is a landline number.",
        "since": "2026-03-04T11:00:00+00:00",
    }
    assert changed == {"customer": {"phone": "+32470123456", "phoneProblem": None}, "userErrors": []}


@pytest.mark.parametrize("number", ["", "12", "no number", "+32470123456789", "\u202e+32470123456"])
async def test_what_can_be_no_number_is_refused_and_changes_nothing(
    http: httpx.AsyncClient, services: Services, organization: Organization, number: str
) -> None:
    await mark()

    payload = await mutate(http, await a_token(services, organization), "changeCustomerPhone", SHOWN, phone(number))

    assert problems(payload) == [("INVALID", "phone")]
    customer = await Customer.get()
    assert (customer.phone, customer.phone_problem) == (PHONE, PhoneProblemKind.LANDLINE)


@pytest.mark.parametrize(
    ("wait", "shown"),
    [
        pytest.param(timedelta(hours=1), "The account has reached its message limit.", id="held"),
        pytest.param(timedelta(hours=-1), None, id="over"),
    ],
)
async def test_an_integration_says_until_when_it_is_held_and_why(
    http: httpx.AsyncClient, services: Services, organization: Organization, wait: timedelta, shown: str | None
) -> None:
    await rows(
        "UPDATE integration SET held_until = clock_timestamp() + $1::interval, held_reason = $2",
        wait,
        "The account has reached its message limit.",
    )

    data = await ask(
        http,
        await a_token(services, organization),
        "{ organizations { nodes { integration(kind: SMS) { status attentionReason heldUntil } } } }",
    )

    integration = data["organizations"]["nodes"][0]["integration"]
    assert (integration["status"], integration["attentionReason"]) == ("CONNECTED", shown)
    assert (integration["heldUntil"] is not None) == (shown is not None)
