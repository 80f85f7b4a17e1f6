"""What the schema has, read from itself, and operations made of it."""

from collections.abc import Iterator

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from dunlin.api.schema import schema
from tests.client import JSON

ROOTS = ("Query", "Mutation", "Subscription")
OBJECTS = {
    name: kind
    for name, kind in schema._schema.type_map.items()
    if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
}


def id_arguments() -> set[str]:
    """Return the place of every ID that a client gives, such as Mutation.editStep.input.stepId."""
    return {
        ".".join((owner, field, *path))
        for owner, kind in OBJECTS.items()
        for field, shape in kind.fields.items()
        for name, argument in shape.args.items()
        for path in ids_in(name, argument)
    }


def ids_in(
    name: str, place: GraphQLArgument | GraphQLInputField, above: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    kind = get_named_type(place.type)
    if kind is GraphQLID:
        yield (name,)
    if isinstance(kind, GraphQLInputObjectType) and kind.name not in above:
        for inner, field in kind.fields.items():
            for path in ids_in(inner, field, (*above, kind.name)):
                yield (name, *path)


def cursor_arguments() -> list[str]:
    return [
        f"{owner}.{field}.{name}"
        for owner, kind in OBJECTS.items()
        for field, shape in kind.fields.items()
        for name in ("after", "before")
        if name in shape.args
    ]


def root_fields() -> set[str]:
    return {f"{root}.{field}" for root in ROOTS for field in OBJECTS[root].fields}


def node_types() -> set[str]:
    return {name for name, kind in OBJECTS.items() if "Node" in {interface.name for interface in kind.interfaces}}


def selection(kind: object, depth: int) -> str:
    """Return a selection of everything down to `depth` objects; pages count as the objects that they hold."""
    if not isinstance(kind, GraphQLObjectType):
        return "{ __typename id }"  # an interface
    chosen = ["__typename"]
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if is_page(kind) and name == "nodes":
            continue  # the same as edges
        if is_leaf_type(inner):
            chosen.append(name)
        elif depth > 0 or is_page(kind):
            called = f"{name}{own_arguments(field)}"
            chosen.append(f"{called} {selection(inner, depth if is_page(kind) else depth - 1)}")
    return f"{{ {' '.join(chosen)} }}"


def is_page(kind: GraphQLObjectType) -> bool:
    return kind.name.endswith(("Connection", "Edge"))


def own_arguments(field: GraphQLField, page: int = 5) -> str:
    """Return what a field must be given, and the size of its page where it has pages."""
    given = [f"first: {page}"] if "first" in field.args else []
    for name, argument in field.args.items():
        kind = get_named_type(argument.type)
        if is_required_argument(argument):
            if kind.name == "CountryCode":
                given.append(f'{name}: "BE"')
                continue
            assert isinstance(kind, GraphQLEnumType), f"Say here what {name}: {argument.type} can be given."
            given.append(f"{name}: {next(iter(kind.values))}")
    return f"({', '.join(given)})" if given else ""


def document_of(owner: str, field: str, given: JSON, depth: int = 2) -> str:
    """Return an operation that calls a field of a root, or of one's own object, with variables named as arguments."""
    shape = OBJECTS[owner].fields[field]
    declared = "".join(f" ${name}: {shape.args[name].type}" for name in given)
    called = ", ".join(f"{name}: ${name}" for name in given)
    chosen = f"{field}{f'({called})' if called else ''} {selection(get_named_type(shape.type), depth)}"
    if owner in ROOTS:
        return f"{owner.lower()} {f'({declared})' if declared else ''} {{ {chosen} }}"
    return f"query ($own: ID!{declared}) {{ node(id: $own) {{ ... on {owner} {{ {chosen} }} }} }}"
