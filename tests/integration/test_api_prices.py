"""Prices and the preview of a text, as clients see them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from dunlin.api.ids import encode_id
from dunlin.domain.choices import Permission
from dunlin.domain.tables import Organization
from dunlin.jobs.price_keeper import PriceKeeper
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_token,
    an_account,
    an_organization,
    open_one,
)
from tests.client import ask, error_codes, graphql
from tests.delivery import plan

PRICING = """query ($id: ID!) { organization(id: $id) { integration(kind: SMS) { pricing {
  pricingPageUrl updatedAt prices { country pricePerSegment { amount currency } }
  own: price(country: BE) { country pricePerSegment { amount currency } } other: price(country: FR) { country }
} } } }"""
PREVIEW = """query ($input: PreviewSmsInput!) { previewSms(input: $input) {
  text encoding segments offendingCharacters unknownPlaceholders estimatedCost { amount currency }
} }"""
COSTS = "{ organizations { nodes { reminders { nodes { segments estimatedCost { amount currency } } } } } }"


async def fetch_prices(services: Services) -> None:
    await PriceKeeper(services).refresh(datetime.now(UTC))


async def pricing(http: httpx.AsyncClient, token: str, organization: Organization) -> dict[str, Any]:
    data = await ask(http, token, PRICING, id=encode_id("Organization", organization.id))
    found: dict[str, Any] = data["organization"]["integration"]["pricing"]
    return found


async def preview(
    http: httpx.AsyncClient, token: str, organization: Organization, text: str, **given: object
) -> dict[str, Any]:
    query = {"organizationId": encode_id("Organization", organization.id), "text": text, **given}
    found: dict[str, Any] = (await ask(http, token, PREVIEW, input=query))["previewSms"]
    return found


async def test_before_anything_is_known_there_is_the_page_and_no_price(
    services: Services, http: httpx.AsyncClient
) -> None:
    organization = await an_organization()

    assert await pricing(http, await a_token(services, organization), organization) == {
        "pricingPageUrl": "https://www.twilio.com/en-us/sms/pricing/be",
        "updatedAt": None,
        "prices": [],
        "own": None,
        "other": None,
    }


async def test_prices_are_shown_by_country_with_the_time_of_the_oldest(
    services: Services, http: httpx.AsyncClient
) -> None:
    organization, cycle = await a_collecting_organization(services)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    await PriceKeeper(services).refresh(an_hour_ago)
    await open_one(services, cycle)
    await fetch_prices(services)

    found = await pricing(http, await a_token(services, organization), organization)

    belgium = {"country": "BE", "pricePerSegment": {"amount": "0.11", "currency": "USD"}}
    britain = {"country": "GB", "pricePerSegment": {"amount": "0.0524", "currency": "USD"}}
    assert (found["prices"], found["own"], found["other"]) == ([belgium, britain], belgium, None)
    assert found["updatedAt"] == an_hour_ago.isoformat()


async def test_a_reminder_shows_its_estimated_cost(services: Services, http: httpx.AsyncClient) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle, a_new_case(phone="+32470123456"))
    await fetch_prices(services)
    await plan(services, NOW)

    data = await ask(http, await a_token(services, organization), COSTS)

    nodes = data["organizations"]["nodes"][0]["reminders"]["nodes"]
    assert nodes == [{"segments": 1, "estimatedCost": {"amount": "0.11", "currency": "USD"}}]


async def test_a_preview_is_filled_in_with_made_up_data_and_costs_what_the_own_country_does(
    services: Services, http: httpx.AsyncClient
) -> None:
    organization, _ = await a_collecting_organization(services)
    await fetch_prices(services)
    token = await a_token(services, organization, frozenset({Permission.READ}))
    text = "Beste {{ customer.name }}, {{ organization.name }} wacht op {{ amount }}. " + "A" * 140

    assert await preview(http, token, organization, text, language="nl") == {
        "text": "Beste Sofie Peeters, Waterworks wacht op € 128,50. " + "A" * 140,
        "encoding": "GSM_7",
        "segments": 2,
        "offendingCharacters": [],
        "unknownPlaceholders": [],
        "estimatedCost": {"amount": "0.22", "currency": "USD"},
    }


async def test_a_preview_with_a_case_says_what_its_customer_would_read(
    services: Services, http: httpx.AsyncClient
) -> None:
    organization, cycle = await a_collecting_organization(services)
    case = await open_one(services, cycle)
    await fetch_prices(services)
    token = await a_token(services, organization)
    text = "{{ customer.name }}: {{ amount }}, {{ due_date }}, {{ reference }}"

    found = await preview(http, token, organization, text, caseId=encode_id("CollectionCase", case.id), country="GB")

    assert found["text"] == "Ada Reyes: €84.50, January 15, 2026, INV-1"
    assert found["estimatedCost"] == {"amount": "0.0524", "currency": "USD"}


async def test_without_a_known_price_a_preview_has_no_cost(services: Services, http: httpx.AsyncClient) -> None:
    organization, _ = await a_collecting_organization(services)
    await fetch_prices(services)
    token = await a_token(services, organization)

    assert (await preview(http, token, organization, "A", country="FR"))["estimatedCost"] is None


async def test_what_makes_a_text_expensive_is_named(services: Services, http: httpx.AsyncClient) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)

    found = await preview(http, token, organization, "ç’est " + "A" * 65)  # noqa: RUF001

    assert (found["encoding"], found["segments"], found["offendingCharacters"]) == ("UCS_2", 2, ["ç", "’"])  # noqa: RUF001


async def test_an_unknown_placeholder_is_named_and_left_in_the_text(
    services: Services, http: httpx.AsyncClient
) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)
    text = "{{ customer.name }}, {{ customer.iban }}"

    found = await preview(http, token, organization, text)

    assert (found["text"], found["unknownPlaceholders"]) == (text, ["customer.iban"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{{ amount ", "not a valid template", id="no template"),
        pytest.param("{{ amount | size }}", "not a valid template", id="an unknown filter"),
        pytest.param("A" * 457, "at most 456 characters", id="too long"),
        pytest.param(" \n", "may not be empty", id="empty"),
        pytest.param("{% if false %}A{% endif %}", "empty once filled in", id="empty once filled in"),
        pytest.param("A\x00", "control characters", id="NUL"),
        pytest.param("A\tB", "control characters", id="tab"),
        pytest.param("A\x1bB", "control characters", id="escape"),
    ],
)
async def test_a_text_that_cannot_be_sent_is_refused_with_the_reason(
    services: Services, http: httpx.AsyncClient, text: str, words: str
) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)
    given = {"organizationId": encode_id("Organization", organization.id), "text": text}

    body = await graphql(http, token, PREVIEW, input=given)

    assert error_codes(body) == ["BAD_USER_INPUT"]
    assert words in body["errors"][0]["message"]


async def test_foreign_and_malformed_ids_have_no_preview(services: Services, http: httpx.AsyncClient) -> None:
    organization = await an_organization()
    foreign = await an_organization(await an_account("Other"))
    foreign_case = await open_one(services, await a_cycle(foreign))
    token = await a_token(services, organization)

    async def refused(organization_id: str, **given: object) -> list[str]:
        query = {"organizationId": organization_id, "text": "A", **given}
        return error_codes(await graphql(http, token, PREVIEW, input=query))

    own = encode_id("Organization", organization.id)
    assert await refused(encode_id("Organization", foreign.id)) == ["NOT_FOUND"]
    assert await refused(own, caseId=encode_id("CollectionCase", foreign_case.id)) == ["NOT_FOUND"]
    assert await refused("1") == ["BAD_USER_INPUT"]
    assert await refused(own, caseId=own) == ["BAD_USER_INPUT"]
    assert await refused(own, country="belgium") == ["BAD_USER_INPUT"]


async def test_a_preview_needs_read(services: Services, http: httpx.AsyncClient) -> None:
    organization = await an_organization()
    token = await a_token(services, organization, frozenset({Permission.CONFIGURE}))
    given = {"organizationId": encode_id("Organization", organization.id), "text": "A"}

    assert error_codes(await graphql(http, token, PREVIEW, input=given)) == ["FORBIDDEN"]
