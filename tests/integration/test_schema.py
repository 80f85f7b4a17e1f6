"""The schema: as committed, as promised to clients, and described."""

from collections.abc import Iterator
from pathlib import Path

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    GraphQLEnumType,
    GraphQLScalarType,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    build_schema,
    is_specified_scalar_type,
    parse,
    print_ast,
)

from dunlin.api.schema import schema
from dunlin.api.types.enums import MAY_GROW
from tests.schema_changes import hasty_deprecations, unannounced

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = parse((ROOT / "tests/contract.graphql").read_text())
OURS = parse(str(schema))

# Members of the contract that do not work yet. A type stands for all of its members, a field for its arguments.
NOT_YET = {
    # Prices of what was sent
    "Reminder.actualCost",
}


def described(document: DocumentNode) -> Iterator[tuple[str, str, bool]]:
    """Yield each member's coordinate, such as Query.node(id:), what clients rely on of it, and if it is described."""
    for definition in document.definitions:
        if isinstance(definition, TypeDefinitionNode):
            name = definition.name.value
            yield name, _shape(definition), definition.description is not None
            yield from _members(name, definition)


def _members(name: str, definition: TypeDefinitionNode) -> Iterator[tuple[str, str, bool]]:
    if isinstance(definition, EnumTypeDefinitionNode):
        for value in definition.values or ():
            yield f"{name}.{value.name.value}", "member", value.description is not None
    elif isinstance(definition, InputObjectTypeDefinitionNode):
        for entry in definition.fields or ():
            yield f"{name}.{entry.name.value}", _input(entry), entry.description is not None
    elif isinstance(definition, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        for field in definition.fields or ():
            yield f"{name}.{field.name.value}", print_ast(field.type), field.description is not None
            for argument in field.arguments or ():
                coordinate = f"{name}.{field.name.value}({argument.name.value}:)"
                yield coordinate, _input(argument), argument.description is not None


def _shape(definition: TypeDefinitionNode) -> str:
    interfaces = sorted(node.name.value for node in getattr(definition, "interfaces", None) or ())
    is_one_of = any(directive.name.value == "oneOf" for directive in definition.directives or ())
    return " ".join([definition.kind, *interfaces, *["@oneOf"] * is_one_of])


def _input(value: InputValueDefinitionNode) -> str:
    default = print_ast(value.default_value) if value.default_value else "null"
    return print_ast(value.type) + ("" if default == "null" else f" = {default}")


def _parents(coordinate: str) -> set[str]:
    """Return the type of a member and the field of an argument."""
    return {coordinate.split(".")[0], coordinate.split("(")[0]} - {coordinate}


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    assert (ROOT / "schema.graphql").read_text() == f"{schema}\n", "run: make schema"


def test_the_schema_has_all_that_clients_rely_on_but_for_what_does_not_work_yet() -> None:
    ours = {coordinate for coordinate, _, _ in described(OURS)}
    contract = {coordinate for coordinate, _, _ in described(CONTRACT)}

    missing = {one for one in contract - ours if NOT_YET.isdisjoint(_parents(one))}

    assert missing == NOT_YET


def test_what_clients_rely_on_keeps_its_type() -> None:
    ours = {coordinate: shape for coordinate, shape, _ in described(OURS)}

    changed = {
        coordinate: (shape, ours[coordinate])
        for coordinate, shape, _ in described(CONTRACT)
        if coordinate in ours and ours[coordinate] != shape
    }

    assert changed == {}


def test_every_scalar_of_ours_says_where_it_is_specified() -> None:
    scalars = [
        kind
        for kind in schema._schema.type_map.values()
        if isinstance(kind, GraphQLScalarType) and not is_specified_scalar_type(kind)
    ]

    assert len(scalars) >= 8
    assert [kind.name for kind in scalars if not (kind.specified_by_url or "").startswith("https://")] == []
    assert [kind.name for kind in scalars if ", e.g. " not in (kind.description or "")] == []


def test_every_enum_says_that_it_may_grow_but_for_the_days_of_the_week() -> None:
    enums = [kind for kind in schema._schema.type_map.values() if isinstance(kind, GraphQLEnumType)]
    own = [kind for kind in enums if not kind.name.startswith("__")]

    assert [kind.name for kind in own if not (kind.description or "").endswith(MAY_GROW)] == ["Weekday"]


def test_what_breaks_clients_of_the_last_release_is_announced() -> None:
    released = build_schema((ROOT / "tests/released.graphql").read_text())

    assert unannounced(released, schema._schema, (ROOT / "CHANGELOG.md").read_text()) == []


def test_what_is_deprecated_stays_for_three_months_and_says_until_when() -> None:
    assert hasty_deprecations(schema._schema) == []


def test_every_type_field_argument_and_member_is_described() -> None:
    assert [coordinate for coordinate, _, is_described in described(OURS) if not is_described] == []
