"""Documents over our own schema are answered alike, whether they are compiled or executed step by step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)
from graphql.execution.executor import Executor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunlin.api.context import Context
from dunlin.api.execution import executor as executing
from dunlin.api.execution.run import Select, run
from dunlin.api.ids import encode_id
from dunlin.api.schema import schema
from dunlin.domain import tables
from dunlin.domain.choices import Permission
from dunlin.runtime.wiring import Services
from tests.build import NOW, SMS, a_cycle, a_new_case, a_received_text, a_token, an_organization, connect_sms, open_one
from tests.client import JSON
from tests.conftest import SandboxCarrier
from tests.delivery import send
from tests.integration.test_api_cost import an_api
from tests.integration.test_api_random_documents import valid
from tests.introspection import is_page, node_types

TYPES = schema._schema.type_map
CHANGING = ("rateLimit", "lastUsedAt", "asOf", "forecast")  # tell of the requests themselves, or of now
EXAMPLES = 150


@dataclass(frozen=True, slots=True)
class World:
    """Tokens of one account, of one who may see all, who may not see customers, and who may not read; and ids."""

    tokens: tuple[str, str, str]
    ids: dict[str, str]


@pytest_asyncio.fixture
async def world(services: Services, sandbox: SandboxCarrier) -> World:
    """An organization with three cases: one was sent a text, one is paused, one has a customer without language."""
    organization = await an_organization(country="GB")
    await connect_sms(services, organization)
    cycle = await a_cycle(organization, [SMS, SMS], days=[7, 90])
    for reference in ("INV-1", "INV-2", "INV-3"):
        await open_one(services, cycle, a_new_case(reference))
    while await send(services):
        pass
    await a_received_text(services, organization)
    await tables.CollectionCase.filter(external_reference="INV-2").update(paused_at=NOW, overpaid="0.0079")
    await tables.Customer.filter(organization_id=organization.id).update(language=None)
    everything = frozenset(Permission)
    tokens = (
        await a_token(services, organization),
        await a_token(services, organization, everything - {Permission.COLLECT}),
        await a_token(services, organization, frozenset({Permission.CONFIGURE})),
    )
    return World(tokens, await _ids(organization))


async def _ids(organization: tables.Organization) -> dict[str, str]:
    """Return the id of one object of each type that there is."""
    ids: dict[str, str] = {"Organization": encode_id("Organization", organization.id)}
    for name in node_types() - {"Organization"}:
        table: Any = getattr(tables, {"DeliveryStatusEvent": "DeliveryEvent", "ApiToken": "Token"}.get(name, name))
        row = await table.all().order_by("id").first()
        ids[name] = encode_id(name, 1 if row is None else row.pk)
    return ids


ARGUMENTS = {
    "first": ["1", "2", "$first", "$second", "$missing", "0"],
    "last": ["2", "$second", "$missing", "101"],
    "after": ['"bad"', "null", "$cursor"],
    "category": ["MESSAGING"],
    "filter": ["null", "{}"],
}
VARIABLES = "($id: ID!, $ids: [ID!]! = [], $first: Int = 2, $second: Int, $missing: Int, $cursor: String, " + (
    "$yes: Boolean!, $no: Boolean! = false)"
)
# Each variable is used somewhere, or the document would not be valid.
ALL_USED = (
    "all: organization(id: $id) @skip(if: true) { cases: collectionCases(first: $first, after: $cursor) { totalCount }"
    " a: collectionCases(first: $second) { totalCount } b: collectionCases(last: $missing) { totalCount }"
    " name @skip(if: $yes) country @include(if: $no) } nodes(ids: $ids) { id }"
)


@dataclass
class Written:
    """A document over what there is, with all that a selection can be made of."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    fragments: list[str] = field(default_factory=list)
    names: int = 0

    def any_of(self, *choices: str) -> str:
        return str(self.draw(st.sampled_from(choices)))

    def selection(self, kind: GraphQLNamedType, depth: int) -> str:
        if isinstance(kind, GraphQLInterfaceType):
            kinds = self.draw(st.lists(st.sampled_from(sorted(node_types())), min_size=1, max_size=3, unique=True))
            inner = " ".join(f"... on {name} {self.selection(TYPES[name], depth)}" for name in kinds)
            return f"{{ {self.any_of('id', '__typename', '... on Node { id }')} {inner} }}"
        assert isinstance(kind, GraphQLObjectType)
        fields = [
            (name, shape)
            for name, shape in kind.fields.items()
            if name not in CHANGING and (is_leaf_type(get_named_type(shape.type)) or depth > 0 or is_page(kind))
        ]
        chosen = self.draw(st.lists(st.sampled_from(fields), min_size=1, max_size=5))
        return f"{{ {' '.join(self._somehow(kind, self._field(kind, name, shape, depth)) for name, shape in chosen)} }}"

    def _somehow(self, kind: GraphQLObjectType, text: str) -> str:
        """Return a field as it is, or in a fragment."""
        match self.any_of("", "", "", "", "", "inline", "untyped", "named", "typename"):
            case "inline":
                return f"... on {kind.name}{self._directive()} {{ {text} }}"
            case "untyped":
                return f"...{self._directive()} {{ {text} }}"
            case "named":
                self.fragments.append(f"fragment F{len(self.fragments)} on {kind.name} {{ {text} }}")
                return f"...F{len(self.fragments) - 1}{self._directive()}"
            case "typename":
                return f"{self.any_of('', 'kind: ')}__typename {text}"
            case _:
                return text

    def _field(self, kind: GraphQLObjectType, name: str, shape: GraphQLField, depth: int) -> str:
        inner = get_named_type(shape.type)
        called = self._arguments(shape)
        self.names += 1
        # Without arguments the same field may be there twice and is merged.
        alias = f"x{self.names}: " if called else self.any_of("", "", "", f"x{self.names}: ")
        text = f"{alias}{name}{called}{self._directive()}"
        if is_leaf_type(inner):
            return text
        return f"{text} {self.selection(inner, depth if is_page(kind) or is_page_type(inner) else depth - 1)}"

    def _arguments(self, shape: GraphQLField) -> str:
        given = {
            name: self.any_of(*ARGUMENTS[name])
            for name in shape.args
            if name in ARGUMENTS and self.any_of("", "", "given")
        }
        if "kind" in shape.args:
            given["kind"] = self.any_of("SMS", "EMAIL")
        return f"({', '.join(f'{name}: {value}' for name, value in given.items())})" if given else ""

    def _directive(self) -> str:
        return self.any_of(
            *[""] * 9, " @skip(if: $yes)", " @include(if: $yes)", " @skip(if: $no)", " @include(if: $no)"
        )


