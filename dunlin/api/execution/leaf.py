"""Values that have no selection: scalars and enums."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import EnumMeta
from typing import Any, TypeAlias

from graphql import (
    GraphQLEnumType,
    GraphQLLeafType,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLScalarType,
    Undefined,
    is_leaf_type,
)
from strawberry.execution.is_awaitable import optimized_is_awaitable as is_awaitable

from dunlin.api.execution.run import Unusual

Convert: TypeAlias = Callable[[Any], Any]

_PLAIN: dict[str, type] = {"String": str, "ID": str, "Boolean": bool}
_NEVER_AWAITED = frozenset({int, float, str, datetime, date, Decimal})


def leaf_of(kind: GraphQLOutputType) -> tuple[type | None, Convert] | None:
    """Return the class whose values are shown as they are, and what converts others; None if the type is no leaf.

    What cannot be shown, as null where it may not stand, is raised as `Unusual`.
    """
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if not is_leaf_type(inner):
        return None
    return plain_of(inner), _convert(inner, is_null_allowed=inner is kind)


def plain_of(kind: GraphQLLeafType) -> type | None:
    """Return the class whose values are shown as they are; None if there is none."""
    is_written_as_it_is = isinstance(kind, GraphQLScalarType) and kind.coerce_output_value is str
    return str if is_written_as_it_is else _PLAIN.get(kind.name)


def choices_of(kind: GraphQLLeafType) -> dict[Any, Any]:
    """Return how each member of an enum is shown; empty for scalars."""
    if not isinstance(kind, GraphQLEnumType) or not isinstance(wrapped := getattr(kind, "wrapped_cls", None), EnumMeta):
        return {}
    members: list[Any] = list(wrapped)
    return {member: kind.coerce_output_value(member) for member in members}


def _convert(kind: GraphQLLeafType, *, is_null_allowed: bool) -> Convert:
    coerce, choices = kind.coerce_output_value, choices_of(kind)
    of_choices = type(next(iter(choices))) if choices else None

    def convert(value: Any) -> Any:
        if value.__class__ is of_choices:
            return choices[value]
        if value is None and is_null_allowed:
            return None
        if value.__class__ not in _NEVER_AWAITED and (isinstance(value, Exception) or is_awaitable(value)):
            raise Unusual(value)
        try:
            shown = coerce(value)
        except Exception as error:
            raise Unusual(value) from error
        if shown is None or shown is Undefined:
            raise Unusual(value)
        return shown

    return convert
