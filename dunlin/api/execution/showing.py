"""How values are read and shown in place: the functions that a compiled selection consists of."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from graphql import GraphQLNonNull, GraphQLOutputType

from dunlin.api.execution.leaf import Convert, leaf_of
from dunlin.api.execution.place import Place
from dunlin.api.execution.run import Complete, Field, Run, Select, Unusual

Read: TypeAlias = Callable[[Any], Any]
Show: TypeAlias = Callable[[Run, Any, Place | None, dict[str, Any]], None]


class Leaf(NamedTuple):
    """A value that is read and shown at once: as it is if it is of the class `plain`, else converted."""

    name: str
    read: Read
    plain: type | None
    convert: Convert
    field: Field


def select_of(empty: dict[str, Any], leaves: list[Leaf], deeper: list[Show]) -> Select:
    def select(run: Run, source: Any, place: Place | None) -> dict[str, Any]:
        shown = empty.copy()
        for name, read, plain, convert, field in leaves:
            try:
                value = read(source)
                shown[name] = value if value.__class__ is plain else convert(value)
            except Exception as error:
                run.show_unusual(field, error, place, shown)
        for show in deeper:
            show(run, source, place, shown)
        return shown

    return select


def resolved(field: Field) -> Show:
    show = Run.resolve if field.many is None or field.nodes[0].arguments else Run.resolve_together
    return lambda run, source, place, shown: show(run, field, source, place, shown)


def related(field: Field, select: Select) -> Show:
    name, parent_name, is_nullable = field.name, field.parent_name, field.is_nullable

    def show(run: Run, source: Any, above: Place | None, shown: dict[str, Any]) -> None:
        place = (above, name, parent_name, is_nullable)
        try:
            shown[name] = select(run, source, place)
        except Exception as error:
            run.fail(field, error, place)

    return show


def read_deeper(field: Field, read: Read) -> Show:
    def show(run: Run, source: Any, place: Place | None, shown: dict[str, Any]) -> None:
        try:
            value = read(source)
        except Exception as error:
            run.show_unusual(field, error, place, shown)
        else:
            run.show(field, value, place, shown)

    return show


def listed_of(field: Field, kind: GraphQLOutputType, of: GraphQLOutputType, complete_one: Complete) -> Complete:
    is_nullable = not isinstance(of, GraphQLNonNull)

    def complete(run: Run, value: Any, place: Place) -> Any:
        if value.__class__ is not list and value.__class__ is not tuple:
            return run.complete_unusual(field, kind, value, place)
        shown: list[Any] = []
        for number, one in enumerate(value):
            its_place = (place, number, None, is_nullable)
            try:
                shown.append(complete_one(run, one, its_place))
            except Exception as error:
                run.fail(field, error, its_place)
                shown.append(None)
        return shown

    return complete


def leaf_complete(field: Field, kind: GraphQLOutputType) -> Complete:
    leaf = leaf_of(kind)
    assert leaf is not None, "it has no selection"
    plain, convert = leaf

    def complete(run: Run, value: Any, place: Place) -> Any:
        try:
            return value if value.__class__ is plain else convert(value)
        except Unusual:
            return run.complete_unusual(field, kind, value, place)

    return complete
