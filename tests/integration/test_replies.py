"""What customers answer: attached to a case, for a person to read."""

from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.choices import CaseClosedReason, CaseState, InboundTextKind, Permission
from dunlin.domain.tables import CollectionCase, CollectionCycle, Customer, InboundText, Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import (
    ALL_PERMISSIONS,
    NOW,
    PHONE,
    a_collecting_organization,
    a_new_case,
    a_received_text,
    a_token,
    open_one,
)
from tests.client import JSON, ask, mutate, problems
from tests.delivery import plan
from tests.inbound import receive

ANSWERED = "The customer has answered by SMS."
DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    return cycle


async def organization_of(cycle: CollectionCycle) -> Organization:
    return await Organization.get(id=cycle.organization_id)


async def attached() -> list[str | None]:
    """The reference of the case that each text is attached to, oldest text first."""
    texts = await InboundText.all().order_by("id")
    cases = {case.id: case.external_reference for case in await CollectionCase.all()}
    return [cases[text.case_id] if text.case_id else None for text in texts]


async def test_an_answer_is_attached_to_the_case_which_asks_for_a_person(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle
) -> None:
    await plan(services, NOW)
    await receive(http, await organization_of(cycle), "MD07, my wife has died")

    case = await CollectionCase.get()
    assert await attached() == [case.external_reference]
    assert case.attention_reason == ANSWERED
    assert case.state is CaseState.ACTIVE  # nothing in it is interpreted
    assert (await InboundText.get()).kind is InboundTextKind.OTHER
    assert await Reminder.filter(status="SCHEDULED").count() == 1


async def test_of_several_cases_it_is_the_newest_open_one_of_whoever_has_the_number(
    services: Services, cycle: CollectionCycle
) -> None:
    organization = await organization_of(cycle)
    await open_one(services, cycle, a_new_case("INV-2", customer="C-2"), now=NOW + DAY)
    await open_one(services, cycle, a_new_case("INV-3"), now=NOW + 2 * DAY)
    await open_one(services, cycle, a_new_case("INV-4", customer="C-4", phone="+447700900004"), now=NOW + 3 * DAY)
    await a_received_text(services, organization, number=1)
    await CollectionCase.filter(external_reference="INV-3").update(
        state=CaseState.CLOSED, closed_reason=CaseClosedReason.PAID
    )
    await a_received_text(services, organization, number=2)

    assert await attached() == ["INV-3", "INV-2"]


async def test_without_an_open_case_it_is_the_newest(services: Services, cycle: CollectionCycle) -> None:
    await open_one(services, cycle, a_new_case("INV-2"), now=NOW + DAY)
    await CollectionCase.all().update(state=CaseState.CLOSED, closed_reason=CaseClosedReason.COMPLETED)

    await a_received_text(services, await organization_of(cycle))

    assert await attached() == ["INV-2"]
    assert (await CollectionCase.get(external_reference="INV-2")).attention_reason == ANSWERED


@pytest.mark.parametrize("sender", ["+447700900099", "12345", "BPOST"])
async def test_who_is_unknown_is_kept_and_attached_to_nothing(
    services: Services, cycle: CollectionCycle, sender: str
) -> None:
    await a_received_text(services, await organization_of(cycle), sender=sender)

    assert await attached() == [None]
    assert (await CollectionCase.get()).attention_reason is None


async def test_a_customer_without_a_case_is_no_trouble(services: Services, cycle: CollectionCycle) -> None:
    await Customer.create(
        organization_id=cycle.organization_id, external_reference="C-7", name="New", phone="+447700900007"
    )

    await a_received_text(services, await organization_of(cycle), sender="+447700900007")

    assert await attached() == [None]


async def test_help_asks_for_a_person_and_stop_for_what_it_is(services: Services, cycle: CollectionCycle) -> None:
    organization = await organization_of(cycle)
    await a_received_text(services, organization, "HELP", number=1)
    assert (await CollectionCase.get()).attention_reason == ANSWERED

    await a_received_text(services, organization, "STOP", number=2)
    assert (await CollectionCase.get()).attention_reason == "The customer has opted out of SMS."
    assert await attached() == ["INV-1", "INV-1"]


