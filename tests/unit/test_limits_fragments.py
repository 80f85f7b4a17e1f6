"""An operation costs the same however it is written: in fragments or not, by defaults, variables or literals."""

import pytest
from graphql import parse
from hypothesis import given, settings

from dunlin.api.limits.cost import cost_of_operation
from dunlin.api.limits.fields import FieldCosts
from dunlin.api.limits.plan import plan_of
from dunlin.api.limits.validation import flaws_of
from dunlin.api.schema import schema
from tests.client import JSON
from tests.documents import Selection, Writing, selections

COSTS = FieldCosts()


def cost(text: str, variables: JSON) -> int:
    document = parse(text)
    return cost_of_operation(plan_of(document, schema._schema, COSTS), None, variables)


def ids(number: int) -> str:
    return f"[{', '.join(['7'] * number)}]"


def cases(number: int) -> str:
    case = '{externalReference: "A", customer: {externalReference: "C", name: "N"}, amountDue: {}, dueOn: "2026-01-01"}'
    money = case.replace("{}", '{amount: "1.00", currency: EUR}')
    return f"{{organizationId: 1, cycleId: 2, cases: [{', '.join([money] * number)}]}}"


@pytest.mark.parametrize(
    ("operation", "variable", "selected", "points"),
    [
        pytest.param("query", f"$n: [ID!]! = {ids(100)}", "nodes(ids: $n) { id }", 111, id="ids"),
        pytest.param("query", "$n: Int = 100", "organizations(first: $n) { nodes { id } }", 112, id="a page"),
        pytest.param("query", "$n: Int = 1", "organizations(last: $n) { nodes { id } }", 4, id="a small page"),
        pytest.param(
            "mutation",
            f"$n: OpenCollectionCasesInput! = {cases(20)}",
            "openCollectionCases(input: $n) { cases { id } }",
            10 + 20 + 22 + 1,
            id="a part of an input",
        ),
    ],
)
def test_a_default_counts_in_a_fragment_as_it_does_beside_it(
    operation: str, variable: str, selected: str, points: int
) -> None:
    directly = f"{operation} ({variable}) {{ {selected} }}"
    fragment = f"fragment F on {operation.capitalize()} {{ {selected} }}"

    assert flaws_of(schema._schema, parse(directly)) == []
    assert cost(directly, {}) == points
    assert cost(f"{operation} ({variable}) {{ ...F }} {fragment}", {}) == points


def test_a_fragment_has_the_defaults_of_the_operation_that_spreads_it() -> None:
    operations = " ".join(f"query Q{n} ($n: Int = {n}) {{ ...F }}" for n in (10, 100))
    document = parse(f"{operations} fragment F on Query {{ organizations(first: $n) {{ nodes {{ id }} }} }}")
    plan = plan_of(document, schema._schema, COSTS)

    assert [cost_of_operation(plan, name, {}) for name in ("Q10", "Q100")] == [13, 112]


@settings(max_examples=50, deadline=None)
@given(selections())
def test_whatever_is_written_is_valid(selection: Selection) -> None:
    text = Writing(fragments=True).document(selection)

    assert flaws_of(schema._schema, parse(text)) == [], text


@settings(max_examples=300, deadline=None)
@given(selections())
def test_an_operation_costs_the_same_however_it_is_written(selection: Selection) -> None:
    plain = Writing(literals=True)
    expected = cost(plain.document(selection), {})

    for fragments, literals in ((False, False), (True, False), (True, True)):
        writing = Writing(fragments, literals)
        text = writing.document(selection)
        assert cost(text, writing.variables) == expected, (text, writing.variables)
