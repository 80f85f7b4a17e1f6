"""Documents made up from the schema by the hundred, nearly valid ones and mere noise: never a failure of ours."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
    validate,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dunlin.api.errors import ErrorCode
from dunlin.api.limits.cost import MOST
from dunlin.api.schema import schema
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_received_text, a_token, open_one
from tests.client import JSON
from tests.integration.test_api_generated import values

TYPES = schema._schema.type_map
EXAMPLES = 100
NEVER = {ErrorCode.INTERNAL, ErrorCode.UNAVAILABLE, ErrorCode.TIMEOUT, ErrorCode.UNAUTHENTICATED}


@dataclass
class Written:
    """A document that is being made up: its variables with their types, and values for them."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    variables: dict[str, str] = field(default_factory=dict)
    given: JSON = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)
    aliases: int = 0

    def one_in(self, many: int) -> bool:
        return bool(self.draw(st.integers(1, many)) == many)

    def selection(self, kind: GraphQLNamedType, depth: int) -> str:
        if isinstance(kind, GraphQLInterfaceType):
            chosen = [self._on(self.draw(st.sampled_from(_implementing(kind))), depth) for _ in range(2)]
            return f"{{ __typename {' '.join(chosen)} }}"
        assert isinstance(kind, GraphQLObjectType)
        usable = [name for name, shape in kind.fields.items() if depth or is_leaf_type(get_named_type(shape.type))]
        names = self.draw(st.lists(st.sampled_from(usable), min_size=1, max_size=4, unique=True)) if usable else []
        return f"{{ __typename {' '.join(self.field(name, kind.fields[name], depth) for name in names)} }}"

    def field(self, name: str, shape: GraphQLField, depth: int) -> str:
        self.aliases += 1
        arguments = {
            key: self.argument(argument)
            for key, argument in shape.args.items()
            if is_required_argument(argument) or self.one_in(4)
        }
        kind = get_named_type(shape.type)
        alias = f"a{self.aliases}: " if arguments or self.one_in(5) else ""
        called = f"({', '.join(f'{key}: {value}' for key, value in arguments.items())})" if arguments else ""
        directive = " @include(if: true)" if self.one_in(9) else ""
        inner = "" if is_leaf_type(kind) else f" {self._inner(kind, depth - 1)}"
        return f"{alias}{name}{called}{directive}{inner}"

    def argument(self, argument: GraphQLArgument) -> str:
        name = f"v{len(self.variables)}"
        self.variables[name] = str(argument.type)
        if not isinstance(argument.type, GraphQLNonNull) and self.one_in(6):
            return f"${name}"  # a value is missing
        self.given[name] = self.draw(_small(argument))
        return f"${name}"

    def _inner(self, kind: GraphQLNamedType, depth: int) -> str:
        chosen = self.selection(kind, max(depth, 0) if not _is_page(kind) else depth + 1)
        if not self.one_in(6):
            return chosen
        self.fragments.append(f"fragment F{len(self.fragments)} on {kind.name} {chosen}")
        return f"{{ ...F{len(self.fragments) - 1} }}"

    def _on(self, kind: GraphQLObjectType, depth: int) -> str:
        return f"... on {kind.name} {self.selection(kind, depth)}"


def _is_page(kind: GraphQLNamedType) -> bool:
    return kind.name.endswith(("Connection", "Edge"))


def _implementing(kind: GraphQLInterfaceType) -> list[GraphQLObjectType]:
    return [one for one in TYPES.values() if isinstance(one, GraphQLObjectType) and kind in one.interfaces]


def _small(argument: GraphQLArgument) -> st.SearchStrategy[Any]:
    """Values of an argument's type, pages small for the most part."""
    kind = argument.type.of_type if isinstance(argument.type, GraphQLNonNull) else argument.type
    if isinstance(kind, GraphQLList | GraphQLInputObjectType | GraphQLEnumType):
        return values(argument.type)
    return st.sampled_from([1, 2, 3, 10, 100, -1, 10**6]) if str(kind) == "Int" else values(argument.type)


