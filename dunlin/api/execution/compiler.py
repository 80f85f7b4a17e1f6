"""What an operation selects, compiled into functions: values are read and shown in place, whatever lies deeper in turn.

Which fields belong together, aliases, fragments and directives are left to graphql-core, and so is every value that is
not what our schema usually has. What is selected of a class is compiled when the first object of it is to be shown: a
document may select a thousand times what there is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from asyncpg import Record
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
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

from dunlin.api.execution import together
from dunlin.api.execution.leaf import Convert, leaf_of
from dunlin.api.execution.many import many_of
from dunlin.api.execution.place import Place
from dunlin.api.execution.resolver import call_of
from dunlin.api.execution.rows import Ahead, Shape
from dunlin.api.execution.run import Complete, Field, Nodes, Run, Select, Unusual
from dunlin.api.execution.together import Column
from dunlin.api.execution.wanted import Read, Wanted

Show: TypeAlias = Callable[[Run, Any, Place | None, dict[str, Any]], None]


class _Leaf(NamedTuple):
    """A value that is read and shown at once: as it is if it is of the class `plain`, else converted."""

    name: str
    read: Read
    plain: type | None
    convert: Convert
    field: Field


class _NeedsObjects(Exception):
    """What is selected of a row is not all made of columns."""


class _Straight(NamedTuple):
    """How records are shown as objects: one, or many together."""

    select: Select
    together: Column


class Compiler:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDetails],
        operation: OperationDefinitionNode,
        values: VariableValues,
        *,
        may_see: bool,
    ) -> None:
        """`may_see` says whether the viewer is shown what is masked for others."""
        self._schema = schema
        self._fragments = fragments
        self._operation = operation
        self._values = values
        self._may_see = may_see

    def operation(self) -> Select:
        root = self._schema.get_root_type(OperationType.QUERY)
        assert root is not None, "there is something to read"
        found = collect_fields(self._schema, self._fragments, self._values, root, self._operation)
        return self._selection(root, found)

    def _of_type(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> Select:
        return self._selection(kind, self._subfields(kind, details))

    def _subfields(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> CollectedFields:
        return collect_subfields(self._schema, self._fragments, self._values, self._operation, kind, details)

    def _selection(self, kind: GraphQLObjectType, found: CollectedFields) -> Select:
        empty: dict[str, Any] = dict.fromkeys(found.grouped_field_set)  # in the order of the answer
        leaves: list[_Leaf] = []
        deeper: list[Show] = []
        for name, details in found.grouped_field_set.items():
            if details[0].node.name.value == "__typename":
                empty[name] = kind.name
                continue
            field = self._field(name, kind, details)
            read, leaf = _reader(field.shape), leaf_of(field.shape.type)
            if read is None:
                field.call = call_of(field.shape)
                field.nodes = Nodes(field.nodes, partial(self._ahead, field))
                deeper.append(_resolved(field))
            elif leaf is not None:
                leaves.append(_Leaf(name, read, *leaf, field))
            else:
                deeper.append(_read(field, read))
        return _select(empty, leaves, deeper)

    def _complete(self, field: Field, kind: GraphQLOutputType) -> Complete:
        inner: GraphQLOutputType = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(inner, GraphQLList):
            listed = _listed(field, kind, inner.of_type, self._complete(field, inner.of_type))
            return self._listed_together(field, listed)
        if is_leaf_type(inner):
            return _shown_leaf(field, kind)
        return self._by_class(field, kind, {of: one for one in self._possible(inner) for of in _classes(one)})

    def _by_class(self, field: Field, kind: GraphQLOutputType, types: Mapping[type, GraphQLObjectType]) -> Complete:
        selects: dict[type, Select] = {}

        def complete(run: Run, value: Any, place: Place) -> Any:
            of = value.__class__
            select = selects.get(of)
            if select is None:
                if of in types:
                    select = selects[of] = self._of_type(types[of], field.details)
                elif of is Record and len(types) == 1:  # read so because it can be shown so
                    select = selects[of] = self._of_records(next(iter(types.values())), field.details, Wanted()).select
                else:
                    return run.complete_unusual(field, kind, value, place)
            return select(run, value, place)

        return complete

    def _listed_together(self, field: Field, listed: Complete) -> Complete:
        """Return how a list is shown: of records all together, if nothing is unusual; else one by one by `listed`."""
        show: Column | None = None

        def complete(run: Run, value: Any, place: Place) -> Any:
            nonlocal show
            if value.__class__ is not list or not value or value[0].__class__ is not Record:
                return listed(run, value, place)
            if show is None:
                show = self._of_records(_object_of(field), field.details, Wanted()).together
            try:
                return show(value)
            except Exception:  # whatever it is, it is found anew where it belongs
                return listed(run, value, place)

        return complete

    def _ahead(self, field: Field) -> Ahead | None:
        """Return what a list is to be read with, if all that is selected of its entries can be shown from records."""
        wanted = Wanted()
        try:
            has_edges = self._add_entries(get_named_type(field.shape.type), field.details, wanted)
        except _NeedsObjects:
            return None
        return wanted.ahead(has_edges=has_edges)

    def _add_entries(self, kind: GraphQLNamedType, details: list[FieldDetails], wanted: Wanted) -> bool:
        """Add what is wanted of the entries of a page; return whether their cursors are, too."""
        if not isinstance(kind, GraphQLObjectType):
            raise _NeedsObjects
        has_edges = False
        for name, its_details in _by_field(self._subfields(kind, details)):
            if name in ("nodes", "node"):
                entry = get_named_type(kind.fields[name].type)
                if not isinstance(entry, GraphQLObjectType):
                    raise _NeedsObjects
                self._of_records(entry, its_details, wanted)
            elif name == "edges":
                has_edges = True
                self._add_entries(get_named_type(kind.fields[name].type), its_details, wanted)
        return has_edges

    def _of_records(self, kind: GraphQLObjectType, details: list[FieldDetails], wanted: Wanted) -> _Straight:
        """Return how records are shown, and add the columns that this takes to `wanted`; or raise `_NeedsObjects`."""
        shape: Shape | None = getattr(_definition(kind).origin, "shape", None)
        if shape is None:
            raise _NeedsObjects
        found = self._subfields(kind, details)
        empty: dict[str, Any] = dict.fromkeys(found.grouped_field_set)
        columns: dict[str, Column] = {}
        leaves: list[_Leaf] = []
        deeper: list[Show] = []
        for name, its_details in found.grouped_field_set.items():
            if its_details[0].node.name.value == "__typename":
                empty[name] = kind.name
                columns[name] = together.same(kind.name)
                continue
            field = self._field(name, kind, its_details)
            python_name = field.shape.extensions["strawberry-definition"].python_name
            if relation := shape.relations.get(python_name):
                inner = self._of_records(_object_of(field), its_details, wanted.along(python_name, relation))
                columns[name] = inner.together
                deeper.append(_related(field, inner.select))
                continue
            made = shape.made_for(may_see=self._may_see).get(python_name)
            if made is None:
                raise _NeedsObjects
            gets = wanted.columns_of(made, shape.table)
            values = together.made(made, gets)
            read = _made_of(gets, made.make)
            leaf = leaf_of(field.shape.type)
            if leaf is None:
                columns[name] = self._of_made(field, values)
                deeper.append(_read(field, read))
            else:
                choice = wanted.choice_of(made, shape.table)
                kind_of = field.shape.type
                columns[name] = together.choices(kind_of, choice) if choice else together.leaves(kind_of, values)
                leaves.append(_Leaf(name, read, *leaf, field))
        return _Straight(_select(empty, leaves, deeper), together.all_of(columns))

    def _of_made(self, field: Field, values: Column) -> Column:
        """Return how objects are shown that a row is made into, such as money, which have nothing but values."""
        kind = _object_of(field)
        columns: dict[str, Column] = {}
        for name, details in self._subfields(kind, field.details).grouped_field_set.items():
            if details[0].node.name.value == "__typename":
                columns[name] = together.same(kind.name)
                continue
            shape = self._field(name, kind, details).shape
            read = _reader(shape)
            if read is None or leaf_of(shape.type) is None:
                raise _NeedsObjects
            columns[name] = together.leaves(shape.type, together.read(read))
        return together.objects(field.shape.type, values, together.all_of(columns), _definition(kind).origin)

    def _field(self, name: str, kind: GraphQLObjectType, details: list[FieldDetails]) -> Field:
        shape = self._schema.get_field(kind, details[0].node.name.value)
        assert shape is not None, "the document is valid"
        field = Field(name, kind, shape, details, many_of(shape))
        field.complete = self._complete(field, shape.type)
        return field

    def _possible(self, kind: GraphQLOutputType) -> list[GraphQLObjectType]:
        if isinstance(kind, GraphQLObjectType):
            return [kind]
        if isinstance(kind, GraphQLInterfaceType) and not _definition(kind).resolve_type:
            return self._schema.get_possible_types(kind)
        return []


def _object_of(field: Field) -> GraphQLObjectType:
    kind = get_named_type(field.shape.type)
    if not isinstance(kind, GraphQLObjectType):
        raise _NeedsObjects
    return kind


def _made_of(gets: Sequence[Read], make: Callable[..., Any] | None) -> Read:
    if make is None:
        return gets[0]
    return lambda record: make(*[get(record) for get in gets])


def _by_field(found: CollectedFields) -> Iterator[tuple[str, list[FieldDetails]]]:
    for details in found.grouped_field_set.values():
        yield details[0].node.name.value, details


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


def _related(field: Field, select: Select) -> Show:
    name, parent_name, is_nullable = field.name, field.parent_name, field.is_nullable

    def show(run: Run, source: Any, above: Place | None, shown: dict[str, Any]) -> None:
        place = (above, name, parent_name, is_nullable)
        try:
            shown[name] = select(run, source, place)
        except Exception as error:
            run.fail(field, error, place)

    return show


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
