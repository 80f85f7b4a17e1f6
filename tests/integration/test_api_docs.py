"""The calls in docs/ are run, one after the other, and answer what is shown there.

A block of `graphql` is followed by one of `json` with its variables, if it takes any, and by one with its answer; a
block of `sh` by its answer. In an answer `…` stands for what is different each time; the cost may be left out.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token
from tests.client import JSON
from tests.delivery import send

DOCS = Path(__file__).resolve().parents[2] / "docs"
STAND_IN = "https://dunlin.example.com"
ANY = "…"


@dataclass(frozen=True, slots=True)
class Call:
    kind: str  # graphql or sh
    text: str
    variables: JSON
    answer: JSON


def calls(page: str) -> Iterator[Call]:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    blocks = [(kind, text) for kind, text in blocks if kind in ("graphql", "sh", "json")]
    while blocks:
        kind, text = blocks.pop(0)
        assert kind != "json", f"nothing asks for this: {text}"
        shown = json.loads(blocks.pop(0)[1])
        variables = {}
        if not shown.keys() & {"data", "errors"}:
            variables, shown = shown, json.loads(blocks.pop(0)[1])
        yield Call(kind, text, variables, shown)


async def run_in_a_shell(text: str, address: str, token: str) -> JSON:
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", text.replace(STAND_IN, address)),
        env={**os.environ, "TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await shell.communicate()
    answer: JSON = json.loads(said)
    return answer


def as_shown(found: object, shown: object) -> object:
    """Return `found` with `…` wherever that is shown."""
    if shown == ANY:
        return ANY
    if isinstance(found, dict) and isinstance(shown, dict):
        return {name: as_shown(value, shown.get(name)) for name, value in found.items()}
    if isinstance(found, list) and isinstance(shown, list) and len(found) == len(shown):
        return [as_shown(*pair) for pair in zip(found, shown, strict=True)]
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("page", ["api.md", "live.md"])
async def test_the_calls_of_a_page_answer_what_it_shows(
    services: Services, http: httpx.AsyncClient, api_address: str, page: str
) -> None:
    organization, _ = await a_collecting_organization(services)
    token = await a_token(services, organization)
    http.headers["Authorization"] = f"Bearer {token}"
    http.headers["Accept"] = "application/graphql-response+json"
    shown = list(calls(page))
    assert shown
    for call in shown:
        for _ in range(2):  # none of them does more when it is sent again
            found = await answer_to(call, http, api_address, token)
            if "extensions" not in call.answer:
                found.pop("extensions", None)
            assert as_shown(found, call.answer) == call.answer, call.text
        await send(services)


async def answer_to(call: Call, http: httpx.AsyncClient, address: str, token: str) -> JSON:
    if call.kind == "sh":
        return await run_in_a_shell(call.text, address, token)
    answer: JSON = (await http.post("/graphql", json={"query": call.text, "variables": call.variables})).json()
    return answer
