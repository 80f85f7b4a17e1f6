"""One run of a compiled operation: what is awaited, and what becomes of errors."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import cached_property
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    located_error,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.executor import Executor
from graphql.execution.values import get_argument_values

from dunlin.api.execution.many import Many
from dunlin.api.execution.place import Place, field_of, nearest_nullable, path_of, put
from dunlin.api.execution.resolver import Call
from dunlin.api.execution.rows import Ahead

# Return what is shown of an object, or of any value of a field. Parts of it may still be filled in by the run.
# Raise GraphQLError, with its path, where null may not stand there.
Select: TypeAlias = Callable[["Run", Any, Place | None], dict[str, Any]]
Complete: TypeAlias = Callable[["Run", Any, Place], Any]
# Where the value of a field is still to be shown: the object, the field's place, and where it is written to.
_Waiting: TypeAlias = tuple[Any, Place, dict[str, Any]]


class Unusual(Exception):
    """A value that graphql-core is to show, or to refuse."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


class Nodes(list[FieldNode]):
    """The nodes of a field, as its resolver is told of them, with what a list is to be read with."""

    def __init__(self, nodes: Iterable[FieldNode], ahead: Callable[[], Ahead | None]) -> None:
        super().__init__(nodes)
        self._ahead = ahead

    @cached_property
    def ahead(self) -> Ahead | None:
        return self._ahead()


class Field:
    """A field where it is selected.

    `complete` shows its values; `call` resolves it, if it has a resolver, and `many` does so for many objects at once.
    """

    __slots__ = (
        "call",
        "complete",
        "details",
        "is_nullable",
        "many",
        "name",
        "nodes",
        "parent_name",
        "parent_type",
        "shape",
    )

    complete: Complete
    call: Call

    def __init__(
        self,
        name: str,
        parent_type: GraphQLObjectType,
        shape: GraphQLField,
        details: list[FieldDetails],
        many: Many | None,
    ) -> None:
        self.name = name
        self.parent_type = parent_type
        self.parent_name = parent_type.name
        self.shape = shape
        self.details = details
        self.nodes: list[FieldNode] = [one.node for one in details]
        self.is_nullable = not isinstance(shape.type, GraphQLNonNull)
        self.many = many


