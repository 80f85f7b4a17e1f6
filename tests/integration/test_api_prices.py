"""Prices and the preview of a text, as clients see them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from dunlin.api.ids import encode_id
from dunlin.domain.choices import Permission
from dunlin.domain.tables import CollectionStep, Organization
from dunlin.jobs.price_keeper import PriceKeeper
from dunlin.runtime.wiring import Services
from tests.build import (
    NONE,
    NOW,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_token,
    an_account,
    an_organization,
    open_one,
)
from tests.client import JSON, ask, error_codes, graphql, mutate, problems
from tests.delivery import plan

PRICING = """query ($id: ID!) { organization(id: $id) { integration(kind: SMS) { pricing {
  pricingPageUrl updatedAt prices { country pricePerSegment { amount currency } }
  own: price(country: BE) { country pricePerSegment { amount currency } } other: price(country: FR) { country }
} } } }"""
PREVIEW = """query ($input: PreviewSmsInput!) { previewSms(input: $input) {
  text encoding segments offendingCharacters unknownPlaceholders estimatedCost { amount currency }
} }"""
WORST = """query ($input: PreviewSmsInput!) { previewSms(input: $input) {
  worst { encoding segments price { country } cost { amount currency } }
} }"""
SIZE = "{ encoding segments price { country pricePerSegment { amount currency } } cost { amount currency } }"
COST = f"language usual {SIZE} worst {SIZE} offendingCharacters {{ character replacement }} reasons"
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


def in_belgium(segments: int, cost: str) -> JSON:
    price = {"country": "BE", "pricePerSegment": {"amount": "0.11", "currency": "USD"}}
    return {"segments": segments, "price": price, "cost": {"amount": cost, "currency": "USD"}}


async def test_an_edited_step_says_for_each_text_what_it_costs_usually_and_at_worst(
    services: Services, http: httpx.AsyncClient
) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)  # to Britain, which costs less
    await fetch_prices(services)
    token, step = await a_token(services, organization), await CollectionStep.get()
    texts = [
        {"language": "nl", "text": "Beste {{ customer.name | truncate: 40 }}, gelieve te betalen."},
        {"language": "fr", "text": "Ça coûte\u00a0! Payez au plus vite à {{ organization.name }}."},
    ]

    given = {"stepId": encode_id("CollectionStep", step.id), "smsTexts": texts}
    payload = await mutate(http, token, "editStep", f"step {{ smsCosts {{ {COST} }} }}", given)

    assert problems(payload) == []
    assert payload["step"]["smsCosts"] == [
        {
            "language": "fr",
            "usual": {"encoding": "UCS_2", **in_belgium(1, "0.11")},
            "worst": {"encoding": "UCS_2", **in_belgium(1, "0.11")},
            "offendingCharacters": [{"character": "û", "replacement": "u"}],
            "reasons": [
                "Not in GSM-7: û. So the whole text goes as UCS-2: 70 characters in one segment, 67 in each of several,"
                " instead of 160 and 153."
            ],
        },
        {
            "language": "nl",
            "usual": {"encoding": "GSM_7", **in_belgium(1, "0.11")},
            "worst": {"encoding": "UCS_2", **in_belgium(3, "0.33")},
            "offendingCharacters": [],
            "reasons": ["{{ customer.name }} has up to 200 characters, also such as are not in GSM-7."],
        },
    ]


@pytest.mark.parametrize("field", ["addStep", "createCollectionCycle"])
async def test_a_new_step_says_what_its_texts_cost_too(services: Services, http: httpx.AsyncClient, field: str) -> None:
    organization = await an_organization()
    cycle = await a_cycle(organization, [NONE])
    token = await a_token(services, organization)
    step = {"name": "Ask", "triggerDays": 7, "smsTexts": [{"language": "en", "text": "A" * 161}]}
    given: dict[str, tuple[JSON, str]] = {
        "addStep": ({"cycleId": encode_id("CollectionCycle", cycle.id), "step": step}, "step {{ {0} }}"),
        "createCollectionCycle": (
            {"organizationId": encode_id("Organization", organization.id), "name": "New", "steps": [step]},
            "cycle {{ steps {{ {0} }} }}",
        ),
    }

    payload = await mutate(http, token, field, given[field][1].format(f"smsCosts {{ {COST} }}"), given[field][0])

    made = payload["step"] if field == "addStep" else payload["cycle"]["steps"][0]
    unpriced = {"encoding": "GSM_7", "segments": 2, "price": None, "cost": None}
    assert problems(payload) == []
    assert made["smsCosts"] == [
        {"language": "en", "usual": unpriced, "worst": unpriced, "offendingCharacters": [], "reasons": []}
    ]


async def test_a_preview_says_what_the_text_costs_at_worst(services: Services, http: httpx.AsyncClient) -> None:
    organization, _ = await a_collecting_organization(services)
    await fetch_prices(services)
    token = await a_token(services, organization)
    given = {"organizationId": encode_id("Organization", organization.id)}

    found = await ask(http, token, WORST, input={**given, "text": "{{ customer.name }}"})
    unknown = await ask(http, token, WORST, input={**given, "text": "{{ customer.iban }}"})

    assert found["previewSms"]["worst"] == {
        "encoding": "UCS_2",
        "segments": 11,
        "price": {"country": "BE"},
        "cost": {"amount": "1.21", "currency": "USD"},
    }
    assert unknown["previewSms"]["worst"] is None


async def test_a_preview_of_a_case_whose_text_is_too_long_to_be_sent_is_refused(
    services: Services, http: httpx.AsyncClient
) -> None:
    organization, cycle = await a_collecting_organization(services)
    case = await open_one(services, cycle, a_new_case(name="A" * 200))
    token = await a_token(services, organization)
    given = {
        "organizationId": encode_id("Organization", organization.id),
        "text": "{{ customer.name }}" * 9,
        "caseId": encode_id("CollectionCase", case.id),
    }

    body = await graphql(http, token, PREVIEW, input=given)

    assert error_codes(body) == ["BAD_USER_INPUT"]
    assert "1,800 characters; a text message has at most 1,600" in body["errors"][0]["message"]
