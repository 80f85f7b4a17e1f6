"""editStep: what may be set on a step, and what is refused with nothing changed."""

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.tables import CollectionStep, Organization
from dunlin.runtime.wiring import Services
from tests.build import NONE, a_cycle, a_token, an_organization, connect_sms, everything_stored
from tests.client import JSON, ask, mutate, problems

STEP = "step { id name triggerDays communicationMethod version smsTexts { language text } }"


@pytest_asyncio.fixture
async def organization(services: Services) -> Organization:
    return await an_organization()


@pytest_asyncio.fixture
async def step(organization: Organization) -> CollectionStep:
    """A step without a method, of an organization where SMS is not connected."""
    return await CollectionStep.get(cycle_id=(await a_cycle(organization, [NONE])).id)


@pytest_asyncio.fixture
async def token(services: Services, organization: Organization) -> str:
    return await a_token(services, organization)


def edit_of(step: CollectionStep, **changed: object) -> JSON:
    return {"stepId": encode_id("CollectionStep", step.id), **changed}


def in_english(text: str) -> JSON:
    return {"smsTexts": [{"language": "en", "text": text}]}


async def test_fields_that_are_left_out_stay_as_they_are(
    http: httpx.AsyncClient, token: str, step: CollectionStep
) -> None:
    payload = await mutate(http, token, "editStep", STEP, edit_of(step, name="  First letter "))

    assert problems(payload) == []
    assert payload["step"] == {
        "id": encode_id("CollectionStep", step.id),
        "name": "First letter",
        "triggerDays": 7,
        "communicationMethod": "NONE",
        "version": 2,
        "smsTexts": [{"language": "en", "text": "Dear {{ customer.name }}, {{ amount }} is due."}],
    }


async def test_a_step_chooses_sms_once_sms_is_connected(
    http: httpx.AsyncClient, services: Services, organization: Organization, token: str, step: CollectionStep
) -> None:
    await connect_sms(services, organization)

    payload = await mutate(http, token, "editStep", STEP, edit_of(step, communicationMethod="SMS"))

    assert problems(payload) == []
    assert payload["step"]["communicationMethod"] == "SMS"


@pytest.mark.parametrize("method", ["SMS", "EMAIL"])
async def test_a_method_that_is_not_connected_is_unavailable(
    http: httpx.AsyncClient, token: str, step: CollectionStep, method: str
) -> None:
    before = await everything_stored()

    payload = await mutate(http, token, "editStep", STEP, edit_of(step, communicationMethod=method))

    assert problems(payload) == [("METHOD_UNAVAILABLE", "communicationMethod")]
    assert payload["step"] is None
    assert await everything_stored() == before


async def test_sms_of_another_organization_does_not_make_the_method_available(
    http: httpx.AsyncClient, services: Services, organization: Organization, token: str, step: CollectionStep
) -> None:
    await organization.fetch_related("account")
    await connect_sms(services, await an_organization(organization.account, name="Beside"))

    payload = await mutate(http, token, "editStep", STEP, edit_of(step, communicationMethod="SMS"))

    assert problems(payload) == [("METHOD_UNAVAILABLE", "communicationMethod")]


async def test_a_version_that_is_not_the_current_one_is_refused_with_the_step_as_it_is_now(
    http: httpx.AsyncClient, token: str, step: CollectionStep
) -> None:
    await mutate(http, token, "editStep", STEP, edit_of(step, expectedVersion=1, name="By somebody else"))
    before = await everything_stored()

    payload = await mutate(http, token, "editStep", STEP, edit_of(step, expectedVersion=1, name="By me"))

    assert problems(payload) == [("STALE_VERSION", "expectedVersion")]
    assert (payload["step"]["version"], payload["step"]["name"]) == (2, "By somebody else")
    assert await everything_stored() == before


