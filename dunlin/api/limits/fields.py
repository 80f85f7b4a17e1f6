"""What each field of the schema costs, by its place, its type and the table of weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
    is_list_type,
)

from dunlin.api.limits import weights
from dunlin.api.pages import DEFAULT_PAGE, MAX_PAGE


@dataclass(frozen=True, slots=True)
class Repeated:
    """How a field counts, in hundredths of a point.

    It costs `once`, and `each` for every entry. There are `usual` entries unless an argument in `given` says how many,
    `most` at most. What is selected counts for each entry if it `is_list`, else once; but what `is_entry` in there
    counts for each entry all the same: the edges and nodes of a connection.
    """

    once: int
    each: int = 0
    usual: int = 1
    most: int = 1
    given: tuple[tuple[str, ...], ...] = ()
    is_list: bool = False
    is_entry: bool = False


class FieldCosts:
    """Remembers what it was asked: there are as many answers as fields."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Repeated] = {}

    def of(self, type_name: str, field_name: str, shape: GraphQLField) -> Repeated:
        key = type_name, field_name
        if key not in self._found:
            self._found[key] = cost_of(type_name, field_name, shape)
        return self._found[key]


def cost_of(type_name: str, name: str, shape: GraphQLField) -> Repeated:
    coordinate = f"{type_name}.{name}"
    if coordinate in weights.FREE:
        return Repeated(once=0, usual=0, is_list=True)
    kind = get_named_type(shape.type)
    extra = weights.WEIGHTS.get(coordinate, 0) * weights.POINT
    extra += weights.MUTATION if type_name == "Mutation" else 0
    if type_name == "Subscription" and coordinate not in weights.WEIGHTS:
        extra += weights.POINT
    each = _entry(type_name, shape.type)
    if is_connection(kind):
        return Repeated(weights.PAGE + extra, 0, DEFAULT_PAGE, MAX_PAGE, (("first",), ("last",)))
    if coordinate in weights.GIVEN:
        path, most = weights.GIVEN[coordinate]
        return Repeated(weights.FIELD + extra, weights.OBJECT, 1, most, (path,), is_list=is_list(shape.type))
    if coordinate in weights.ENTRIES or (type_name.endswith("Connection") and name in ("edges", "nodes")):
        return Repeated(each, is_entry=True)
    if is_list(shape.type) and not is_leaf_type(kind):
        usual = assumed_length(coordinate)
        return Repeated(weights.FIELD + extra, each, usual, usual, is_list=True)
    return Repeated(each + extra)


def assumed_length(coordinate: str) -> int:
    """Return how many entries a list is taken to have. A list that nobody has thought of counts as a full page."""
    by_name = weights.LISTS_BY_NAME.get(coordinate.split(".")[1], MAX_PAGE)
    return weights.LISTS.get(coordinate, by_name)


def is_connection(kind: object) -> bool:
    return isinstance(kind, GraphQLObjectType) and {"edges", "pageInfo"} <= kind.fields.keys()


def is_list(kind: GraphQLOutputType) -> bool:
    return is_list_type(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)


def _entry(type_name: str, kind: GraphQLOutputType) -> int:
    """Return what one object or value of a field costs, without what is selected of it."""
    named = get_named_type(kind)
    if type_name.startswith("__") or named.name.startswith("__"):
        return weights.DESCRIBED
    return weights.OBJECT if "Node" in _names_of_interfaces(named) else weights.FIELD


def _names_of_interfaces(kind: object) -> Sequence[str]:
    if isinstance(kind, GraphQLInterfaceType):
        return [kind.name]
    return [one.name for one in kind.interfaces] if isinstance(kind, GraphQLObjectType) else []
