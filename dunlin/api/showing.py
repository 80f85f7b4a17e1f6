"""What an event looks like: found and written once for all who ask for the same and may see the same."""

import asyncio
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakValueDictionary

import orjson
import structlog
from graphql import DocumentNode, FieldNode, OperationType, VariableNode, Visitor, get_operation_ast, visit
from graphql.execution.execute import execute_subscription_event
from strawberry.types import ExecutionResult
from strawberry.utils.await_maybe import await_maybe

from dunlin.api.context import Context
from dunlin.api.errors import coded
from dunlin.api.event_executor import EventExecutor
from dunlin.api.shown import Shown, shown
from dunlin.api.transport.request import Asked
from dunlin.api.types.reminder import DeliveryStatusEvent
from dunlin.domain.viewer import Viewer

_FRESH_S = 1.0  # who comes later is shown what is true by then
_MOST_FRESH = 100

_Happening = tuple[int, datetime]  # an event's id, and when: a database that is set back gives the same ids anew


@dataclass(frozen=True, slots=True)
class Sight:
    """All that an event's result depends on beside the event and the time. Whose is equal sees the same.

    `viewer` is nobody in particular, so that nothing of a person can get into what others are shown as well.
    """

    text: str
    operation_name: str | None
    variables: bytes
    viewer: Viewer

    @classmethod
    def of(cls, text: str, asked: Asked, context: Context) -> "Sight":
        """Return the sight of a subscription whose document has been read, as of its viewer now."""
        assert context.document is not None
        assert context.document.tree is not None
        place = cursor_variable(context.document.tree, asked.operation_name)
        counting = {name: value for name, value in (asked.variables or {}).items() if name != place}
        variables = orjson.dumps(counting, option=orjson.OPT_SORT_KEYS)
        return cls(text, asked.operation_name, variables, context.viewer.anybody())


def cursor_variable(tree: DocumentNode, name: str | None) -> str | None:
    """Return the variable that only says behind which event to go on; None if there is none that does nothing else."""
    operation = get_operation_ast(tree, name)
    assert operation is not None
    assert operation.operation is OperationType.SUBSCRIPTION
    root = operation.selection_set.selections[0]
    after = (
        [one.value for one in root.arguments or () if one.name.value == "after"] if isinstance(root, FieldNode) else []
    )
    if not after or not isinstance(after[0], VariableNode):
        return None
    variable = after[0].name.value
    mentions = _Mentions(variable)
    visit(tree, mentions)
    return variable if mentions.count == 2 else None  # where it is declared, and there


class _Mentions(Visitor):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.count = 0
        self._name = name

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.count += node.name.value == self._name


class Showing:
    """What those see whose sight is the same. `executor` is of one of them, whose context is used for nothing."""

    def __init__(self, executor: EventExecutor, make_context: Callable[[], Context]) -> None:
        self._executor = copy(executor)
        self._executor.context_value = None
        self._make_context = make_context
        self._asked: dict[_Happening, asyncio.Task[Shown]] = {}
        self._fresh: dict[_Happening, Shown] = {}

    async def shown(self, event: DeliveryStatusEvent) -> Shown:
        """Return what an event looks like now, or did a moment ago; it is found out once, however many ask."""
        happening = event.row.id, event.occurred_at
        found = self._fresh.get(happening)
        if found is not None:
            return found
        asked = self._asked.get(happening)
        if asked is None:
            asked = self._asked[happening] = asyncio.create_task(self._find_out(happening, event))
        return await asyncio.shield(asked)  # who goes away takes the answer from nobody else

    async def _find_out(self, happening: _Happening, event: DeliveryStatusEvent) -> Shown:
        try:
            result = await self._execute(event)
        finally:
            del self._asked[happening]
        found = shown(result)
        if not result.errors:  # what has failed may not fail again
            self._keep(happening, found)
        return found

    async def _execute(self, event: DeliveryStatusEvent) -> ExecutionResult:
        context = self._make_context()
        executor = self._executor.build_per_event_executor(event)
        executor.context_value = context
        with structlog.contextvars.bound_contextvars(request_id=context.request_id):
            result = await await_maybe(execute_subscription_event(executor))
            return ExecutionResult(data=result.data, errors=coded(result.errors, context) if result.errors else None)

    def _keep(self, happening: _Happening, found: Shown) -> None:
        self._fresh[happening] = found
        if len(self._fresh) > _MOST_FRESH:
            del self._fresh[next(iter(self._fresh))]
        asyncio.get_running_loop().call_later(_FRESH_S, self._fresh.pop, happening, None)


class Showings:
    """All of this process, each as long as somebody watches it."""

    def __init__(self) -> None:
        self._of: WeakValueDictionary[Sight, Showing] = WeakValueDictionary()

    def of(self, sight: Sight, executor: EventExecutor, context: Context) -> Showing:
        """Return the showing of a sight. Where there is none yet, it is made of somebody's whose sight it is."""
        found = self._of.get(sight)
        if found is None:
            services, hub, viewer = context.services, context.hub, sight.viewer
            found = self._of[sight] = Showing(executor, lambda: Context(services, hub, viewer))
        return found
