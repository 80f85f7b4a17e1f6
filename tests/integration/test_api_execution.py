"""Documents over our own schema are answered alike, whether they are compiled or executed step by step."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from graphql.execution.executor import Executor

from dunlin.api.context import Context
from dunlin.api.execution import executor as executing
from dunlin.api.execution.run import Select, run
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_received_text, a_token, open_one
from tests.client import JSON
from tests.integration.test_api_cost import an_api
from tests.integration.test_api_random_documents import valid

CHANGING = ("rateLimit", "lastUsedAt")  # tell of the requests themselves


async def answer(http: httpx.AsyncClient, token: str, text: str, variables: JSON) -> JSON:
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "same"}
    body: JSON = (await http.post("/graphql", json={"query": text, "variables": variables}, headers=headers)).json()
    body.pop("extensions", None)
    return {**body, "errors": sorted(body.get("errors", []), key=str)}


@pytest.fixture
async def token(services: Services) -> str:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await a_received_text(services, organization)
    return await a_token(services, organization)


async def require_alike(
    http: httpx.AsyncClient, token: str, asked: Sequence[tuple[str, JSON]], patching: pytest.MonkeyPatch
) -> list[JSON]:
    answers = []
    for text, variables in asked:
        compiled = await answer(http, token, text, variables)
        with patching.context() as patch:
            patch.setattr(Context, "compiled", None)
            plain = await answer(http, token, text, variables)

        assert compiled == plain, (text, variables)
        answers.append(compiled)
    return answers


async def test_made_up_documents_are_answered_alike_compiled_or_not(
    http: httpx.AsyncClient, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [one for one in valid() if not any(name in one[0] for name in CHANGING)]

    await require_alike(http, token, asked, monkeypatch)


async def test_compiled_queries_can_be_switched_off(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Select] = []

    async def noting(select: Select, executor: Executor[Any]) -> dict[str, Any] | None:
        compiled.append(select)
        return await run(select, executor)

    monkeypatch.setattr(executing, "run", noting)
    async with an_api(services, 0) as on, an_api(services, 0, compiled_queries=False) as off:
        answers = [await answer(one, token, "{ organizations { nodes { name } } }", {}) for one in (off, on)]

    assert answers[0] == answers[1]
    assert len(compiled) == 1
