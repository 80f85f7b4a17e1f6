"""What is served beside GraphQL: health, the way to GraphiQL, and a walk-through that works."""

import json
from pathlib import Path

import httpx
import pytest
from graphql import OperationDefinitionNode, parse, validate

from dunlin.api.schema import schema
from dunlin.api.walkthrough import walkthrough_page
from dunlin.runtime.wiring import Services
from tests.build import NONE, a_cycle, a_token, an_organization
from tests.client import error_codes


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_process_that_lives_and_reaches_its_database_says_so(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_the_front_door_leads_to_graphiql(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")

    assert answer.is_redirect
    assert answer.headers["location"] == "/graphiql"
    assert (await http.get("/graphiql")).status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/graphql/x", "/webhooks", "/webhooks/twilio", "/admin", "/.env"])
async def test_an_unknown_path_is_not_found(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


async def test_the_tabs_of_the_walk_through_fit_the_schema_and_have_their_variables(http: httpx.AsyncClient) -> None:
    tabs = (await http.get("/graphiql/settings.json")).json()["tabs"]

    assert len(tabs) == 8
    for tab in tabs:
        document = parse(tab["query"])
        assert validate(schema._schema, document) == [], tab["title"]
        [operation] = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        wanted = {variable.variable.name.value for variable in operation.variable_definitions or ()}
        assert wanted == set(json.loads(tab["variables"] or "{}")), tab["title"]


async def test_without_an_embedded_run_the_page_holds_no_token(http: httpx.AsyncClient, services: Services) -> None:
    await a_token(services, await an_organization())

    settings = (await http.get("/graphiql/settings.json")).json()

    assert settings["token"] is None
    assert json.loads(settings["tabs"][1]["variables"]) == {"organizationId": ""}


async def test_the_walk_through_can_be_clicked_through_from_the_first_tab_to_the_last(
    http: httpx.AsyncClient, services: Services, tmp_path: Path
) -> None:
    organization = await an_organization()
    await a_cycle(organization, [NONE])
    token_file = tmp_path / "token"
    token_file.write_text(await a_token(services, organization) + "\n")
    settings = services.settings.model_copy(update={"dev_token_file": token_file})

    page = await walkthrough_page(settings)

    headers = {"Authorization": f"Bearer {page.token}"}
    for tab in page.tabs:
        if tab.query.startswith("subscription"):
            continue
        given = {"query": tab.query, "variables": json.loads(tab.variables or "{}")}
        body = (await http.post("/graphql", json=given, headers=headers)).json()
        assert error_codes(body) == [], tab.title
        [result] = body["data"].values()
        assert result.get("userErrors", []) == [], tab.title
