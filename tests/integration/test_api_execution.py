"""Made-up documents over our own schema are answered alike, compiled or not."""

import httpx
import pytest

from dunlin.api.execution.executor import CompilingExecutor
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_received_text, a_token, open_one
from tests.client import JSON
from tests.integration.test_api_random_documents import valid

CHANGING = ("rateLimit", "lastUsedAt")  # tell of the requests themselves


async def answer(http: httpx.AsyncClient, token: str, text: str, variables: JSON) -> JSON:
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "same"}
    body: JSON = (await http.post("/graphql", json={"query": text, "variables": variables}, headers=headers)).json()
    body.pop("extensions", None)
    return {**body, "errors": sorted(body.get("errors", []), key=str)}


async def test_documents_are_answered_alike_compiled_or_not(
    http: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await a_received_text(services, organization)
    token = await a_token(services, organization)
    for text, variables in valid():
        if any(name in text for name in CHANGING):
            continue
        compiled = await answer(http, token, text, variables)
        with monkeypatch.context() as patch:
            patch.setattr(CompilingExecutor, "compiles", False)
            plain = await answer(http, token, text, variables)

        assert compiled == plain, (text, variables)
