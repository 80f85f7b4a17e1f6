"""One run of a compiled operation."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from graphql import FieldNode, GraphQLField, GraphQLObjectType
from graphql.execution.executor import Executor
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path

from dunlin.api.execution.many import Many


class Unusual(Exception):
    """What only graphql-core knows how to answer: an error above all."""


# Return what is shown of an object, or of any value of a field. Parts of it may still be filled in by the run.
Select: TypeAlias = Callable[["Run", Any, Path | None], dict[str, Any]]
Complete: TypeAlias = Callable[["Run", Any, Path], Any]


class Field:
    """A field that has a resolver, where it is selected."""

    __slots__ = ("complete", "many", "name", "nodes", "parent_type", "shape")

    def __init__(
        self,
        name: str,
        parent_type: GraphQLObjectType,
        shape: GraphQLField,
        nodes: list[FieldNode],
        complete: Complete,
        many: Many | None,
    ) -> None:
        self.name = name
        self.parent_type = parent_type
        self.shape = shape
        self.nodes = nodes
        self.complete = complete
        self.many = many


class Run:
    """Fills in what is awaited, each as soon as it comes. What fails ends all of it."""

    def __init__(self, executor: Executor[Any], group: asyncio.TaskGroup, begun: list[Awaitable[Any]]) -> None:
        self._executor = executor
        self._group = group
        self._arguments: dict[Field, dict[str, Any]] = {}
        self._together: dict[Field, list[tuple[Any, Path, dict[str, Any]]]] = {}
        self._begun = begun
        self._missing = 0

    def resolve(self, field: Field, source: Any, path: Path | None, shown: dict[str, Any]) -> None:
        """Show what a field's resolver returns, now or when it is there."""
        executor = self._executor
        place = Path(path, field.name, field.parent_type.name)
        info = executor.build_resolve_info(field.shape, field.nodes, field.parent_type, place)
        assert field.shape.resolve is not None, "what has no resolver is no Field"
        value = field.shape.resolve(source, info, **self._arguments_of(field))
        if executor.is_awaitable(value):
            self._begun.append(value)
            self._missing += 1
            self._group.create_task(self._show_later(field, value, place, shown))
        else:
            shown[field.name] = field.complete(self, value, place)

    def resolve_together(self, field: Field, source: Any, path: Path | None, shown: dict[str, Any]) -> None:
        """Show a field that is resolved for many, with all of which this is heard before `go_on`."""
        place = Path(path, field.name, field.parent_type.name)
        self._together.setdefault(field, []).append((source, place, shown))

    def go_on(self) -> None:
        """Begin what has gathered. Called whenever the run would wait."""
        if self._together:
            together, self._together = self._together, {}
            self._missing += len(together)
            for field, places in together.items():
                self._group.create_task(self._show_together(field, places))

    def require_all(self) -> None:
        """Raise where something was not filled in: a group passes over tasks that were cancelled by somebody else."""
        if self._missing:
            raise Unusual

    async def _show_later(self, field: Field, value: Awaitable[Any], place: Path, shown: dict[str, Any]) -> None:
        shown[field.name] = field.complete(self, await value, place)
        self._missing -= 1
        self.go_on()

    async def _show_together(self, field: Field, places: list[tuple[Any, Path, dict[str, Any]]]) -> None:
        assert field.many is not None, "only what is resolved for many comes here"
        values = await field.many([source for source, _, _ in places], self._executor.context_value)
        for value, (_, place, shown) in zip(values, places, strict=True):
            shown[field.name] = field.complete(self, value, place)
        self._missing -= 1
        self.go_on()

    def _arguments_of(self, field: Field) -> dict[str, Any]:
        """Return the arguments of a field, which are the same for all objects."""
        if not field.shape.args:
            return {}
        given = self._arguments.get(field)
        if given is None:
            given = get_argument_values(field.shape, field.nodes[0], self._executor.variable_values)
            self._arguments[field] = given
        return given


async def run(select: Select, executor: Executor[Any]) -> dict[str, Any]:
    """Return what an operation shows, or raise where graphql-core must answer."""
    begun: list[Awaitable[Any]] = []
    try:
        async with asyncio.TaskGroup() as group:
            running = Run(executor, group, begun)
            shown = select(running, executor.root_value, None)
            running.go_on()
        running.require_all()
        return shown
    finally:
        for value in begun:  # what was never awaited is put away; for all others it means nothing
            if inspect.iscoroutine(value):
                value.close()
