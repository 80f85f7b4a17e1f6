"""What a schema takes away from clients, and what the changelog and deprecations tell of it."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    find_breaking_changes,
)

NOTICE = timedelta(days=90)

# As graphql-core tells of changes: by the coordinate of the member, or else by the type's name.
_MEMBER = re.compile(r"@\w+(?:\(\w+:\))?|\w+\.\w+(?:\(\w+:\))?")
_TYPE = re.compile(r"(?:Standard scalar )?(\w+)(?: was removed\.| was removed because| changed from| no longer)")
_UNION = re.compile(r"removed from union type (\w+)")
_ANNOUNCED = re.compile(r"^\* Breaking: `([^`]+)`", re.MULTILINE)
_DEPRECATED = re.compile(r"Since ([0-9-]{10})\. Removal ([0-9-]{10})\Z")


def unannounced(released: GraphQLSchema, present: GraphQLSchema, changelog: str) -> list[str]:
    """Return what breaks clients of `released`, but for lines "* Breaking: `Type.member` ..." under Unreleased."""
    announced = set(_ANNOUNCED.findall(_unreleased(changelog)))
    changes = find_breaking_changes(released, present)
    return [change.description for change in changes if coordinate_of(change.description) not in announced]


def coordinate_of(description: str) -> str:
    """Return the member that a description of graphql-core is about, e.g. Query.node(id:)."""
    if found := _MEMBER.search(description):
        return found[0]
    found = _UNION.search(description) or _TYPE.match(description)
    assert found is not None, f"Say what is meant by: {description}"
    return found[1]


def _unreleased(changelog: str) -> str:
    _, _, behind = changelog.partition("\n## Unreleased\n")
    return behind.partition("\n## ")[0]


def hasty_deprecations(schema: GraphQLSchema) -> list[str]:
    """Return what is deprecated without "Since YYYY-MM-DD. Removal YYYY-MM-DD" at its end, three months apart."""
    return [coordinate for coordinate, reason in _deprecations(schema) if not _gives_notice(reason)]


def _gives_notice(reason: str) -> bool:
    match = _DEPRECATED.search(reason)
    if match is None:
        return False
    try:
        since, removal = date.fromisoformat(match[1]), date.fromisoformat(match[2])
    except ValueError:
        return False
    return removal - since >= NOTICE


def _deprecations(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLEnumType):
            members = [(f"{name}.{value}", member.deprecation_reason) for value, member in kind.values.items()]
        elif isinstance(kind, GraphQLInputObjectType):
            members = [(f"{name}.{field}", shape.deprecation_reason) for field, shape in kind.fields.items()]
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            members = [(f"{name}.{field}", shape.deprecation_reason) for field, shape in kind.fields.items()]
            members += [
                (f"{name}.{field}({argument}:)", given.deprecation_reason)
                for field, shape in kind.fields.items()
                for argument, given in shape.args.items()
            ]
        else:
            continue
        yield from ((coordinate, reason) for coordinate, reason in members if reason is not None)
