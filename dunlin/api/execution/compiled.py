"""What a document selects, compiled into functions: values are read and written in place, whatever lies deeper in turn.

Which fields belong together, aliases, fragments and directives are left to graphql-core, and so is every error.
"""

from collections.abc import Callable
from enum import EnumMeta
from operator import attrgetter
from typing import Any, TypeAlias

from graphql import (
    DirectiveNode,
    DocumentNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    OperationType,
    Undefined,
    VariableNode,
    Visitor,
    is_leaf_type,
    visit,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetails, collect_fields, collect_subfields
from graphql.execution.executor import Executor
from graphql.pyutils import Path
from strawberry.execution.is_awaitable import optimized_is_awaitable as is_awaitable
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from dunlin.api.execution.many import many_of
from dunlin.api.execution.run import Complete, Field, Run, Select, Unusual

Convert: TypeAlias = Callable[[Any], Any]
Show: TypeAlias = Callable[[Run, Any, Path | None, dict[str, Any]], None]

_MOST_KEPT = 4  # of one document: by operation, and by what @skip and @include come to


class NotCompiled(Exception):
    """A selection that graphql-core is to execute: introspection, and what our schema has not had so far."""


class Compiled:
    """The operations of a document that is valid, each compiled when it is first run."""

    def __init__(self, document: DocumentNode) -> None:
        self._document = document
        self._conditions: tuple[str, ...] | None = None
        self._kept: dict[tuple[object, ...], Select | None] = {}

    def select(self, executor: Executor[Any]) -> Select | None:
        """Return how to show the operation that is to be executed; None where graphql-core is to do it."""
        if self._conditions is None:
            self._conditions = _conditions(self._document)
        values = executor.variable_values.coerced
        key = (id(executor.operation), *(values.get(name, Undefined) for name in self._conditions))
        if key not in self._kept:
            if len(self._kept) == _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = _compile(executor)
        return self._kept[key]


class _Conditions(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        values = [argument.value for argument in node.arguments or ()]
        self.names |= {value.name.value for value in values if isinstance(value, VariableNode)}


def _conditions(document: DocumentNode) -> tuple[str, ...]:
    """Return the names of the variables that say what is selected at all."""
    looking = _Conditions()
    visit(document, looking)
    return tuple(sorted(looking.names))


def _compile(executor: Executor[Any]) -> Select | None:
    if executor.operation.operation is OperationType.MUTATION or not executor.error_propagation:
        return None
    if executor.middleware_manager is not None and executor.middleware_manager.middlewares:
        return None
    try:
        return _Compiler(executor).operation()
    except NotCompiled:
        return None


class _Compiler:
    """Lives as long as it compiles: what it returns must not hold on to one execution."""

    def __init__(self, executor: Executor[Any]) -> None:
        self._executor = executor

    def operation(self) -> Select:
        executor = self._executor
        root = executor.schema.get_root_type(executor.operation.operation)
        if root is None:
            raise NotCompiled
        found = collect_fields(executor.schema, executor.fragments, executor.variable_values, root, executor.operation)
        return self._selection(root, found)

    def _selection(self, kind: GraphQLObjectType, found: CollectedFields) -> Select:
        if found.new_defer_usages:
            raise NotCompiled
        empty: dict[str, Any] = dict.fromkeys(found.grouped_field_set)  # in the order of the answer
        values: list[tuple[str, str, type | None, Convert]] = []
        deeper: list[Show] = []
        for name, details in found.grouped_field_set.items():
            field_name = details[0].node.name.value
            shape = self._executor.schema.get_field(kind, field_name)
            if shape is None or field_name in ("__schema", "__type"):
                raise NotCompiled
            if field_name == "__typename":
                empty[name] = kind.name
            elif (attribute := _attribute_of(shape)) is None:
                deeper.append(self._resolved(name, kind, shape, details))
            elif (leaf := _leaf_of(shape.type)) is not None:
                values.append((name, attribute, *leaf))
            else:
                deeper.append(_read(name, kind.name, attribute, self._complete(shape.type, details)))
        return _select(empty, values, deeper)

    def _resolved(self, name: str, kind: GraphQLObjectType, shape: GraphQLField, details: list[FieldDetails]) -> Show:
        if shape.resolve is None or any(one.fragment_variable_values for one in details):
            raise NotCompiled
        nodes = [one.node for one in details]
        field = Field(name, kind, shape, nodes, self._complete(shape.type, details), many_of(shape))
        show = Run.resolve if field.many is None or nodes[0].arguments else Run.resolve_together
        return lambda run, source, path, shown: show(run, field, source, path, shown)

    def _complete(self, kind: GraphQLOutputType, details: list[FieldDetails]) -> Complete:
        if isinstance(kind, GraphQLNonNull):
            return _never_null(self._complete(kind.of_type, details))
        if isinstance(kind, GraphQLList):
            return _listed(self._complete(kind.of_type, details))
        if is_leaf_type(kind):
            plain, convert = _leaf(kind, is_null_allowed=True)
            return lambda run, value, path: value if value.__class__ is plain else convert(value)
        return _by_class({of: self._of_class(one, details) for one in self._possible(kind) for of in _classes(one)})

    def _possible(self, kind: GraphQLOutputType) -> list[GraphQLObjectType]:
        if isinstance(kind, GraphQLObjectType):
            return [kind]
        if not isinstance(kind, GraphQLInterfaceType) or _definition(kind).resolve_type is not None:
            raise NotCompiled
        return self._executor.schema.get_possible_types(kind)

    def _of_class(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> Select:
        executor = self._executor
        found = collect_subfields(
            executor.schema, executor.fragments, executor.variable_values, executor.operation, kind, details
        )
        return self._selection(kind, found)


def _select(empty: dict[str, Any], values: list[tuple[str, str, type | None, Convert]], deeper: list[Show]) -> Select:
    def select(run: Run, source: Any, path: Path | None) -> dict[str, Any]:
        shown = empty.copy()
        for name, attribute, plain, convert in values:
            value = getattr(source, attribute)
            shown[name] = value if value.__class__ is plain else convert(value)
        for show in deeper:
            show(run, source, path, shown)
        return shown

    return select


def _read(name: str, type_name: str, attribute: str, complete: Complete) -> Show:
    read = attrgetter(attribute)

    def show(run: Run, source: Any, path: Path | None, shown: dict[str, Any]) -> None:
        shown[name] = complete(run, read(source), Path(path, name, type_name))

    return show


def _never_null(inner: Complete) -> Complete:
    def complete(run: Run, value: Any, path: Path) -> Any:
        if value is None:
            raise Unusual
        return inner(run, value, path)

    return complete


def _listed(inner: Complete) -> Complete:
    def complete(run: Run, value: Any, path: Path) -> Any:
        if value is None:
            return None
        if value.__class__ is not list and value.__class__ is not tuple:
            raise Unusual
        return [inner(run, item, Path(path, place, None)) for place, item in enumerate(value)]

    return complete


def _by_class(selects: dict[type, Select]) -> Complete:
    def complete(run: Run, value: Any, path: Path) -> Any:
        if value is None:
            return None
        select = selects.get(value.__class__)
        if select is None:
            raise Unusual
        return select(run, value, path)

    return complete


def _classes(kind: GraphQLObjectType) -> list[type]:
    """Return the classes whose objects are of a type for sure; what else may be, graphql-core knows."""
    definition = _definition(kind)
    if definition.is_type_of is not None:
        raise NotCompiled
    generic = definition.concrete_of
    return [definition.origin] if generic is None else [definition.origin, generic.origin]


def _definition(kind: GraphQLObjectType | GraphQLInterfaceType) -> StrawberryObjectDefinition:
    definition = kind.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryObjectDefinition):
        raise NotCompiled
    return definition


def _attribute_of(shape: GraphQLField) -> str | None:
    """Return the attribute that a field shows as it is; None where it has a resolver."""
    field = shape.extensions.get("strawberry-definition")
    if not isinstance(field, StrawberryField) or not getattr(shape.resolve, "_is_default", False):
        return None
    return field.python_name if field.default_resolver is getattr else None


def _leaf_of(kind: GraphQLOutputType) -> tuple[type | None, Convert] | None:
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    return _leaf(inner, is_null_allowed=inner is kind) if is_leaf_type(inner) else None


_PLAIN: dict[str, type] = {"String": str, "ID": str, "Boolean": bool}


def _leaf(kind: GraphQLLeafType, *, is_null_allowed: bool) -> tuple[type | None, Convert]:
    """Return the class whose values are shown as they are, and how others are converted."""
    coerce = kind.coerce_output_value
    names: dict[Any, Any] = {}
    if isinstance(kind, GraphQLEnumType) and isinstance(wrapped := getattr(kind, "wrapped_cls", None), EnumMeta):
        members: list[Any] = list(wrapped)
        names = {member: coerce(member) for member in members}
    of_names = type(next(iter(names))) if names else None

    def convert(value: Any) -> Any:
        if value.__class__ is of_names:
            return names[value]
        if value is None and is_null_allowed:
            return None
        if value is None or isinstance(value, Exception) or is_awaitable(value):
            raise Unusual
        shown = coerce(value)
        if shown is None or shown is Undefined:
            raise Unusual
        return shown

    is_written_as_it_is = isinstance(kind, GraphQLScalarType) and coerce is str
    return (str if is_written_as_it_is else _PLAIN.get(kind.name)), convert