def is_page_type(kind: GraphQLNamedType) -> bool:
    return isinstance(kind, GraphQLObjectType) and is_page(kind)


@st.composite
def documents(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[str, JSON, int]:
    """A document, variables, and which of the tokens asks. `$id` is to be an organization's, unless it says of what."""
    written = Written(draw)
    kind = draw(st.sampled_from(["Organization", "Organization", *sorted(node_types())]))
    depth = draw(st.integers(1, 3))
    roots = [f"node(id: $id) {{ id ... on {kind} {written.selection(TYPES[kind], depth)} }}"]
    if draw(st.booleans()):
        roots.append(f"organizations {written.selection(TYPES['OrganizationConnection'], depth - 1)}")
    if draw(st.booleans()):
        roots.append(f"some: nodes(ids: $ids) {written.selection(TYPES['Node'], 1)}")
    text = f"query {VARIABLES} {{ {' '.join(roots)} {ALL_USED} }} {' '.join(written.fragments)}"
    variables: JSON = {"yes": draw(st.booleans()), "kind": kind}
    variables |= draw(st.sampled_from([{}, {"first": 1}, {"second": 3}, {"no": True, "cursor": None}]))
    return text, variables, draw(st.sampled_from([0, 0, 0, 1, 1, 2]))


@cache
def made_up() -> list[tuple[str, JSON, int]]:
    """Return documents that are valid, always the same ones."""
    found: list[tuple[str, JSON, int]] = []

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(documents())
    def collect(example: tuple[str, JSON, int]) -> None:
        if not validate(schema._schema, parse(example[0])):
            found.append(example)

    collect()
    return found


async def answer(http: httpx.AsyncClient, token: str, text: str, variables: JSON) -> JSON:
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "same"}
    body: JSON = (await http.post("/graphql", json={"query": text, "variables": variables}, headers=headers)).json()
    body.pop("extensions", None)
    return {**body, "errors": sorted(body.get("errors", []), key=str)}


