"""Documents made up with pages and lists of ids, that can be written in several ways."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.client import JSON

MISSING = object()
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Ids:
    number: int


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
    """Writes a selection down, with or without fragments, with its variables or with what they amount to.

    `id` is what all lists of ids hold.
    """

    fragments: bool = False
    literals: bool = False
    id: str = "7"
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
            return "" if argument.value is MISSING else self.literal(argument.value)
        self.names += 1
        name = f"v{self.names}"
        default = "" if argument.default is MISSING else f" = {self.literal(argument.default)}"
        self.declared.append(f"${name}: {argument.kind}{default}")
        if argument.given is not MISSING:
            self.variables[name] = self.ids(argument.given)
        return f"${name}"

    def literal(self, value: object) -> str:
        return json.dumps(self.ids(value))

    def ids(self, value: object) -> object:
        return [self.id] * value.number if isinstance(value, Ids) else value


SIZES = st.sampled_from([1, 2, 10, 60, 100])
PAGE_SIZES = st.one_of(st.just(MISSING), st.none(), SIZES)
LISTS = st.builds(Ids, st.integers(0, 100))


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