@pytest.mark.parametrize(
    ("changed", "code", "path"),
    [
        pytest.param(in_english("x" * 457), "TEXT_TOO_LONG", "smsTexts.0.text", id="457-characters"),
        pytest.param(in_english(""), "REQUIRED", "smsTexts.0.text", id="empty-text"),
        pytest.param(in_english(" \n "), "REQUIRED", "smsTexts.0.text", id="blank-text"),
        pytest.param(in_english("{{ iban }}"), "UNKNOWN_PLACEHOLDER", "smsTexts.0.text", id="unknown-placeholder"),
        pytest.param(in_english("{{ customer }}"), "UNKNOWN_PLACEHOLDER", "smsTexts.0.text", id="half-a-placeholder"),
        pytest.param(in_english("{{ amount"), "INVALID", "smsTexts.0.text", id="open-placeholder"),
        pytest.param(in_english("{% nothing %}"), "INVALID", "smsTexts.0.text", id="unknown-tag"),
        pytest.param(in_english("{{ amount | nothing }}"), "INVALID", "smsTexts.0.text", id="unknown-filter"),
        pytest.param(in_english("a\0b"), "INVALID", "smsTexts.0.text", id="nul"),
        pytest.param(in_english("a\tb"), "INVALID", "smsTexts.0.text", id="tab"),
        pytest.param(in_english("a\x1bb"), "INVALID", "smsTexts.0.text", id="escape"),
        pytest.param(in_english("a\x7fb"), "INVALID", "smsTexts.0.text", id="delete"),
        pytest.param(in_english("a\x85b"), "INVALID", "smsTexts.0.text", id="c1-control"),
        pytest.param(
            {"smsTexts": [{"language": "en", "text": "a"}, {"language": "en", "text": "b"}]},
            "DUPLICATE",
            "smsTexts.1.language",
            id="one-language-twice",
        ),
        pytest.param({"triggerDays": -1}, "INVALID", "triggerDays", id="negative-days"),
        pytest.param({"triggerDays": 3651}, "INVALID", "triggerDays", id="more-than-ten-years"),
        pytest.param({"name": ""}, "INVALID", "name", id="empty-name"),
        pytest.param({"name": "  "}, "INVALID", "name", id="blank-name"),
        pytest.param({"name": "x" * 201}, "INVALID", "name", id="endless-name"),
        pytest.param({"name": "two\nlines"}, "INVALID", "name", id="name-of-two-lines"),
    ],
)
async def test_a_value_that_cannot_be_used_is_refused_under_its_path(
    http: httpx.AsyncClient, token: str, step: CollectionStep, changed: JSON, code: str, path: str
) -> None:
    before = await everything_stored()

    payload = await mutate(http, token, "editStep", STEP, edit_of(step, **changed))

    assert problems(payload) == [(code, path)]
    assert payload["step"] is None
    assert await everything_stored() == before


async def test_an_sms_step_keeps_at_least_one_text(
    http: httpx.AsyncClient, services: Services, organization: Organization, token: str, step: CollectionStep
) -> None:
    await connect_sms(services, organization)
    before = await everything_stored()

    payload = await mutate(http, token, "editStep", STEP, edit_of(step, communicationMethod="SMS", smsTexts=[]))

    assert problems(payload) == [("REQUIRED", "smsTexts")]
    assert await everything_stored() == before


async def test_everything_that_is_wrong_is_said_at_once(
    http: httpx.AsyncClient, token: str, step: CollectionStep
) -> None:
    texts = [{"language": "en", "text": "{{ iban }}"}, {"language": "nl", "text": ""}]

    payload = await mutate(http, token, "editStep", STEP, edit_of(step, name="", triggerDays=-1, smsTexts=texts))

    assert problems(payload) == [
        ("INVALID", "name"),
        ("INVALID", "triggerDays"),
        ("UNKNOWN_PLACEHOLDER", "smsTexts.0.text"),
        ("REQUIRED", "smsTexts.1.text"),
    ]


@pytest.mark.parametrize("text", ["x" * 456, "one\ntwo", "{{ customer.name | upcase }}", "😀 {{ due_date }}"])
async def test_a_text_may_use_up_its_limits(
    http: httpx.AsyncClient, token: str, step: CollectionStep, text: str
) -> None:
    payload = await mutate(http, token, "editStep", STEP, edit_of(step, **in_english(text)))

    assert problems(payload) == []
    assert payload["step"]["smsTexts"] == [{"language": "en", "text": text}]


async def test_the_methods_on_offer_follow_the_connected_integrations(
    http: httpx.AsyncClient, services: Services, organization: Organization, token: str
) -> None:
    query = "{ organizations { nodes { availableCommunicationMethods } } }"
    before = await ask(http, token, query)

    await connect_sms(services, organization)

    assert before["organizations"]["nodes"] == [{"availableCommunicationMethods": ["NONE"]}]
    after = await ask(http, token, query)
    assert after["organizations"]["nodes"] == [{"availableCommunicationMethods": ["NONE", "SMS"]}]
