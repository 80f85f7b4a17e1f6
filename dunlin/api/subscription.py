"""What can be watched."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

import strawberry

from dunlin.api.context import Info
from dunlin.api.errors import not_found
from dunlin.api.ids import decode_id
from dunlin.api.types.reminder import DeliveryStatusEvent, sequence_of
from dunlin.domain.tables import CollectionCase, Reminder


@strawberry.type(description="What can be watched, over a WebSocket with the protocol graphql-transport-ws.")
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
    ) -> AsyncIterator[DeliveryStatusEvent]:
        organization = decode_id("Organization", organization_id)
        case = None if case_id is None else decode_id("CollectionCase", case_id)
        reminder = None if reminder_id is None else decode_id("Reminder", reminder_id)
        await _require_visible(info, organization, case, reminder)
        position = None if after is None else sequence_of(after, organization)
        async with aclosing(info.context.hub.events(organization, position)) as events:
            async for event in events:
                if case in (None, event.case_id) and reminder in (None, event.reminder_id):
                    yield DeliveryStatusEvent.of(event)


async def _require_visible(info: Info, organization: int, case: int | None, reminder: int | None) -> None:
    if not await info.context.reader.sees(organization):
        raise not_found("organization")
    if case is not None and not await CollectionCase.filter(id=case, organization_id=organization).exists():
        raise not_found("collection case")
    if reminder is not None and not await Reminder.filter(id=reminder, organization_id=organization).exists():
        raise not_found("reminder")
