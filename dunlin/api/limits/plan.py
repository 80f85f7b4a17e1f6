"""What a valid document costs, as far as that can be said before its variables are known.

Every field becomes a `Cost`, every selection a sum of them. Fragments are planned once each. What is selected twice
is counted twice, though it is shown once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from dunlin.api.limits.fields import FieldCosts, Repeated


@dataclass(frozen=True, slots=True)
class Absent:
    """A value that was not given."""


@dataclass(frozen=True, slots=True)
class Named:
    """The value of a variable, or the part of it at `path`. What it is if it is not given, the operation says."""

    variable: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A value that stands in the document: a number, the length of a list, or something else (None)."""

    number: int | None


Value = Absent | Named | Known
ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Cost:
    """One field. `times` are the arguments that say how often it repeats; `inner` is what is selected of each."""

    repeated: Repeated
    times: tuple[Value, ...]
    inner: "Selected | None"


@dataclass(frozen=True, slots=True)
class Selected:
    costs: tuple[Cost, ...]
    spreads: frozenset[str]


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation selects, and the defaults of its variables, which count in the fragments it spreads as well."""

    selected: Selected
    defaults: Mapping[str, ValueNode]
    is_subscription: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Of each operation by its name (None: it has none), and of each fragment.

    `has_variables` says whether any variable counts. `known` is what operations cost, kept where none does.
    """

    operations: Mapping[str | None, Operation]
    fragments: Mapping[str, Selected]
    has_variables: bool
    known: dict[str | None, int] = field(default_factory=dict, compare=False)


def plan_of(document: DocumentNode, schema: GraphQLSchema, costs: FieldCosts) -> Plan:
    """Return the plan of a document that is valid and within the bounds."""
    operations: dict[str | None, Operation] = {}
    fragments: dict[str, Selected] = {}
    planner = _Planner(schema, costs)
    for one in document.definitions:
        if isinstance(one, OperationDefinitionNode):
            selected = planner.selected(one.selection_set, schema.get_root_type(one.operation))
            is_subscription = one.operation is OperationType.SUBSCRIPTION
            operations[one.name.value if one.name else None] = Operation(selected, _defaults(one), is_subscription)
        elif isinstance(one, FragmentDefinitionNode):
            on_type = schema.get_type(one.type_condition.name.value)
            fragments[one.name.value] = planner.selected(one.selection_set, on_type)
    return Plan(operations, fragments, planner.has_variables)


def value_at(value: ValueNode | None, path: Sequence[str]) -> Value:
    """Return what stands at a path of what is written as an argument or as a variable's default."""
    for place, name in enumerate(path):
        if isinstance(value, VariableNode):
            return Named(value.name.value, tuple(path[place:]))
        fields = value.fields if isinstance(value, ObjectValueNode) else ()
        value = next((one.value for one in fields if one.name.value == name), None)
    return ABSENT if value is None else _written(value)


def _defaults(operation: OperationDefinitionNode) -> Mapping[str, ValueNode]:
    return {
        one.variable.name.value: one.default_value
        for one in operation.variable_definitions or ()
        if one.default_value is not None
    }


def _written(value: ValueNode) -> Value:
    match value:
        case VariableNode():
            return Named(value.name.value, ())
        case NullValueNode():
            return ABSENT
        case IntValueNode():
            # A literal may have thousands of digits, which take their time to be read.
            return Known(int(value.value) if len(value.value) < 10 else None)
        case ListValueNode():
            return Known(len(value.values))
        case _:
            return Known(None)


@dataclass(slots=True)
class _Planner:
    schema: GraphQLSchema
    costs: FieldCosts
    has_variables: bool = False

    def selected(self, selection_set: SelectionSetNode, on_type: GraphQLNamedType | None) -> Selected:
        costs: list[Cost] = []
        spreads: set[str] = set()
        for node in selection_set.selections:
            match node:
                case FieldNode():
                    costs.append(self._cost(node, on_type))
                case FragmentSpreadNode():
                    spreads.add(node.name.value)
                case InlineFragmentNode():
                    condition = node.type_condition
                    inner_type = on_type if condition is None else self.schema.get_type(condition.name.value)
                    inner = self.selected(node.selection_set, inner_type)
                    costs += inner.costs
                    spreads |= inner.spreads
        return Selected(tuple(costs), frozenset(spreads))

    def _cost(self, node: FieldNode, on_type: GraphQLNamedType | None) -> Cost:
        assert is_composite_type(on_type), "the document is valid"
        shape = self.schema.get_field(on_type, node.name.value)
        assert shape is not None, "the document is valid"
        repeated = self.costs.of(on_type.name, node.name.value, shape)
        times = tuple(_argument(node, path) for path in repeated.given)
        self.has_variables |= any(isinstance(one, Named) for one in times)
        inner = self.selected(node.selection_set, get_named_type(shape.type)) if node.selection_set else None
        return Cost(repeated, times, inner)


def _argument(node: FieldNode, path: Sequence[str]) -> Value:
    value = next((one.value for one in node.arguments or () if one.name.value == path[0]), None)
    return value_at(value, path[1:])
