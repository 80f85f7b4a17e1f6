"""Calling the resolvers of fields."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from graphql import GraphQLArgument, GraphQLField, GraphQLNonNull, GraphQLScalarType
from strawberry import Info
from strawberry.types.field import StrawberryField

# Takes the object that has the field, graphql-core's info, and the arguments.
Call: TypeAlias = Callable[[Any, Any, Mapping[str, Any]], Any]


def call_of(shape: GraphQLField) -> Call:
    """Return how a field is resolved: by its method itself, where Strawberry would only hand the arguments on to it."""
    resolve, field = shape.resolve, shape.extensions.get("strawberry-definition")
    assert resolve is not None, "what has no resolver is read"

    def through_strawberry(source: Any, info: Any, given: Mapping[str, Any]) -> Any:
        return resolve(source, info, **given)

    if not isinstance(field, StrawberryField) or field.extensions or field.base_resolver is None:
        return through_strawberry
    resolver = field.base_resolver
    method, takes_info = resolver.wrapped_func, resolver.info_parameter is not None
    if not resolver.self_parameter or resolver.parent_parameter or resolver.root_parameter:
        return through_strawberry
    if isinstance(method, staticmethod | classmethod):
        return through_strawberry
    names = {name: argument.extensions["strawberry-definition"].python_name for name, argument in shape.args.items()}
    converted = {name for name, argument in shape.args.items() if not _is_scalar(argument)}

    def directly(source: Any, info: Any, given: Mapping[str, Any]) -> Any:
        if any(given.get(name) is not None for name in converted):
            return resolve(source, info, **given)
        arguments = {names[name]: value for name, value in given.items()}
        if takes_info:
            arguments["info"] = Info(_raw_info=info, _field=field)
        return method(source, **arguments)

    return directly


def _is_scalar(argument: GraphQLArgument) -> bool:
    kind = argument.type.of_type if isinstance(argument.type, GraphQLNonNull) else argument.type
    return isinstance(kind, GraphQLScalarType)
