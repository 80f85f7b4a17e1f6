"""What names a direct debit: mandates belong to customers, end-to-end ids to cases, and neither changes hands."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.actions.register_mandates import register_mandates
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.rules.case_input import NewCustomer, NewMandate
from dunlin.domain.tables import AuditEntry, CollectionCase, CollectionCycle, Customer, Mandate, Organization
from dunlin.runtime.wiring import Services
from tests.build import (
    NONE,
    NOW,
    a_cycle,
    a_new_case,
    a_token,
    a_viewer,
    an_account,
    an_organization,
    everything_stored,
    open_one,
)
from tests.client import JSON, ask, mutate, problems
from tests.integration.test_import import a_file, run


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    return await a_cycle(await an_organization(await an_account("Owner")), [NONE])


def a_mandate(reference: str, customer: str = "C-1", phone: str | None = None) -> NewMandate:
    return NewMandate(reference, NewCustomer(customer, "Ada Reyes", None, phone, None))


async def register(services: Services, cycle: CollectionCycle, *mandates: NewMandate) -> list[Mandate]:
    organization = await Organization.get(id=cycle.organization_id)
    return await register_mandates(
        services.store, a_viewer(organization), organization_id=organization.id, mandates=list(mandates), now=NOW
    )


async def test_a_mandate_is_registered_once_whatever_its_capitals(services: Services, cycle: CollectionCycle) -> None:
    first = await register(services, cycle, a_mandate("Water-1"), a_mandate("Water-2", "C-2"))

    again = await register(services, cycle, a_mandate("WATER-2", "C-2"), a_mandate("water-1"), a_mandate("Water-3"))

    assert [one.id for one in again[:2]] == [first[1].id, first[0].id]
    assert [one.reference for one in again] == ["Water-2", "Water-1", "Water-3"]
    assert await AuditEntry.all().count() == 2


async def test_the_newest_values_of_a_customer_are_kept(services: Services, cycle: CollectionCycle) -> None:
    await register(services, cycle, a_mandate("M-1", phone="0470123456"))
    await register(services, cycle, a_mandate("M-1", phone="0470123457"))

    assert (await Customer.get()).phone == "+32470123457"


async def test_a_mandate_does_not_change_hands(services: Services, cycle: CollectionCycle) -> None:
    await register(services, cycle, a_mandate("M-1"))
    before = await everything_stored()

    with pytest.raises(Refusal) as refused:
        await register(services, cycle, a_mandate("M-2"), a_mandate("m-1", "C-2"))

    assert [(one.code, one.path) for one in refused.value.problems] == [
        (ProblemCode.DUPLICATE, ("mandates", "1", "reference"))
    ]
    assert "the customer C-1" in str(refused.value)
    assert await everything_stored() == before


@pytest.mark.parametrize(
    ("mandates", "path"),
    [
        pytest.param([], "mandates", id="none"),
        pytest.param([a_mandate("M")] * 1_001, "mandates", id="too-many"),
        pytest.param([a_mandate("M" * 36)], "mandates.0.reference", id="too-long"),
        pytest.param([a_mandate(" ")], "mandates.0.reference", id="empty"),
        pytest.param([a_mandate("M"), a_mandate("m", "C-2")], "mandates.1.reference", id="two-customers"),
        pytest.param([a_mandate("M", "")], "mandates.0.customer.externalReference", id="no-customer"),
        pytest.param([a_mandate("M", phone="12")], "mandates.0.customer.phone", id="no-number"),
    ],
)
async def test_what_cannot_be_registered_is_named_by_its_place(
    services: Services, cycle: CollectionCycle, mandates: list[NewMandate], path: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await register(services, cycle, *mandates)

    assert [".".join(one.path) for one in refused.value.problems] == [path]
    assert await Customer.all().count() == 0


async def test_mandates_and_end_to_end_ids_come_with_cases_and_can_be_read(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle
) -> None:
    organization = await Organization.get(id=cycle.organization_id)
    token = await a_token(services, organization)
    given = {
        "organizationId": encode_id("Organization", organization.id),
        "cycleId": encode_id("CollectionCycle", cycle.id),
        "cases": [
            {
                "externalReference": "INV-1",
                "endToEndId": " E2E-1 ",
                "customer": {"externalReference": "C-1", "name": "Ada", "mandateReferences": ["M-2", "M-1"]},
                "amountDue": {"amount": "84.50", "currency": "EUR"},
                "dueOn": "2026-01-15",
            }
        ],
    }

    shown = "cases { endToEndId customer { mandates(first: 1) { nodes { reference } pageInfo { hasNextPage } } } }"
    payload = await mutate(http, token, "openCollectionCases", shown, given)

    assert payload["userErrors"] == []
    [case] = payload["cases"]
    assert case["endToEndId"] == "E2E-1"
    assert case["customer"]["mandates"] == {"nodes": [{"reference": "M-2"}], "pageInfo": {"hasNextPage": True}}


async def test_registering_answers_with_the_mandates_and_whose_they_are(
    http: httpx.AsyncClient, services: Services, cycle: CollectionCycle
) -> None:
    organization = await Organization.get(id=cycle.organization_id)
    token = await a_token(services, organization)
    customer: JSON = {"externalReference": "C-1", "name": "Ada", "mandateReferences": ["M-2"]}
    given = {
        "organizationId": encode_id("Organization", organization.id),
        "mandates": [{"reference": "M-1", "customer": customer}],
    }

    payload = await mutate(http, token, "registerMandates", "mandates { reference customer { id name } }", given)

    assert [(one["reference"], one["customer"]["name"]) for one in payload["mandates"]] == [("M-1", "Ada")]
    data = await ask(
        http,
        token,
        "query ($id: ID!) { node(id: $id) { ... on Customer { mandates { nodes { reference } } } } }",
        id=payload["mandates"][0]["customer"]["id"],
    )
    assert [one["reference"] for one in data["node"]["mandates"]["nodes"]] == ["M-1", "M-2"]
    taken = [{"reference": "M-2", "customer": {"externalReference": "C-2", "name": "Bea"}}]
    refused = await mutate(http, token, "registerMandates", "mandates { reference }", given | {"mandates": taken})
    assert problems(refused) == [("DUPLICATE", "mandates.0.reference")]


async def test_an_end_to_end_id_is_of_one_case(services: Services, cycle: CollectionCycle) -> None:
    first = replace(a_new_case("INV-1"), end_to_end_id="E2E-1")
    await open_one(services, cycle, first)

    with pytest.raises(Refusal) as refused:
        await open_one(services, cycle, replace(first, external_reference="INV-2"))

    assert [one.path for one in refused.value.problems] == [("cases", "0", "endToEndId")]
    assert "The case INV-1 has" in str(refused.value)
    known = await open_one(services, cycle, replace(first, end_to_end_id="E2E-2"))
    assert known.end_to_end_id == "E2E-1"  # a case that exists is returned as it is


async def test_rows_of_a_file_that_take_what_is_anothers_are_told_and_the_others_used(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    await open_one(services, cycle, replace(a_new_case("INV-0", customer="C-0"), end_to_end_id="E2E-0"))
    await register(services, cycle, a_mandate("M-0", "C-0"))
    header = (
        "external_reference,customer_reference,customer_name,amount,currency,due_on,end_to_end_id,mandate_reference\n"
    )
    rows = [
        f"INV-{number},C-{number},Ada,84.50,EUR,2026-01-15,{debit},{mandate}\n"
        for number, debit, mandate in [
            (1, "E2E-1", "M-1"),
            (2, "E2E-0", "M-2"),
            (3, "E2E-3", "m-0"),
            (4, "E2E-1", "M-4"),
            (5, "E" * 36, ""),
            (6, "", ""),
        ]
    ]

    answer = await run(services, a_file(tmp_path, [header, *rows]))

    assert (answer.code, answer.out) == (3, "Opened: 2. Known already: 0. Not used: 4.\n")
    assert sorted(answer.err.splitlines()) == [
        "row 3, end_to_end_id: The case INV-0 has this end-to-end id already.",
        "row 4, mandate_reference: This mandate is one of the customer C-0. It cannot change hands.",
        "row 5, end_to_end_id: This end-to-end id is given twice.",
        "row 6, end_to_end_id: This has 1 to 35 printable characters.",
    ]
    opened = await CollectionCase.filter(external_reference__in=["INV-1", "INV-6"]).order_by("id")
    assert [case.end_to_end_id for case in opened] == ["E2E-1", None]
    assert sorted([one.reference for one in await Mandate.all()]) == ["M-0", "M-1"]
