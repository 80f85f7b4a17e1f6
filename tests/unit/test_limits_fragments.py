"""An operation costs the same however it is written: in fragments or not, by defaults, variables or literals."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from graphql import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from dunlin.api.limits.cost import cost_of_operation
from dunlin.api.limits.fields import FieldCosts
from dunlin.api.limits.plan import plan_of
from dunlin.api.limits.validation import flaws_of
from dunlin.api.schema import schema
from tests.client import JSON

COSTS = FieldCosts()
MISSING = object()
Draw = Callable[[st.SearchStrategy[Any]], Any]


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


@dataclass(frozen=True)
class Argument:
    """`kind` is the variable's type, or None where a literal stands."""

    kind: str | None
    default: object = MISSING
    given: object = MISSING

    @property
    def value(self) -> object:
        return self.default if self.given is MISSING else self.given


@dataclass(frozen=True)
class Field:
    name: str
    arguments: tuple[tuple[str, Argument], ...]
    inner: "Selection | None"


@dataclass(frozen=True)
class Selection:
    on_type: str
    fields: tuple[Field, ...]
    is_spread: bool


@dataclass
class Writing:
    """Writes a selection down, with or without fragments, with its variables or with what they amount to."""

    fragments: bool = False
    literals: bool = False
    written: list[str] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    variables: JSON = field(default_factory=dict)
    names: int = 0

    def document(self, selection: Selection) -> str:
        chosen = self.selection(selection)
        declared = f" ({', '.join(self.declared)})" if self.declared else ""
        return " ".join([f"query{declared} {chosen}", *self.written])

    def selection(self, selection: Selection) -> str:
        fields = " ".join(self.field(one) for one in selection.fields)
        if not (self.fragments and selection.is_spread):
            return f"{{ ... on {selection.on_type} {{ {fields} }} }}"
        self.names += 1
        name = f"F{self.names}"
        self.written.append(f"fragment {name} on {selection.on_type} {{ {fields} }}")
        return f"{{ ...{name} }}"

    def field(self, one: Field) -> str:
        self.names += 1
        alias = f"a{self.names}: " if one.arguments else ""
        arguments = [f"{name}: {value}" for name, given in one.arguments if (value := self.argument(given))]
        called = f"({', '.join(arguments)})" if arguments else ""
        inner = "" if one.inner is None else f" {self.selection(one.inner)}"
        return f"{alias}{one.name}{called}{inner}"

    def argument(self, argument: Argument) -> str:
        if self.literals or argument.kind is None:
            return "" if argument.value is MISSING else literal(argument.value)
        self.names += 1
        name = f"v{self.names}"
        default = "" if argument.default is MISSING else f" = {literal(argument.default)}"
        self.declared.append(f"${name}: {argument.kind}{default}")
        if argument.given is not MISSING:
            self.variables[name] = argument.given
        return f"${name}"


def literal(value: object) -> str:
    return "null" if value is None else ids(len(value)) if isinstance(value, list) else str(value)


SIZES = st.sampled_from([0, 1, 2, 10, 60, 100, 1_000])
PAGE_SIZES = st.one_of(st.just(MISSING), st.none(), SIZES)
LISTS = st.integers(0, 100).map(lambda number: ["7"] * number)


@st.composite
def page_sizes(draw: Draw) -> Argument:
    kind = draw(st.sampled_from([None, "Int", "Int"]))
    return Argument(kind, draw(PAGE_SIZES), draw(PAGE_SIZES) if kind else MISSING)


@st.composite
def lists(draw: Draw) -> Argument:
    kind = draw(st.sampled_from([None, "[ID!]!", "[ID!]!"]))
    default = draw(LISTS)
    given_instead = draw(st.one_of(st.just(MISSING), LISTS)) if kind else MISSING
    return Argument(kind, MISSING if given_instead is not MISSING and draw(st.booleans()) else default, given_instead)


# Of each type what may be selected: the field, its argument and the type of what is selected in there.
FIELDS: dict[str, list[tuple[str, str, str]]] = {
    "Query": [("nodes", "ids", "Organization"), ("organizations", "first", "OrganizationConnection")],
    "OrganizationConnection": [("nodes", "", "Organization"), ("edges", "", "OrganizationEdge")],
    "OrganizationEdge": [("node", "", "Organization")],
    "Organization": [("name", "", ""), ("collectionCases", "first", "CollectionCaseConnection")],
    "CollectionCaseConnection": [("nodes", "", "CollectionCase"), ("totalCount", "", "")],
    "CollectionCase": [("id", "", ""), ("customer", "", "Customer"), ("reminders", "last", "ReminderConnection")],
    "Customer": [("id", "", ""), ("name", "", "")],
    "ReminderConnection": [("nodes", "", "Reminder")],
    "Reminder": [("id", "", "")],
}


@st.composite
def selections(draw: Draw, on_type: str = "Query") -> Selection:
    chosen = draw(st.lists(st.sampled_from(FIELDS[on_type]), min_size=1, max_size=2, unique=True))
    fields = []
    for name, argument, inner in chosen:
        given_there = draw(lists() if argument == "ids" else page_sizes()) if argument else None
        arguments = ((argument, given_there),) if given_there else ()
        fields.append(Field(name, arguments, draw(selections(inner)) if inner else None))
    return Selection(on_type, tuple(fields), draw(st.booleans()))


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