async def answers(
    http: httpx.AsyncClient, token: str, asked: tuple[str, JSON], patching: pytest.MonkeyPatch
) -> tuple[JSON, JSON]:
    """Return what is answered by a compiled query, and by one that is not."""
    compiled = await answer(http, token, *asked)
    with patching.context() as patch:
        patch.setattr(Context, "compiled", None)
        return compiled, await answer(http, token, *asked)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Select]:
    """What has run as it was compiled."""
    noted: list[Select] = []

    async def noting(select: Select, executor: Executor[Any]) -> dict[str, Any] | None:
        noted.append(select)
        return await run(select, executor)

    monkeypatch.setattr(executing, "run", noting)
    return noted


async def test_noise_is_answered_alike_compiled_or_not(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for asked in valid():
        if not any(name in asked[0] for name in CHANGING):
            compiled, plain = await answers(http, world.tokens[0], asked, monkeypatch)
            assert compiled == plain, asked


async def test_what_there_is_is_shown_alike_compiled_or_not(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch, ran: list[Select]
) -> None:
    failing = 0
    for text, variables, place in made_up():
        ids = {"id": world.ids[variables["kind"]], "ids": [*world.ids.values(), "bad"][:9]}
        given = {**variables, **ids}
        del given["kind"]
        compiled, plain = await answers(http, world.tokens[place], (text, given), monkeypatch)
        assert compiled == plain, (text, given)
        failing += bool(plain["errors"])

    assert len(ran) > EXAMPLES // 3
    assert failing > EXAMPLES // 10


LISTS = {
    "reminders": "Reminder",
    "collectionCases": "CollectionCase",
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("place", [0, 1], ids=["by who may see", "by who may not see"])
async def test_every_value_that_is_shown_straight_from_a_record_is_the_object_s(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch, name: str, place: int
) -> None:
    entry = _values(TYPES[LISTS[name]], 3)
    query = (
        f"query ($id: ID!) {{ organization(id: $id) {{ {name} {{ nodes {entry} edges {{ cursor node {entry} }} }} }} }}"
    )

    compiled, plain = await answers(http, world.tokens[place], (query, {"id": world.ids["Organization"]}), monkeypatch)

    assert compiled == plain
    assert len(compiled["data"]["organization"][name]["nodes"]) > 0


def _values(kind: GraphQLNamedType, depth: int) -> str:
    """Select all that is made of columns, and the same of what a record refers to."""
    assert isinstance(kind, GraphQLObjectType)
    chosen = ["__typename"]
    made: Any = getattr(kind.extensions["strawberry-definition"].origin, "shape", None)
    for name, shape in kind.fields.items():
        inner, python_name = get_named_type(shape.type), shape.extensions["strawberry-definition"].python_name
        if made is not None and python_name not in {**made.made, **made.relations}:
            continue
        chosen.append(name if is_leaf_type(inner) else f"{name} {_values(inner, depth - 1)}")
    return f"{{ {' '.join(chosen)} }}"


async def test_a_value_that_cannot_be_shown_of_one_record_makes_null_there_only(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tables.CollectionCase.filter(external_reference="INV-2").update(overpaid="NaN")
    query = "query ($id: ID!) { organization(id: $id) { collectionCases { nodes { number overpaid { amount } } } } }"

    compiled, plain = await answers(http, world.tokens[0], (query, {"id": world.ids["Organization"]}), monkeypatch)

    assert compiled == plain
    assert [error["path"][-3:] for error in compiled["errors"]] == [[1, "overpaid", "amount"]]
    assert len(compiled["data"]["organization"]["collectionCases"]["nodes"]) == 3


async def test_errors_of_lists_read_ahead_are_told_once_and_in_their_place(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = """query ($id: ID!) { one: organization(id: $id) { name reminders(first: 0) { nodes { id } } }
                                  two: organization(id: $id) { name reminders(first: 1) { nodes { id } } } }"""

    compiled, plain = await answers(http, world.tokens[0], (query, {"id": world.ids["Organization"]}), monkeypatch)

    assert compiled == plain
    assert [error["path"] for error in compiled["errors"]] == [["one", "reminders"]]
    assert compiled["data"]["one"] is None
    assert compiled["data"]["two"]


async def test_compiled_queries_can_be_switched_off(services: Services, world: World, ran: list[Select]) -> None:
    async with an_api(services, 0) as on, an_api(services, 0, compiled_queries=False) as off:
        shown = [await answer(one, world.tokens[0], "{ organizations { nodes { name } } }", {}) for one in (off, on)]

    assert shown[0] == shown[1]
    assert len(ran) == 1