@st.composite
def documents(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[str, JSON]:
    written = Written(draw)
    root = TYPES["Query"]
    chosen = written.selection(root, draw(st.integers(1, 4)))
    declared = " ".join(f"${name}: {kind}" for name, kind in written.variables.items())
    head = f"query ({declared})" if declared else "query"
    return " ".join([f"{head} {chosen}", *written.fragments]), written.given


SPOILT: Mapping[str, Callable[[str], str]] = {
    "nothing": lambda text: text,
    "a field": lambda text: text.replace("name", "nmae"),
    "an argument": lambda text: text.replace("first:", "frst:"),
    "a brace": lambda text: text[:-1],
    "a type": lambda text: text.replace("Int", "Itn").replace("ID!", "String"),
    "a fragment": lambda text: text.replace("...F0", "...F9"),
    "a variable": lambda text: text.replace("$v0", "$w0", 1),
    "twice": lambda text: f"{text} {text}",
    "a circle": lambda text: text.replace("fragment F0 on ", "fragment F0 on Query { ...F0 } fragment F1 on "),
}
NEARLY = st.tuples(documents(), st.sampled_from(sorted(SPOILT)))

WORDS = [*"{}()[]:=!$@&|,", "...", "on", "fragment", "query", "mutation", "subscription", "null", "true", "1", "-1.5e9"]
NAMES = ["viewer", "name", "organizations", "nodes", "node", "first", "id", "Query", "__schema", "__typename", "types"]
STRINGS = ['"x"', '"""x"""', '"', "#\n", "\ufeff", "\0", "\\", "é", "9" * 500]
NOISE = st.lists(st.sampled_from(WORDS + NAMES + STRINGS), max_size=60).map(" ".join)


def made_up(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Return examples, always the same ones."""
    found: list[Any] = []

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


@cache
def valid() -> list[tuple[str, JSON]]:
    return made_up(documents())


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await a_received_text(services, organization)
    return await a_token(services, organization)


@pytest.fixture(autouse=True)
def nothing_failed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO)
    with capture_logs() as logged:
        yield
    assert [entry for entry in logged if entry["log_level"] in ("error", "critical") or "exc_info" in entry] == []
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


async def answered(http: httpx.AsyncClient, token: str, query: str, variables: JSON) -> JSON:
    """Return the answer, which is one of GraphQL's and no failure of ours."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/graphql-response+json"}
    answer = await http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    body: JSON = answer.json()
    codes = {error["extensions"]["code"] for error in body.get("errors", [])}

    assert answer.status_code < 500, (query, variables, body)
    assert not codes & NEVER, (query, variables, body)
    return body


def shown(value: object) -> int:
    """Return how many objects and values an answer shows; a list of values counts as one."""
    if isinstance(value, dict):
        return 1 + sum(shown(one) for one in value.values())
    if isinstance(value, list):
        return sum(shown(one) for one in value) if any(isinstance(one, dict) for one in value) else 1
    return 1


def test_most_documents_that_are_made_up_are_valid() -> None:
    texts = [text for text, _ in valid()]

    assert sum(not validate(schema._schema, parse(text)) for text in texts) > EXAMPLES * 0.9
    assert sum("...F0" in text for text in texts) > EXAMPLES / 10


async def test_nobody_is_shown_more_than_they_have_paid_for(http: httpx.AsyncClient, token: str) -> None:
    outcomes: Counter[str] = Counter()
    for text, variables in valid():
        body = await answered(http, token, text, variables)
        codes = {error["extensions"]["code"] for error in body.get("errors", [])}
        outcomes.update(codes or {"OK"})
        if "data" in body and not codes:
            points = body["extensions"]["cost"]["requested"]
            assert points <= MOST
            assert shown(body["data"]) - 1 <= 10 * points + 10, (text, variables, body)

    assert outcomes["OK"] > EXAMPLES / 5, outcomes


async def test_a_document_that_is_nearly_valid_is_refused_by_name(http: httpx.AsyncClient, token: str) -> None:
    for (text, variables), spoilt in made_up(NEARLY):
        await answered(http, token, SPOILT[spoilt](text), variables)


async def test_noise_is_refused_by_name(http: httpx.AsyncClient, token: str) -> None:
    for text in made_up(NOISE):
        body = await answered(http, token, text, {})
        assert "errors" in body or "data" in body
