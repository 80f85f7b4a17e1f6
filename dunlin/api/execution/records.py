"""Showing objects straight from records: of lists whose entries show nothing but columns, theirs and related rows'."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from graphql import GraphQLNamedType, GraphQLObjectType, GraphQLOutputType, get_named_type
from graphql.execution.collect_fields import CollectedFields, FieldDetails

from dunlin.api.execution import together
from dunlin.api.execution.definition import definition_of, reader_of
from dunlin.api.execution.leaf import leaf_of
from dunlin.api.execution.rows import Ahead, Shape
from dunlin.api.execution.run import Field, Select
from dunlin.api.execution.showing import Leaf, Read, Show, read_deeper, related, select_of
from dunlin.api.execution.together import Column
from dunlin.api.execution.wanted import Wanted

Subfields: TypeAlias = Callable[[GraphQLObjectType, list[FieldDetails]], CollectedFields]
FieldOf: TypeAlias = Callable[[str, GraphQLObjectType, list[FieldDetails]], Field]


class NeedsObjects(Exception):
    """What is selected of a row is not all made of columns."""


class Straight(NamedTuple):
    """How records are shown as objects: one, or many together."""

    select: Select
    together: Column


class Records:
    """Compiles what is selected of records; `may_see` says whether the viewer is shown what is masked for others."""

    def __init__(self, subfields: Subfields, field_of: FieldOf, *, may_see: bool) -> None:
        self._subfields = subfields
        self._field_of = field_of
        self._may_see = may_see

    def ahead(self, field: Field) -> Ahead | None:
        """Return what a list is to be read with, if all that is selected of its entries can be shown from records."""
        wanted = Wanted()
        try:
            has_edges = self._add_entries(get_named_type(field.shape.type), field.details, wanted)
        except NeedsObjects:
            return None
        return wanted.ahead(has_edges=has_edges)

    def _add_entries(self, kind: GraphQLNamedType, details: list[FieldDetails], wanted: Wanted) -> bool:
        """Add what is wanted of the entries of a page; return whether their cursors are, too."""
        if not isinstance(kind, GraphQLObjectType):
            raise NeedsObjects
        has_edges = False
        for name, its_details in _by_field(self._subfields(kind, details)):
            if name in ("nodes", "node"):
                entry = get_named_type(kind.fields[name].type)
                if not isinstance(entry, GraphQLObjectType):
                    raise NeedsObjects
                self.of(entry, its_details, wanted)
            elif name == "edges":
                has_edges = True
                self._add_entries(get_named_type(kind.fields[name].type), its_details, wanted)
        return has_edges

    def of(self, kind: GraphQLObjectType, details: list[FieldDetails], wanted: Wanted) -> Straight:
        """Return how records are shown, and add the columns that this takes to `wanted`; or raise `NeedsObjects`."""
        shape: Shape | None = getattr(definition_of(kind).origin, "shape", None)
        if shape is None:
            raise NeedsObjects
        found = self._subfields(kind, details)
        empty: dict[str, Any] = dict.fromkeys(found.grouped_field_set)
        columns: dict[str, Column] = {}
        leaves: list[Leaf] = []
        deeper: list[Show] = []
        for name, its_details in found.grouped_field_set.items():
            if its_details[0].node.name.value == "__typename":
                empty[name] = kind.name
                columns[name] = together.same(kind.name)
                continue
            field = self._field_of(name, kind, its_details)
            python_name = field.shape.extensions["strawberry-definition"].python_name
            if relation := shape.relations.get(python_name):
                inner = self.of(object_of(field), its_details, wanted.along(python_name, relation))
                columns[name] = inner.together
                deeper.append(related(field, inner.select))
                continue
            made = shape.made_for(may_see=self._may_see).get(python_name)
            if made is None:
                raise NeedsObjects
            gets = wanted.columns_of(made, shape.table)
            values = together.made(made, gets)
            read = _made_of(gets, made.make)
            leaf = leaf_of(field.shape.type)
            if leaf is None:
                columns[name] = self._made_objects(field, values, dict(zip(made.parts, gets, strict=False)))
                deeper.append(read_deeper(field, read))
            else:
                choice = wanted.choice_of(made, shape.table)
                kind_of = field.shape.type
                columns[name] = together.choices(kind_of, choice) if choice else together.leaves(kind_of, values)
                leaves.append(Leaf(name, read, *leaf, field))
        return Straight(select_of(empty, leaves, deeper), together.all_of(columns))

    def _made_objects(self, field: Field, values: Column, parts: Mapping[str, Read]) -> Column:
        """Return how objects are shown that a row is made into, such as money, which have nothing but values.

        They are not made where `parts` reads all that is selected of them out of the row itself.
        """
        kind = object_of(field)
        columns: dict[str, Column] = {}
        leaves: list[tuple[str, GraphQLOutputType, Read, Read | None]] = []
        for name, details in self._subfields(kind, field.details).grouped_field_set.items():
            columns[name] = together.same(kind.name)  # for the order, where it is no __typename
            if details[0].node.name.value == "__typename":
                continue
            shape = self._field_of(name, kind, details).shape
            read = reader_of(shape)
            if read is None or leaf_of(shape.type) is None:
                raise NeedsObjects
            leaves.append((name, shape.type, read, parts.get(shape.extensions["strawberry-definition"].python_name)))
        is_made = any(part is None for *_, part in leaves)
        for name, kind_of, read, part in leaves:
            columns[name] = together.leaves(kind_of, together.read(read if is_made or part is None else part))
        if not is_made:
            return together.all_of(columns)
        return together.objects(field.shape.type, values, together.all_of(columns), definition_of(kind).origin)


def object_of(field: Field) -> GraphQLObjectType:
    kind = get_named_type(field.shape.type)
    if not isinstance(kind, GraphQLObjectType):
        raise NeedsObjects
    return kind


def _made_of(gets: Sequence[Read], make: Callable[..., Any] | None) -> Read:
    if make is None:
        return gets[0]
    return lambda record: make(*[get(record) for get in gets])


def _by_field(found: CollectedFields) -> Iterator[tuple[str, list[FieldDetails]]]:
    for details in found.grouped_field_set.values():
        yield details[0].node.name.value, details
