"""Where a value stands in an answer."""

from typing import Any, TypeAlias

from graphql.pyutils import Path

# The place above it (None: it stands at the top), its key there, the name of the type that has the field (None in a
# list), and whether it may be null. A plain tuple: one is made for every object that is shown.
Place: TypeAlias = tuple[Any, str | int, str | None, bool]


def path_of(place: Place) -> Path:
    """Return a place as graphql-core knows it."""
    above, key, type_name, _ = place
    return Path(None if above is None else path_of(above), key, type_name)


def field_of(place: Place) -> Place:
    """Return the place of the field that a value in lists belongs to."""
    while isinstance(place[1], int) and place[0] is not None:
        place = place[0]
    return place


def nearest_nullable(place: Place | None) -> Place | None:
    """Return the place itself or the nearest above it that may be null; None: the whole answer becomes null."""
    while place is not None and not place[3]:
        place = place[0]
    return place


def put(data: Any, place: Place, value: object) -> None:
    """Put a value into what is shown so far, unless something above it has become null."""
    keys = path_of(place).as_list()
    for key in keys[:-1]:
        data = None if data is None else data[key]
    if data is not None:
        data[keys[-1]] = value
