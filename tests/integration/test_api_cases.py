"""recordPayment, pauseCase, resumeCase, closeCase: what they show, and what they refuse with nothing changed."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.tables import CollectionCase
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token, everything_stored, open_one
from tests.client import JSON, mutate, problems

CASE = "case { state closedReason pausedUntil pauseReason closedNote nextActionAt closedAt }"

EUR_50 = {"amount": "50.00", "currency": "EUR"}


@pytest_asyncio.fixture
async def case(services: Services) -> CollectionCase:
    _, cycle = await a_collecting_organization(services)
    return await open_one(services, cycle)


@pytest_asyncio.fixture
async def token(services: Services, case: CollectionCase) -> str:
    return await a_token(services, await case.organization)


def of(case: CollectionCase, **given: object) -> JSON:
    return {"caseId": encode_id("CollectionCase", case.id), **given}


async def test_a_case_is_paused_resumed_and_closed(http: httpx.AsyncClient, token: str, case: CollectionCase) -> None:
    until = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()

    paused = await mutate(http, token, "pauseCase", CASE, of(case, reason="Promised to pay", until=until))
    resumed = await mutate(http, token, "resumeCase", CASE, of(case))
    closed = await mutate(http, token, "closeCase", CASE, of(case, reason="Written off"))

    assert [problems(payload) for payload in (paused, resumed, closed)] == [[], [], []]
    assert paused["case"] == {
        "state": "PAUSED",
        "closedReason": None,
        "pausedUntil": until,
        "pauseReason": "Promised to pay",
        "closedNote": None,
        "nextActionAt": None,
        "closedAt": None,
    }
    assert (resumed["case"]["state"], resumed["case"]["pausedUntil"], resumed["case"]["pauseReason"]) == (
        "ACTIVE",
        None,
        None,
    )
    assert resumed["case"]["nextActionAt"] is not None
    assert (closed["case"]["state"], closed["case"]["closedReason"], closed["case"]["closedNote"]) == (
        "CLOSED",
        "MANUAL",
        "Written off",
    )
    assert closed["case"]["closedAt"] is not None


async def test_a_payment_is_recorded_and_shown(http: httpx.AsyncClient, token: str, case: CollectionCase) -> None:
    shown = """case { state amountDue { amount currency } overpaid { amount }
                      payments { nodes { amount { amount currency } paidAt reference recordedAt } } }"""
    part = of(case, amount=EUR_50, paidAt="2026-01-15T12:00:00+01:00", reference="BANK-1")

    partly = await mutate(http, token, "recordPayment", shown, part)
    paid = await mutate(http, token, "recordPayment", shown, of(case, amount=EUR_50))

    assert [problems(payload) for payload in (partly, paid)] == [[], []]
    first, second = paid["case"].pop("payments")["nodes"]
    assert {**first, "recordedAt": None} == {
        "amount": EUR_50,
        "paidAt": "2026-01-15T11:00:00+00:00",
        "reference": "BANK-1",
        "recordedAt": None,
    }
    assert second["paidAt"] == second["recordedAt"]
    assert partly["case"]["amountDue"] == {"amount": "34.50", "currency": "EUR"}
    assert paid["case"] == {
        "state": "CLOSED",
        "amountDue": {"amount": "0.00", "currency": "EUR"},
        "overpaid": {"amount": "15.50"},
    }


async def test_one_key_is_one_payment(http: httpx.AsyncClient, token: str, case: CollectionCase) -> None:
    given = of(case, amount=EUR_50, idempotencyKey="payment 1")

    first = await mutate(http, token, "recordPayment", CASE, given)
    again = await mutate(http, token, "recordPayment", CASE, given)
    other = await mutate(http, token, "recordPayment", CASE, {**given, "reference": "BANK-1"})

    assert first == again
    assert problems(other) == [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]


@pytest.mark.parametrize(
    ("mutation", "given", "problem"),
    [
        pytest.param("pauseCase", {"until": "2026-01-15"}, ("INVALID", "until"), id="until a day that has passed"),
        pytest.param("pauseCase", {"until": "9999-12-31"}, ("INVALID", "until"), id="until the end of time"),
        pytest.param("pauseCase", {"reason": "x" * 501}, ("INVALID", "reason"), id="paused for an endless reason"),
        pytest.param("closeCase", {"reason": "a\nb"}, ("INVALID", "reason"), id="closed for a reason of two lines"),
        pytest.param(
            "recordPayment",
            {"amount": {"amount": "0", "currency": "EUR"}},
            ("INVALID", "amount.amount"),
            id="nothing paid",
        ),
        pytest.param(
            "recordPayment",
            {"amount": {"amount": "5", "currency": "USD"}},
            ("INVALID", "amount.currency"),
            id="paid in another currency",
        ),
        pytest.param(
            "recordPayment",
            {"amount": EUR_50, "paidAt": "2090-01-15T12:00:00Z"},
            ("INVALID", "paidAt"),
            id="paid in the future",
        ),
        pytest.param(
            "recordPayment", {"amount": EUR_50, "idempotencyKey": ""}, ("INVALID", "idempotencyKey"), id="an empty key"
        ),
        pytest.param("resumeCase", {}, ("WRONG_STATE", "caseId"), id="resumed while active"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_changes_nothing(
    http: httpx.AsyncClient, token: str, case: CollectionCase, mutation: str, given: JSON, problem: tuple[str, str]
) -> None:
    before = await everything_stored()

    payload = await mutate(http, token, mutation, CASE, of(case, **given))

    assert problems(payload) == [problem]
    assert payload["case"] is None
    assert await everything_stored() == before


@pytest.mark.parametrize("mutation", ["pauseCase", "resumeCase", "closeCase"])
async def test_a_closed_case_stays_as_it_is(
    http: httpx.AsyncClient, token: str, case: CollectionCase, mutation: str
) -> None:
    await mutate(http, token, "closeCase", CASE, of(case))
    before = await everything_stored()

    payload = await mutate(http, token, mutation, CASE, of(case))

    assert problems(payload) == [("CASE_CLOSED", "caseId")]
    assert await everything_stored() == before
