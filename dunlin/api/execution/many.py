"""Fields that can be resolved for many objects at once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import GraphQLField
from strawberry.types.field import StrawberryField

# Takes the objects that have the field and the operation's context, and returns a value for each, or an exception for
# those that fail by themselves. What it raises, all of them have failed by.
Many: TypeAlias = Callable[[Sequence[Any], Any], Awaitable[Sequence[Any]]]

_KEY = "many"


def for_many(resolve: Many) -> Mapping[str, Many]:
    """Return the metadata of a field that says how it is resolved for many; by itself it must come to the same."""
    return {_KEY: resolve}


def many_of(shape: GraphQLField) -> Many | None:
    field = shape.extensions.get("strawberry-definition")
    return field.metadata.get(_KEY) if isinstance(field, StrawberryField) else None
