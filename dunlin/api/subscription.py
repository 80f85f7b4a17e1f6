"""What can be watched."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import strawberry

from dunlin.api.context import Context, Info
from dunlin.api.errors import not_found
from dunlin.api.ids import decode_id
from dunlin.api.live import Narrowing, Reading
from dunlin.api.types.reminder import DeliveryStatusEvent, sequence_of
from dunlin.domain.choices import Permission
from dunlin.domain.tables import CollectionCase, Reminder
from dunlin.domain.viewer import Viewer


@strawberry.type(
    description="What can be watched, over a WebSocket with the protocol graphql-transport-ws, or as server-sent "
    "events at /graphql/stream."
)
class Subscription:
    @strawberry.subscription(
        description="Every change of a reminder's status, in commit order. With after: resume behind that cursor, "
        "nothing lost, nothing twice. Without: from now on."
    )
    async def delivery_status(
        self,
        info: Info,
        organization_id: Annotated[strawberry.ID, strawberry.argument(description="Whose reminders.")],
        case_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only reminders of this case.")
        ] = None,
        reminder_id: Annotated[strawberry.ID | None, strawberry.argument(description="Only this reminder.")] = None,
        after: Annotated[
            str | None, strawberry.argument(description="The cursor of the last event that you have.")
        ] = None,
    ) -> AsyncIterable[DeliveryStatusEvent]:
        return Watch(info.context, organization_id, case_id, reminder_id, after)


@dataclass(frozen=True, slots=True)
class Watch(AsyncIterable[DeliveryStatusEvent]):
    """What somebody asks to watch, by ids and a cursor as they were given.

    GraphQL asks for something to iterate over; `transport/watching.py` has all who see the same told by one instead.
    """

    context: Context
    organization_id: strawberry.ID
    case_id: strawberry.ID | None
    reminder_id: strawberry.ID | None
    after: str | None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        """Begin to read, or raise what keeps the viewer from it."""
        organization = decode_id("Organization", self.organization_id)
        case = None if self.case_id is None else decode_id("CollectionCase", self.case_id)
        reminder = None if self.reminder_id is None else decode_id("Reminder", self.reminder_id)
        await _require_visible(self.context.reader, organization, case, reminder)
        position = _position(organization, self.after, self.context.resume_after)
        async with self.context.hub.reading(organization, position, Narrowing(case, reminder)) as reading:
            yield reading

    async def __aiter__(self) -> AsyncGenerator[DeliveryStatusEvent]:
        async with self.reading() as reading, aclosing(reading.on()) as events:
            async for row in events:
                yield DeliveryStatusEvent.of(row)


def _position(organization_id: int, *cursors: str | None) -> int | None:
    """Return where to go on: where a client that comes back names two places, it has been at the later one."""
    return max((sequence_of(cursor, organization_id) for cursor in cursors if cursor is not None), default=None)


async def _require_visible(viewer: Viewer, organization: int, case: int | None, reminder: int | None) -> None:
    if not await viewer.sees(organization):
        raise not_found("organization")
    if case is not None and not await CollectionCase.filter(id=case, organization_id=organization).exists():
        raise not_found("collection case")
    if reminder is not None and not await Reminder.filter(id=reminder, organization_id=organization).exists():
        raise not_found("reminder")


def require_still_visible(viewer: Viewer, organization_id: int) -> None:
    """Ask anew what a token may have lost meanwhile. An organization never changes its account."""
    viewer.require(Permission.READ)
    if viewer.organization_ids is not None and organization_id not in viewer.organization_ids:
        raise not_found("organization")