async def test_a_text_of_one_organization_never_reaches_a_case_of_another(
    services: Services, cycle: CollectionCycle
) -> None:
    other, other_cycle = await a_collecting_organization(services, name="Other")
    await open_one(services, other_cycle, a_new_case("INV-9"))

    await a_received_text(services, other)

    assert await attached() == ["INV-9"]
    assert (await CollectionCase.get(external_reference="INV-1")).attention_reason is None


CASE = """query ($id: ID!) { node(id: $id) { ... on CollectionCase {
  inboundTexts { nodes { from text case { number } } } } } }"""


async def test_a_case_shows_its_texts_masked_from_who_does_not_collect(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle
) -> None:
    organization = await organization_of(cycle)
    for number in (1, 2):
        await a_received_text(services, organization, f"Text {number}", number=number)
    case_id = encode_id("CollectionCase", 1)

    full = await ask(http, await a_token(services, organization), CASE, id=case_id)
    reader = await ask(
        http, await a_token(services, organization, ALL_PERMISSIONS - {Permission.COLLECT}), CASE, id=case_id
    )

    case = {"number": "DC-1"}
    assert full["node"]["inboundTexts"]["nodes"] == [
        {"from": PHONE, "text": "Text 2", "case": case},
        {"from": PHONE, "text": "Text 1", "case": case},
    ]
    assert reader["node"]["inboundTexts"]["nodes"] == [{"from": "+44 *** ** 01", "text": None, "case": case}] * 2


LISTED = """query ($filter: InboundTextFilter) { organizations { nodes {
  inboundTexts(filter: $filter) { nodes { text } } } } }"""


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ["STOP", "From nowhere", "Hello"]),
        ({"isAttached": True}, ["STOP", "Hello"]),
        ({"isAttached": False}, ["From nowhere"]),
        ({"kinds": ["STOP", "START"]}, ["STOP"]),
        ({"kinds": []}, []),
        ({"isRead": True}, ["Hello"]),
        ({"isRead": False, "isAttached": True}, ["STOP"]),
    ],
)
async def test_texts_are_listed_by_what_is_asked_for(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle, chosen: JSON, expected: list[str]
) -> None:
    organization = await organization_of(cycle)
    await a_received_text(services, organization, "Hello", number=1)
    await a_received_text(services, organization, "From nowhere", sender="+447700900099", number=2)
    await a_received_text(services, organization, "STOP", number=3)
    await InboundText.filter(id=1).update(read_at=NOW)

    data = await ask(http, await a_token(services, organization), LISTED, filter=chosen)

    nodes = data["organizations"]["nodes"][0]["inboundTexts"]["nodes"]
    assert [node["text"] for node in nodes] == expected


def text_id(number: int) -> JSON:
    return {"inboundTextId": encode_id("InboundText", number)}


async def test_a_case_asks_for_a_person_until_all_its_texts_have_been_dealt_with(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle
) -> None:
    organization = await organization_of(cycle)
    token = await a_token(services, organization)
    for number in (1, 2):
        await a_received_text(services, organization, number=number)

    first = await mutate(http, token, "markInboundTextRead", "inboundText { readAt readBy text }", text_id(1))
    assert (await CollectionCase.get()).attention_reason == ANSWERED
    await mutate(http, token, "markInboundTextRead", "", text_id(2))

    assert first["inboundText"]["readAt"] is not None
    assert (first["inboundText"]["readBy"], first["inboundText"]["text"]) == ("Tester", "I have paid")
    assert (await CollectionCase.get()).attention_reason is None


async def test_dealing_with_a_text_does_not_hide_what_else_is_wrong(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle
) -> None:
    organization = await organization_of(cycle)
    await a_received_text(services, organization)
    await CollectionCase.all().update(attention_reason="Something else.")

    payload = await mutate(http, await a_token(services, organization), "markInboundTextRead", "", text_id(1))

    assert problems(payload) == []
    assert (await CollectionCase.get()).attention_reason == "Something else."
