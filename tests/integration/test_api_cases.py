"""pauseCase, resumeCase, closeCase: what they show, and what they refuse with nothing changed."""

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


@pytest.mark.parametrize(
    ("mutation", "given", "problem"),
    [
        pytest.param("pauseCase", {"until": "2026-01-15"}, ("INVALID", "until"), id="until a day that has passed"),
        pytest.param("pauseCase", {"until": "9999-12-31"}, ("INVALID", "until"), id="until the end of time"),
        pytest.param("pauseCase", {"reason": "x" * 501}, ("INVALID", "reason"), id="paused for an endless reason"),
        pytest.param("closeCase", {"reason": "a\nb"}, ("INVALID", "reason"), id="closed for a reason of two lines"),
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