class Run:
    """Shows what is there, and fills in what is awaited as it comes.

    Nothing is resolved twice. What is unusual graphql-core shows in its place; an error makes null what it has to, and
    ends what would only be shown there.
    """

    def __init__(self, executor: Executor[Any], group: asyncio.TaskGroup) -> None:
        self._executor = executor
        self._errors = executor.collected_errors
        self._group = group
        self._data: dict[str, Any] | None = None
        self._arguments: dict[Field, dict[str, Any]] = {}
        self._together: dict[Field, list[_Waiting]] = {}
        self._running: dict[asyncio.Task[None], list[tuple[Field, Place]]] = {}
        self._begun: list[Awaitable[Any]] = []

    def begin(self, select: Select) -> None:
        """Show what is there at once, and begin to wait for the rest in tasks of the group."""
        try:
            self._data = select(self, self._executor.root_value, None)
        except GraphQLError as error:
            self._make_null(error, None)

    def end(self) -> dict[str, Any] | None:
        """Return what is shown, when all of the group has ended."""
        for places in list(self._running.values()):
            for field, place in places:
                self._fail_later(field, RuntimeError("Somebody else has cancelled it."), place)
        return self._data

    def close(self) -> None:
        """Put away what was never awaited."""
        for value in self._begun:
            if inspect.iscoroutine(value):
                value.close()

    def show(self, field: Field, value: Any, above: Place | None, shown: dict[str, Any]) -> None:
        """Show the value of a field that is there."""
        place = (above, field.name, field.parent_name, field.is_nullable)
        try:
            shown[field.name] = field.complete(self, value, place)
        except Exception as error:
            self.fail(field, error, place)

    def show_unusual(self, field: Field, error: Exception, above: Place | None, shown: dict[str, Any]) -> None:
        """Show a field whose value could not be read, or not shown as it is."""
        place = (above, field.name, field.parent_name, field.is_nullable)
        try:
            if not isinstance(error, Unusual):
                raise error
            shown[field.name] = self.complete_unusual(field, field.shape.type, error.value, place)
        except Exception as raised:
            self.fail(field, raised, place)

    def resolve(self, field: Field, source: Any, above: Place | None, shown: dict[str, Any]) -> None:
        """Show what a field's resolver returns, now or when it is there."""
        place = (above, field.name, field.parent_name, field.is_nullable)
        try:
            value = field.call(source, self._info(field, place), self._arguments_of(field))
            if self._executor.is_awaitable(value):
                self._begun.append(value)
                self._begin(self._show_later(field, value, place, shown), [(field, place)])
            else:
                shown[field.name] = field.complete(self, value, place)
        except Exception as error:
            self.fail(field, error, place)

    def resolve_together(self, field: Field, source: Any, above: Place | None, shown: dict[str, Any]) -> None:
        """Show a field that is resolved for many, with all objects that come to it before its turn."""
        waiting = self._together.get(field)
        if waiting is None:
            waiting = self._together[field] = []
            self._begin(self._show_together(field), [])
        waiting.append((source, (above, field.name, field.parent_name, field.is_nullable), shown))

    def complete_unusual(self, field: Field, kind: GraphQLOutputType, value: Any, place: Place) -> Any:
        """Return what graphql-core shows of a value, or raise its error: of what our schema has not had so far."""
        executor = self._executor
        arguments = kind, field.details, self._info(field, field_of(place)), path_of(place), value, None
        waits = executor.is_awaitable(value)
        shown: Any = executor.complete_awaitable_value(*arguments) if waits else executor.complete_value(*arguments)
        if not executor.is_awaitable(shown):
            return shown
        self._begun.append(shown)
        self._begin(self._put_later(field, shown, place), [(field, place)])
        return None  # until it is there

    def fail(self, field: Field, error: Exception, place: Place) -> None:
        """Note an error at a place that may be null, which it shows already; else raise it for what is above."""
        located = located_error(error, field.nodes, path_of(place).as_list())
        if not place[3]:
            raise located
        self._errors.add(located, path_of(place))
        self._drop()

    def _info(self, field: Field, place: Place) -> GraphQLResolveInfo[Any]:
        return self._executor.build_resolve_info(field.shape, field.nodes, field.parent_type, path_of(place))

    def _arguments_of(self, field: Field) -> dict[str, Any]:
        """Return the arguments of a field, which are the same for all objects."""
        if not field.shape.args:
            return {}
        given = self._arguments.get(field)
        if given is None:
            given = get_argument_values(field.shape, field.nodes[0], self._executor.variable_values)
            self._arguments[field] = given
        return given

    def _begin(self, work: Coroutine[Any, Any, None], places: list[tuple[Field, Place]]) -> None:
        self._running[self._group.create_task(work)] = places
        self._begun.append(work)

    async def _show_later(self, field: Field, value: Awaitable[Any], place: Place, shown: dict[str, Any]) -> None:
        try:
            shown[field.name] = field.complete(self, await value, place)
        except Exception as error:
            self._fail_later(field, error, place)
        self._ended()

    async def _put_later(self, field: Field, value: Awaitable[Any], place: Place) -> None:
        try:
            put(self._data, place, await value)
        except Exception as error:
            self._fail_later(field, error, place)
        self._ended()

    async def _show_together(self, field: Field) -> None:
        waiting = [one for one in self._together.pop(field) if not self._is_gone(one[1])]
        for (_, place, shown), value in zip(waiting, await self._values_of(field, waiting), strict=True):
            if self._is_gone(place):
                continue
            try:
                if isinstance(value, Exception):
                    raise value
                shown[field.name] = field.complete(self, value, place)
            except Exception as error:
                self._fail_later(field, error, place)
        self._ended()

    async def _values_of(self, field: Field, waiting: list[_Waiting]) -> Any:
        task = asyncio.current_task()
        assert task is not None
        assert field.many is not None, "only what is resolved for many comes here"
        self._running[task] = [(field, place) for _, place, _ in waiting]
        try:
            return await field.many([source for source, _, _ in waiting], self._executor.context_value)
        except Exception as error:
            return [error] * len(waiting)

    def _ended(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.pop(task, None)

    def _fail_later(self, field: Field, error: Exception, place: Place) -> None:
        """Note an error of what was awaited: what is above is shown already."""
        if not self._is_gone(place):
            located = located_error(error, field.nodes, path_of(place).as_list())
            self._make_null(located, nearest_nullable(place))

    def _make_null(self, error: GraphQLError, place: Place | None) -> None:
        if place is None:
            self._errors.add(error, None)
            self._data = None
        else:
            self._errors.add(error, path_of(place))
            put(self._data, place, None)
        self._drop()

    def _drop(self) -> None:
        """End what would be shown only where null stands by now."""
        this = asyncio.current_task()
        for task, places in list(self._running.items()):
            if task is not this and places and all(self._is_gone(place) for _, place in places):
                del self._running[task]
                task.cancel()

    def _is_gone(self, place: Place) -> bool:
        return bool(self._errors.errors) and self._errors.has_nulled_position(path_of(place))


async def run(select: Select, executor: Executor[Any]) -> dict[str, Any] | None:
    """Return what an operation shows. Its errors are among those that the executor has collected."""
    running: Run | None = None
    try:
        async with asyncio.TaskGroup() as group:
            running = Run(executor, group)
            running.begin(select)
        return running.end()
    finally:
        if running is not None:
            running.close()
