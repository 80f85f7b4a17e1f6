"""What an operation selects, compiled into functions: values are read and shown in place, whatever lies deeper in turn.

Which fields belong together, aliases, fragments and directives are left to graphql-core, and so is every value that is
not what our schema usually has. What is selected of a class is compiled when the first object of it is to be shown: a
document may select a thousand times what there is.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from asyncpg import Record
from graphql import (
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

from dunlin.api.execution.definition import classes_of, definition_of, reader_of
from dunlin.api.execution.leaf import leaf_of
from dunlin.api.execution.many import many_of
from dunlin.api.execution.place import Place
from dunlin.api.execution.records import Records, object_of
from dunlin.api.execution.resolver import call_of
from dunlin.api.execution.run import Complete, Field, Nodes, Run, Select
from dunlin.api.execution.showing import Leaf, Show, leaf_complete, listed_of, read_deeper, resolved, select_of
from dunlin.api.execution.together import Column
from dunlin.api.execution.wanted import Wanted


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
        self._schema = schema
        self._fragments = fragments
        self._operation = operation
        self._values = values
        self._records = Records(self._subfields, self._field, may_see=may_see)

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
        leaves: list[Leaf] = []
        deeper: list[Show] = []
        for name, details in found.grouped_field_set.items():
            if details[0].node.name.value == "__typename":
                empty[name] = kind.name
                continue
            field = self._field(name, kind, details)
            read, leaf = reader_of(field.shape), leaf_of(field.shape.type)
            if read is None:
                field.call = call_of(field.shape)
                field.nodes = Nodes(field.nodes, partial(self._records.ahead, field))
                deeper.append(resolved(field))
            elif leaf is not None:
                leaves.append(Leaf(name, read, *leaf, field))
            else:
                deeper.append(read_deeper(field, read))
        return select_of(empty, leaves, deeper)

    def _complete(self, field: Field, kind: GraphQLOutputType) -> Complete:
        inner: GraphQLOutputType = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(inner, GraphQLList):
            listed = listed_of(field, kind, inner.of_type, self._complete(field, inner.of_type))
            return self._listed_together(field, listed)
        if is_leaf_type(inner):
            return leaf_complete(field, kind)
        return self._by_class(field, kind, {of: one for one in self._possible(inner) for of in classes_of(one)})

    def _by_class(self, field: Field, kind: GraphQLOutputType, types: Mapping[type, GraphQLObjectType]) -> Complete:
        selects: dict[type, Select] = {}
        is_nullable = not isinstance(kind, GraphQLNonNull)

        def complete(run: Run, value: Any, place: Place) -> Any:
            of = value.__class__
            select = selects.get(of)
            if select is None:
                if value is None and is_nullable:
                    return None
                if of in types:
                    select = selects[of] = self._of_type(types[of], field.details)
                elif of is Record and len(types) == 1:  # read so because it can be shown so
                    select = selects[of] = self._records.of(next(iter(types.values())), field.details, Wanted()).select
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
                show = self._records.of(object_of(field), field.details, Wanted()).together
            try:
                return show(value)
            except Exception:  # whatever it is, it is found anew where it belongs
                return listed(run, value, place)

        return complete

    def _field(self, name: str, kind: GraphQLObjectType, details: list[FieldDetails]) -> Field:
        shape = self._schema.get_field(kind, details[0].node.name.value)
        assert shape is not None, "the document is valid"
        field = Field(name, kind, shape, details, many_of(shape))
        field.complete = self._complete(field, shape.type)
        return field

    def _possible(self, kind: GraphQLOutputType) -> list[GraphQLObjectType]:
        if isinstance(kind, GraphQLObjectType):
            return [kind]
        if isinstance(kind, GraphQLInterfaceType) and not definition_of(kind).resolve_type:
            return self._schema.get_possible_types(kind)
        return []
