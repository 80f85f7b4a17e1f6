"""What operations cost, and that no field of the schema has been forgotten."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_introspection_query,
    get_named_type,
    parse,
)

from dunlin.api.limits import weights
from dunlin.api.limits.cost import MOST, MOST_OF_SUBSCRIPTION, cost_of_operation, most_of_operation
from dunlin.api.limits.fields import FieldCosts, assumed_length, is_connection, is_list
from dunlin.api.limits.plan import plan_of
from dunlin.api.limits.validation import flaws_of
from dunlin.api.pages import MAX_PAGE
from dunlin.api.schema import schema
from tests.introspection import OBJECTS

TYPES = schema._schema.type_map
LISTS = {
    f"{name}.{field}": shape
    for name, kind in TYPES.items()
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    for field, shape in kind.fields.items()
    if is_list(shape.type)
}


def cost(text: str, variables: Mapping[str, object] | None = None, name: str | None = None) -> int:
    document = parse(text)
    assert flaws_of(schema._schema, document) == []
    return cost_of_operation(plan_of(document, schema._schema, FieldCosts()), name, variables or {})


def test_every_list_has_a_length_that_it_is_taken_to_have() -> None:
    by_itself = {
        coordinate
        for coordinate in LISTS
        if coordinate in {*weights.GIVEN, *weights.ENTRIES}
        or coordinate.split(".")[1] in weights.LISTS_BY_NAME
        or is_connection(TYPES[coordinate.split(".")[0]])
    }

    assert set(LISTS) - by_itself == set(weights.LISTS)


def test_every_weight_is_that_of_a_field_that_there_is() -> None:
    named = {*weights.WEIGHTS, *weights.GIVEN, *weights.ENTRIES, *weights.FREE} - {"Query.__typename"}

    assert {one for one in named if one.split(".")[1] not in OBJECTS[one.split(".")[0]].fields} == set()


def test_every_page_has_a_first_that_is_its_size() -> None:
    pages = [
        shape
        for kind in OBJECTS.values()
        for shape in kind.fields.values()
        if is_connection(get_named_type(shape.type))
    ]

    assert pages
    assert all("first" in shape.args for shape in pages)


def test_a_list_that_nobody_has_thought_of_counts_as_a_full_page() -> None:
    assert assumed_length("Organization.news") == MAX_PAGE


ORGANIZATION = '{ organization(id: "x") { %s } }'
CASES = ORGANIZATION % "collectionCases%s { %s }"


@pytest.mark.parametrize(
    ("text", "points"),
    [
        pytest.param("{ viewer { name } }", 1, id="what has no id: a tenth each, rounded up"),
        pytest.param(ORGANIZATION % "name", 2, id="an object"),
        pytest.param(CASES % ("(first: 1)", "nodes { number }"), 1 + 2 + 2, id="a page of one"),
        pytest.param(CASES % ("(first: 10)", "nodes { id }"), 1 + 2 + 11, id="a page of ten"),
        pytest.param(CASES % ("(last: 10)", "nodes { id }"), 1 + 2 + 11, id="from the end"),
        pytest.param(CASES % ("", "nodes { id }"), 1 + 2 + 55, id="a page as it comes"),
        pytest.param(CASES % ("(first: 10)", "edges { cursor node { id } }"), 1 + 2 + 10 + 3, id="edges"),
        pytest.param(CASES % ("(first: 100)", "totalCount"), 1 + 2 + 51, id="a count is not repeated"),
        pytest.param(
            CASES % ("(first: 10)", "nodes { customer { id } }"), 1 + 2 + 10 * 2 + 1, id="an object of each entry"
        ),
        pytest.param(
            CASES % ("(first: 10)", "nodes { steps { id } }"), 1 + 2 + 10 + 10 * 6 + 10 * 6 // 10 + 1, id="lists"
        ),
        pytest.param(
            CASES % ("(first: 10)", "nodes { reminders(first: 10) { nodes { id } } }"), 143, id="pages of pages"
        ),
        pytest.param("{ rateLimit { cost remaining } }", 0, id="to ask what is left"),
        pytest.param(
            'mutation { removeStep(input: {stepId: "x"}) { userErrors { code } } }', 11, id="a mutation costs ten more"
        ),
        pytest.param('{ nodes(ids: ["x", "y", "z"]) { id } }', 4, id="nodes by their ids"),
        pytest.param(ORGANIZATION % "forecast { isComplete }", 502, id="what takes long"),
    ],
)
def test_an_operation_costs(text: str, points: int) -> None:
    assert cost(text) == points


PAGE = "query ($n: Int) { organizations(first: $n) { nodes { id } } }"
DEFAULT = PAGE.replace("Int", "Int = 20")


@pytest.mark.parametrize(
    ("text", "variables", "entries"),
    [
        pytest.param(PAGE, {"n": 30}, 30, id="given"),
        pytest.param(PAGE, {}, 50, id="not given"),
        pytest.param(PAGE, {"n": None}, 50, id="null"),
        pytest.param(PAGE, {"n": 10**400}, 100, id="more than there may be"),
        pytest.param(PAGE, {"n": -5}, 0, id="less than nothing"),
        pytest.param(PAGE, {"n": "30"}, 100, id="no number"),
        pytest.param(PAGE, {"n": True}, 100, id="no number either"),
        pytest.param(PAGE, {"n": 3.5}, 100, id="no whole number"),
        pytest.param(DEFAULT, {}, 20, id="its default"),
        pytest.param(DEFAULT, {"n": 30}, 30, id="given, with a default"),
        pytest.param(DEFAULT, {"n": None}, 50, id="null, with a default"),
    ],
)
def test_variables_are_looked_at_as_they_came(text: str, variables: Mapping[str, object], entries: int) -> None:
    assert cost(text, variables) == 2 + entries + -(-entries // 10)


def test_ids_in_variables_are_counted() -> None:
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    given: list[object] = [["x"] * 10, ["x"] * 5_000, "x", {}]

    assert [cost(text, {"ids": ids}) for ids in given] == [12, 111, 111, 111]


OPEN = (
    "mutation ($cases: [OpenCaseInput!]!) { openCollectionCases(input: {organizationId: 1, cycleId: 2, cases: $cases})"
)
OPEN_ALL = "mutation ($input: OpenCollectionCasesInput!) { openCollectionCases(input: $input)"
SHOWN = " { cases { id } } }"
UNSHOWN = " { userErrors { code } } }"


def test_cases_that_are_opened_cost_a_point_each_and_what_is_shown_of_them() -> None:
    cases: list[object] = [{}] * 100

    assert cost(OPEN + UNSHOWN, {"cases": cases}) == 10 + 100 + 1
    assert cost(OPEN + SHOWN, {"cases": cases}) == 10 + 100 + 110 + 1
    assert cost(OPEN_ALL + SHOWN, {"input": {"cases": cases}}) == 10 + 100 + 110 + 1


def test_a_full_call_may_show_what_it_opened() -> None:
    assert cost(OPEN + SHOWN, {"cases": [{}] * 1_000}) <= MOST


def test_fragments_count_wherever_they_are_spread() -> None:
    written = CASES % ("(first: 10)", "nodes { id number }")
    spread = (
        CASES % ("(first: 10)", "...Page")
        + " fragment Page on CollectionCaseConnection { nodes { ...Case } }"
        + " fragment Case on CollectionCase { id ... { number } }"
    )

    assert cost(spread) == cost(written)


def test_the_named_operation_is_the_one_that_is_counted() -> None:
    text = f"query A {ORGANIZATION % 'name'} query B {CASES % ('', 'nodes { id }')}"

    assert [cost(text, name=name) for name in ("A", "B", "C")] == [2, 58, 0]


def test_what_spreads_itself_out_costs_more_than_anybody_may_ask_for() -> None:
    page = "nodes { organization { collectionCases(first: 100) { %s } } }"
    text = CASES % ("(first: 100)", page % (page % (page % "nodes { id }")))

    assert cost(text) > MOST


def test_what_tools_ask_of_the_schema_is_not_too_dear() -> None:
    assert cost(get_introspection_query(input_value_deprecation=True), name="IntrospectionQuery") < MOST / 2


def test_a_subscription_is_allowed_less_than_a_query_beside_it() -> None:
    text = 'query A { viewer { name } } subscription B { deliveryStatus(organizationId: "x") { status } }'
    both = plan_of(parse(text), schema._schema, FieldCosts())
    alone = plan_of(parse(text.partition("} } ")[2]), schema._schema, FieldCosts())

    assert [most_of_operation(both, name) for name in ("A", "B", "C")] == [MOST, MOST_OF_SUBSCRIPTION, MOST]
    assert most_of_operation(alone, None) == MOST_OF_SUBSCRIPTION


REPOSITORY = Path(__file__).resolve().parents[2]
SHOWN_WATCHING = [
    REPOSITORY / "docs" / "live.md",
    REPOSITORY / "dunlin" / "api" / "static" / "walkthrough" / "4-watch.graphql",
    *REPOSITORY.glob("examples/python/*.py"),
    *REPOSITORY.glob("examples/typescript/src/*.ts"),
]


def test_what_is_shown_to_watch_with_is_far_from_too_dear() -> None:
    found = {
        path.name: cost(block[1])
        for path in SHOWN_WATCHING
        for block in re.findall(r"^( *)(subscription .*?^\1\})", path.read_text(), re.MULTILINE | re.DOTALL)
    }

    assert {"live.md", "4-watch.graphql", "dunlin_client.py", "documents.ts", "relay.ts"} == set(found)
    assert max(found.values()) < MOST_OF_SUBSCRIPTION / 2
