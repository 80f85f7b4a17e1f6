"""openCollectionCases: all of a call or nothing, and each problem under its path."""

from copy import deepcopy

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.tables import CollectionCase, CollectionCycle
from dunlin.runtime.wiring import Services
from tests.build import a_cycle, a_token, an_organization, everything_stored
from tests.client import JSON, mutate, problems

CASES = "cases { number externalReference amountDue { amount currency } customer { phone } }"


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    return await a_cycle(await an_organization())


@pytest_asyncio.fixture
async def token(services: Services, cycle: CollectionCycle) -> str:
    await cycle.fetch_related("organization")
    return await a_token(services, cycle.organization)


def a_case(reference: str = "INV-1", **changed: object) -> JSON:
    """A case to open; `customer__name="x"` changes a field of its customer."""
    case: JSON = {
        "externalReference": reference,
        "customer": {"externalReference": "C-1", "name": "Ada Reyes", "phone": "+447700900001"},
        "amountDue": {"amount": "84.50", "currency": "EUR"},
        "dueOn": "2026-01-15",
    }
    for path, value in changed.items():
        *parents, field = path.split("__")
        part = case
        for parent in parents:
            part = part[parent]
        part[field] = value
    return case


def call(cycle: CollectionCycle, *cases: JSON) -> JSON:
    return {
        "organizationId": encode_id("Organization", cycle.organization_id),
        "cycleId": encode_id("CollectionCycle", cycle.id),
        "cases": deepcopy(list(cases)),
    }


async def test_cases_are_opened_in_the_order_of_the_call(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle
) -> None:
    payload = await mutate(
        http, token, "openCollectionCases", CASES, call(cycle, a_case("B"), a_case("A", amountDue__amount="7"))
    )

    assert problems(payload) == []
    assert payload["cases"] == [
        {
            "number": "DC-1",
            "externalReference": "B",
            "amountDue": {"amount": "84.50", "currency": "EUR"},
            "customer": {"phone": "+447700900001"},
        },
        {
            "number": "DC-2",
            "externalReference": "A",
            "amountDue": {"amount": "7.00", "currency": "EUR"},
            "customer": {"phone": "+447700900001"},
        },
    ]


async def test_a_national_number_is_read_as_of_the_organizations_country(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle
) -> None:
    payload = await mutate(
        http, token, "openCollectionCases", CASES, call(cycle, a_case(customer__phone="0470 12 34 56"))
    )

    assert payload["cases"][0]["customer"]["phone"] == "+32470123456"


async def test_a_case_that_exists_is_returned_as_it_is(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle
) -> None:
    first = await mutate(http, token, "openCollectionCases", CASES, call(cycle, a_case()))
    before = await everything_stored()

    again = await mutate(http, token, "openCollectionCases", CASES, call(cycle, a_case(amountDue__amount="1")))

    assert again == first
    assert await everything_stored() == before


@pytest.mark.parametrize("count", [0, 1_001])
async def test_a_call_has_one_to_a_thousand_cases(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle, count: int
) -> None:
    given = call(cycle, *(a_case(f"INV-{number}") for number in range(count)))

    payload = await mutate(http, token, "openCollectionCases", CASES, given)

    assert problems(payload) == [("INVALID", "cases")]
    assert payload["cases"] is None
    assert await CollectionCase.all().count() == 0


async def test_a_thousand_cases_are_opened_in_one_call(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle
) -> None:
    given = call(cycle, *(a_case(f"INV-{number}", customer__name="x" * 200) for number in range(1_000)))

    payload = await mutate(http, token, "openCollectionCases", "cases { number }", given)

    assert problems(payload) == []
    assert [case["number"] for case in payload["cases"]] == [f"DC-{number}" for number in range(1, 1_001)]


