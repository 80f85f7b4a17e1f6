"""What an operation selects, compiled into functions: values are read and shown in place, whatever lies deeper in turn.

Which fields belong together, aliases, fragments and directives are left to graphql-core, and so is every value that is
not what our schema usually has. What is selected of a class is compiled when the first object of it is to be shown: a
document may select a thousand times what there is.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    is_leaf_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from dunlin.api.execution.leaf import Convert, leaf_of
from dunlin.api.execution.many import many_of
from dunlin.api.execution.place import Place
from dunlin.api.execution.run import Complete, Field, Run, Select, Unusual

Read: TypeAlias = Callable[[Any], Any]
Show: TypeAlias = Callable[[Run, Any, Place | None, dict[str, Any]], None]


class _Leaf(NamedTuple):
    """A value that is read and shown at once: as it is if it is of the class `plain`, else converted."""

    name: str
    read: Read
    plain: type | None
    convert: Convert
    field: Field


class Compiler:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDetails],
        operation: OperationDefinitionNode,
        values: VariableValues,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._operation = operation
        self._values = values

    def operation(self) -> Select:
        root = self._schema.get_root_type(OperationType.QUERY)
        assert root is not None, "there is something to read"
        found = collect_fields(self._schema, self._fragments, self._values, root, self._operation)
        return self._selection(root, found)

    def _of_type(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> Select:
        found = collect_subfields(self._schema, self._fragments, self._values, self._operation, kind, details)
        return self._selection(kind, found)

    def _selection(self, kind: GraphQLObjectType, found: CollectedFields) -> Select:
        empty: dict[str, Any] = dict.fromkeys(found.grouped_field_set)  # in the order of the answer
        leaves: list[_Leaf] = []
        deeper: list[Show] = []
        for name, details in found.grouped_field_set.items():
            shape = self._schema.get_field(kind, details[0].node.name.value)
            assert shape is not None, "the document is valid"
            if details[0].node.name.value == "__typename":
                empty[name] = kind.name
                continue
            field = Field(name, kind, shape, details, many_of(shape))
            field.complete = self._complete(field, shape.type)
            read, leaf = _reader(shape), leaf_of(shape.type)
            if read is None:
                deeper.append(_resolved(field))
            elif leaf is not None:
                leaves.append(_Leaf(name, read, *leaf, field))
            else:
                deeper.append(_read(field, read))
        return _select(empty, leaves, deeper)

    def _complete(self, field: Field, kind: GraphQLOutputType) -> Complete:
        inner: GraphQLOutputType = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(inner, GraphQLList):
            return _listed(field, kind, inner.of_type, self._complete(field, inner.of_type))
        if is_leaf_type(inner):
            return _shown_leaf(field, kind)
        return self._by_class(field, kind, {of: one for one in self._possible(inner) for of in _classes(one)})

    def _by_class(self, field: Field, kind: GraphQLOutputType, types: Mapping[type, GraphQLObjectType]) -> Complete:
        selects: dict[type, Select] = {}

        def complete(run: Run, value: Any, place: Place) -> Any:
            of = value.__class__
            select = selects.get(of)
            if select is None:
                if of not in types:
                    return run.complete_unusual(field, kind, value, place)
                select = selects[of] = self._of_type(types[of], field.details)
            return select(run, value, place)

        return complete

    def _possible(self, kind: GraphQLOutputType) -> list[GraphQLObjectType]:
        if isinstance(kind, GraphQLObjectType):
            return [kind]
        if isinstance(kind, GraphQLInterfaceType) and not _definition(kind).resolve_type:
            return self._schema.get_possible_types(kind)
        return []


def _classes(kind: GraphQLObjectType) -> list[type]:
    """Return the classes whose objects are of a type for sure; what else may be, graphql-core knows."""
    definition = _definition(kind)
    if definition.is_type_of is not None:
        return []
    generic = definition.concrete_of
    return [definition.origin] if generic is None else [definition.origin, generic.origin]


def _definition(kind: GraphQLObjectType | GraphQLInterfaceType) -> StrawberryObjectDefinition:
    definition: StrawberryObjectDefinition = kind.extensions["strawberry-definition"]
    return definition


def _reader(shape: GraphQLField) -> Read | None:
    """Return how the attribute is read that a field shows as it is; None where it has a resolver."""
    field = shape.extensions.get("strawberry-definition")
    if not isinstance(field, StrawberryField) or not getattr(shape.resolve, "_is_default", False):
        return None
    return attrgetter(field.python_name) if field.default_resolver is getattr else None


def _select(empty: dict[str, Any], leaves: list[_Leaf], deeper: list[Show]) -> Select:
    def select(run: Run, source: Any, place: Place | None) -> dict[str, Any]:
        shown = empty.copy()
        for name, read, plain, convert, field in leaves:
            try:
                value = read(source)
                shown[name] = value if value.__class__ is plain else convert(value)
            except Exception as error:
                run.show_unusual(field, error, place, shown)
        for show in deeper:
            show(run, source, place, shown)
        return shown

    return select


def _resolved(field: Field) -> Show:
    show = Run.resolve if field.many is None or field.nodes[0].arguments else Run.resolve_together
    return lambda run, source, place, shown: show(run, field, source, place, shown)


def _read(field: Field, read: Read) -> Show:
    def show(run: Run, source: Any, place: Place | None, shown: dict[str, Any]) -> None:
        try:
            value = read(source)
        except Exception as error:
            run.show_unusual(field, error, place, shown)
        else:
            run.show(field, value, place, shown)

    return show


def _listed(field: Field, kind: GraphQLOutputType, of: GraphQLOutputType, complete_one: Complete) -> Complete:
    is_nullable = not isinstance(of, GraphQLNonNull)

    def complete(run: Run, value: Any, place: Place) -> Any:
        if value.__class__ is not list and value.__class__ is not tuple:
            return run.complete_unusual(field, kind, value, place)
        shown: list[Any] = []
        for number, one in enumerate(value):
            its_place = (place, number, None, is_nullable)
            try:
                shown.append(complete_one(run, one, its_place))
            except Exception as error:
                run.fail(field, error, its_place)
                shown.append(None)
        return shown

    return complete


def _shown_leaf(field: Field, kind: GraphQLOutputType) -> Complete:
    leaf = leaf_of(kind)
    assert leaf is not None, "it has no selection"
    plain, convert = leaf

    def complete(run: Run, value: Any, place: Place) -> Any:
        try:
            return value if value.__class__ is plain else convert(value)
        except Unusual:
            return run.complete_unusual(field, kind, value, place)

    return complete
