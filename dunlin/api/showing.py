"""What an event looks like: found and written once for all who ask for the same and may see the same."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from weakref import WeakValueDictionary

import orjson
import structlog
from graphql import DocumentNode, FieldNode, OperationType, VariableNode, Visitor, get_operation_ast, visit
from graphql.execution.execute import execute_subscription_event
from strawberry.types import ExecutionResult
from strawberry.utils.await_maybe import await_maybe

from dunlin.api.context import Context
from dunlin.api.errors import coded
from dunlin.api.execution.executor import CompilingExecutor
from dunlin.api.live import EventHub, Reading
from dunlin.api.shown import Shown, shown
from dunlin.api.stays import Stay
from dunlin.api.transport.request import Asked
from dunlin.api.types.reminder import DeliveryStatusEvent
from dunlin.domain.tables import DeliveryEvent
from dunlin.domain.viewer import Viewer
from dunlin.runtime.wiring import Services

_FRESH_S = 1.0  # who comes later is shown what is true by then
_MOST_FRESH = 20
_AT_ONCE = 100  # how many are told before others have their turn

log = structlog.get_logger()

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


class Interrupted(Exception):
    """An event cannot be shown now. Clients take one with errors for seen, so they are to come back for it."""


class Listener(Protocol):
    """Where a subscriber's results go."""

    async def send(self, found: Shown) -> None:
        """Send a result, as soon as the client has taken enough of what was sent before."""

    def sends_now(self, found: Shown) -> bool:
        """Send a result at once; or return False, where that would be more than the client takes."""


class Follower:
    """A subscriber at the head of the events, who is told of each by `Showing` for as long as that is done at once."""

    __slots__ = ("_listener", "_stay", "_viewer", "reading")

    def __init__(self, reading: Reading, stay: Stay, viewer: Viewer, listener: Listener) -> None:
        self.reading = reading
        self._stay = stay
        self._viewer = viewer
        self._listener = listener

    def takes(self, sequence: int, found: Shown) -> bool:
        """Take an event, unless it has been told of it; return False where it must go on alone."""
        if sequence <= self.reading.position:
            return True
        if self._stay.viewer is not self._viewer or not self._stay.is_current or not self._listener.sends_now(found):
            return False
        self.reading.position = sequence
        return True


class Showing:
    """What those see whose sight is the same. `executor` is of one of them, who needs it no more."""

    def __init__(self, sight: Sight, executor: CompilingExecutor, services: Services, hub: EventHub) -> None:
        self.sight = sight
        self.executor = executor
        self.executor.context_value = None
        self._services = services
        self._hub = hub
        self._asked: dict[_Happening, asyncio.Task[Shown]] = {}
        self._fresh: dict[_Happening, Shown] = {}
        self._followers: dict[Follower, asyncio.Future[None]] = {}
        self._telling: asyncio.Task[None] | None = None

    async def tell(self, follower: Follower) -> None:
        """Tell somebody who is at the head of every event, until they must go on alone; or raise `Interrupted`."""
        left = self._followers[follower] = asyncio.get_running_loop().create_future()
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_all(follower.reading.again()))
        try:
            await left
        finally:
            self._followers.pop(follower, None)
            if not self._followers and self._telling is not None:
                self._telling.cancel()
                self._telling = None

    async def _tell_all(self, reading: Reading) -> None:
        """Read for all who follow. Where that fails all go on alone, and each is told what is wrong."""
        try:
            async with aclosing(reading.on()) as events:
                async for event in events:
                    found = await self.shown(event)
                    if found.is_unavailable:
                        self._interrupt()
                    await self._tell_of(event.sequence, found)
        except Exception as error:
            log.warning("subscribers go on alone", error=type(error).__name__)
        finally:
            if self._telling is asyncio.current_task():
                self._telling = None
                for follower in list(self._followers):
                    self._leave(follower)

    async def _tell_of(self, sequence: int, found: Shown) -> None:
        for place, follower in enumerate(list(self._followers), 1):
            if follower in self._followers and not follower.takes(sequence, found):
                self._leave(follower)
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _interrupt(self) -> None:
        for follower in list(self._followers):
            left = self._followers.pop(follower)
            if not left.done():
                left.set_exception(Interrupted())

    def _leave(self, follower: Follower) -> None:
        left = self._followers.pop(follower)
        if not left.done():
            left.set_result(None)

    async def shown(self, event: DeliveryEvent) -> Shown:
        """Return what an event looks like now, or did a moment ago; it is found out once, however many ask."""
        happening = event.id, event.occurred_at
        found = self._fresh.get(happening)
        if found is not None:
            return found
        asked = self._asked.get(happening)
        if asked is None:
            asked = self._asked[happening] = asyncio.create_task(self._find_out(happening, event))
        return await asyncio.shield(asked)  # who goes away takes the answer from nobody else

    async def _find_out(self, happening: _Happening, row: DeliveryEvent) -> Shown:
        try:
            event = DeliveryStatusEvent.of(row)
            result = await self._execute(event)
        finally:
            del self._asked[happening]
        found = shown(result, event.cursor)
        if not result.errors:  # what has failed may not fail again
            self._keep(happening, found)
        return found

    async def _execute(self, event: DeliveryStatusEvent) -> ExecutionResult:
        context = Context(self._services, self._hub, self.sight.viewer)
        executor = self.executor.build_per_event_executor(event)
        executor.context_value = context
        with structlog.contextvars.bound_contextvars(request_id=context.request_id):
            result = await await_maybe(execute_subscription_event(executor))
            return ExecutionResult(data=result.data, errors=coded(result.errors, context) if result.errors else None)

    def _keep(self, happening: _Happening, found: Shown) -> None:
        if not self._fresh:
            asyncio.get_running_loop().call_later(_FRESH_S, self._fresh.clear)
        self._fresh[happening] = found
        if len(self._fresh) > _MOST_FRESH:
            del self._fresh[next(iter(self._fresh))]


class Showings:
    """All of this process, each as long as somebody watches it."""

    def __init__(self, services: Services, hub: EventHub) -> None:
        self._services = services
        self._hub = hub
        self._of: WeakValueDictionary[Sight, Showing] = WeakValueDictionary()

    def of(self, sight: Sight, executor: CompilingExecutor) -> Showing:
        """Return the showing of a sight. Where there is none yet, it is made of somebody's whose sight it is."""
        found = self._of.get(sight)
        if found is None:
            found = self._of[sight] = Showing(sight, executor, self._services, self._hub)
        return found

    def as_seen_by(self, viewer: Viewer, showing: Showing) -> Showing:
        """Return the showing of the same to somebody who may see something else."""
        return self.of(replace(showing.sight, viewer=viewer.anybody()), showing.executor)
