"""Subscriptions: each is let in by itself, and shown what all see who see the same."""

from dataclasses import dataclass

from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from dunlin.api.context import Context
from dunlin.api.errors import coded
from dunlin.api.live import Reading
from dunlin.api.showing import Follower, Interrupted, Listener, Showing, Showings, Sight
from dunlin.api.shown import Shown, shown
from dunlin.api.stays import Stay
from dunlin.api.subscription import Watch, require_still_visible
from dunlin.api.transport.ground import Ground
from dunlin.api.transport.operation import in_time
from dunlin.api.transport.request import Asked
from dunlin.domain.tables import DeliveryEvent
from dunlin.domain.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Opened:
    """A subscription that was let in."""

    watch: Watch
    showing: Showing
    viewer: Viewer


async def open_watch(ground: Ground, text: str, asked: Asked, context: Context) -> Opened | Shown:
    """Let a subscription in, or return what its client is told instead."""
    try:
        async with in_time(asked, context):
            opened = await ground.schema.open_watch(text, asked.variables, asked.operation_name, context)
    except GraphQLError as error:  # it did not become its turn
        return _failed(error, context)
    if isinstance(opened, PreExecutionError):
        return shown(opened)
    watch, executor = opened
    return Opened(watch, ground.showings.of(Sight.of(text, asked, context), executor), context.viewer)


async def follow(opened: Opened, stay: Stay, showings: Showings, listener: Listener) -> None:
    """Send what happens, until it cannot be seen any more; raise `Interrupted` where something cannot be shown now."""
    try:
        async with opened.watch.reading() as reading:
            await _Subscriber(reading, stay, showings, listener, opened.viewer, opened.showing).follow()
    except (Interrupted, WebSocketDisconnect):
        raise
    except Exception as error:
        await listener.send(_failed(error, opened.watch.context))


def _failed(error: Exception, context: Context) -> Shown:
    """Return the last that is told of a subscription that cannot go on."""
    told = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
    return shown(ExecutionResult(data=None, errors=coded([told], context)))


@dataclass(slots=True)
class _Subscriber:
    """Reads alone up to the head, and from there on with all who see the same, as long as it keeps up with them."""

    reading: Reading
    stay: Stay
    showings: Showings
    listener: Listener
    viewer: Viewer
    showing: Showing

    async def follow(self) -> None:
        while True:
            for event in await self.reading.next():
                await self._show(event)
            await self._look()
            if self.reading.is_at_head:
                await self.showing.tell(Follower(self.reading, self.stay, self.viewer, self.listener))

    async def _show(self, event: DeliveryEvent) -> None:
        await self._look()
        found = await self.showing.shown(event)
        if found.is_unavailable:
            raise Interrupted
        await self.listener.send(found)

    async def _look(self) -> None:
        """See again who watches, and what they may see by now."""
        viewer = await self.stay.current()
        if viewer is not self.viewer:
            require_still_visible(viewer, self.reading.organization_id)
            self.viewer, self.showing = viewer, self.showings.as_seen_by(viewer, self.showing)
