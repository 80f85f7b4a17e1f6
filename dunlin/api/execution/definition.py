"""What Strawberry knows of the types of the schema."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField


def definition_of(kind: GraphQLObjectType | GraphQLInterfaceType) -> StrawberryObjectDefinition:
    definition: StrawberryObjectDefinition = kind.extensions["strawberry-definition"]
    return definition


def classes_of(kind: GraphQLObjectType) -> list[type]:
    """Return the classes whose objects are of a type for sure; what else may be, graphql-core knows."""
    definition = definition_of(kind)
    if definition.is_type_of is not None:
        return []
    generic = definition.concrete_of
    return [definition.origin] if generic is None else [definition.origin, generic.origin]


def reader_of(shape: GraphQLField) -> Callable[[Any], Any] | None:
    """Return how the attribute is read that a field shows as it is; None where it has a resolver."""
    field = shape.extensions.get("strawberry-definition")
    if not isinstance(field, StrawberryField) or not getattr(shape.resolve, "_is_default", False):
        return None
    return attrgetter(field.python_name) if field.default_resolver is getattr else None