@pytest.mark.parametrize(
    ("changed", "code", "path"),
    [
        pytest.param({"externalReference": ""}, "REQUIRED", "externalReference", id="empty-reference"),
        pytest.param({"externalReference": " "}, "REQUIRED", "externalReference", id="blank-reference"),
        pytest.param({"externalReference": "x" * 201}, "INVALID", "externalReference", id="endless-reference"),
        pytest.param({"externalReference": "a\0b"}, "INVALID", "externalReference", id="reference-with-nul"),
        pytest.param(
            {"customer__externalReference": ""}, "REQUIRED", "customer.externalReference", id="empty-customer-reference"
        ),
        pytest.param(
            {"customer__externalReference": "a\nb"},
            "INVALID",
            "customer.externalReference",
            id="customer-reference-of-two-lines",
        ),
        pytest.param({"customer__name": ""}, "REQUIRED", "customer.name", id="empty-name"),
        pytest.param({"customer__name": "x" * 201}, "INVALID", "customer.name", id="endless-name"),
        pytest.param({"customer__name": "a\x7fb"}, "INVALID", "customer.name", id="name-with-delete"),
        pytest.param({"customer__phone": "12"}, "INVALID", "customer.phone", id="short-number"),
        pytest.param({"customer__phone": "call me"}, "INVALID", "customer.phone", id="no-number"),
        pytest.param({"customer__phone": "+999470123456"}, "INVALID", "customer.phone", id="unknown-country"),
        pytest.param({"customer__phone": "+447700900001\0"}, "INVALID", "customer.phone", id="number-with-nul"),
        pytest.param({"customer__phone": "4" * 10_000}, "INVALID", "customer.phone", id="endless-number"),
        pytest.param({"customer__email": "ada"}, "INVALID", "customer.email", id="no-address"),
        pytest.param({"customer__email": "ada@example"}, "INVALID", "customer.email", id="address-without-a-domain"),
        pytest.param({"customer__email": "ada@@example.com"}, "INVALID", "customer.email", id="two-at-signs"),
        pytest.param(
            {"customer__email": "ada reyes@example.com"}, "INVALID", "customer.email", id="address-with-a-blank"
        ),
        pytest.param({"customer__email": "ada@example.com\0"}, "INVALID", "customer.email", id="address-with-nul"),
        pytest.param(
            {"customer__email": "a" * 310 + "@example.com"}, "INVALID", "customer.email", id="endless-address"
        ),
        pytest.param({"amountDue__amount": "0"}, "INVALID", "amountDue.amount", id="nothing-due"),
        pytest.param({"amountDue__amount": "-1"}, "INVALID", "amountDue.amount", id="less-than-nothing-due"),
        pytest.param({"amountDue__amount": "0.00001"}, "INVALID", "amountDue.amount", id="five-decimals"),
        pytest.param({"amountDue__amount": "100000000000000"}, "INVALID", "amountDue.amount", id="too-much-due"),
        pytest.param({"dueOn": "1999-12-31"}, "INVALID", "dueOn", id="due-last-century"),
        pytest.param({"dueOn": "2101-01-01"}, "INVALID", "dueOn", id="due-next-century"),
        pytest.param({"returnReasonCode": "AM04"}, "INVALID", "returnReasonCode", id="reason-without-a-return"),
        pytest.param({"paymentLink": "pay.example.com"}, "INVALID", "paymentLink", id="link-without-https"),
        pytest.param({"paymentLink": "https://example.com/\0"}, "INVALID", "paymentLink", id="link-with-nul"),
        pytest.param({"isRefund": True}, "INVALID", "isRefund", id="refund-without-a-return"),
        pytest.param({"origin": "DIRECT_DEBIT_RETURN"}, "REQUIRED", "returnReasonCode", id="return-without-a-reason"),
        pytest.param(
            {"origin": "DIRECT_DEBIT_RETURN", "returnReasonCode": ""}, "REQUIRED", "returnReasonCode", id="empty-reason"
        ),
        pytest.param(
            {"origin": "DIRECT_DEBIT_RETURN", "returnReasonCode": "am04"},
            "INVALID",
            "returnReasonCode",
            id="reason-in-small-letters",
        ),
        pytest.param(
            {"origin": "DIRECT_DEBIT_RETURN", "returnReasonCode": "AM04\0"},
            "INVALID",
            "returnReasonCode",
            id="reason-with-nul",
        ),
    ],
)
async def test_one_bad_value_refuses_the_whole_call_under_its_path(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle, changed: JSON, code: str, path: str
) -> None:
    before = await everything_stored()

    payload = await mutate(
        http, token, "openCollectionCases", CASES, call(cycle, a_case("Good"), a_case("Bad", **changed))
    )

    assert problems(payload) == [(code, f"cases.1.{path}")]
    assert payload["cases"] is None
    assert await everything_stored() == before


async def test_a_reference_stands_only_once_in_a_call(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle
) -> None:
    payload = await mutate(http, token, "openCollectionCases", CASES, call(cycle, a_case("A"), a_case(" A ")))

    assert problems(payload) == [("DUPLICATE", "cases.1.externalReference")]
    assert await CollectionCase.all().count() == 0


async def test_everything_that_is_wrong_is_said_at_once(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle
) -> None:
    bad = call(cycle, a_case("A", customer__name="", amountDue__amount="0"), a_case("B", dueOn="1999-01-01"))

    payload = await mutate(http, token, "openCollectionCases", CASES, bad)

    assert problems(payload) == [
        ("REQUIRED", "cases.0.customer.name"),
        ("INVALID", "cases.0.amountDue.amount"),
        ("INVALID", "cases.1.dueOn"),
    ]


async def test_a_cycle_without_steps_takes_no_cases(
    http: httpx.AsyncClient, token: str, cycle: CollectionCycle
) -> None:
    empty = await a_cycle(cycle.organization, [])

    payload = await mutate(http, token, "openCollectionCases", CASES, call(empty, a_case()))

    assert problems(payload) == [("INVALID", "cycleId")]
