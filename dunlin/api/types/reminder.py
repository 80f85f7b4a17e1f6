"""Reminders and their delivery events."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import strawberry

from dunlin.api.connection import count, read_connection, read_entries
from dunlin.api.context import Context, Info
from dunlin.api.execution.many import for_many
from dunlin.api.execution.rows import Made, Relation, Shape, columns, id_of
from dunlin.api.ids import decode_id, encode_id
from dunlin.api.listing import Choice, Condition, Listing, Walk
from dunlin.api.pages import Connection, Order, Window
from dunlin.api.scalars import LanguageCode
from dunlin.api.types import case, organization
from dunlin.api.types.node import Money, Node
from dunlin.domain import tables
from dunlin.domain.choices import CommunicationMethod, SmsEncoding
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules import mail, phone

if TYPE_CHECKING:
    from dunlin.api.types.case import CollectionCase
    from dunlin.api.types.organization import Organization


_ORDER = Order("reminders", newest_first=True)
_OF_ORGANIZATION = Listing(tables.Reminder, Walk(("t.organization_id",)), _ORDER)
OF_CASE = Choice(Listing(tables.Reminder, Walk(("t.case_id",)), _ORDER))
_EVENT_ORDER = Order("event", "sequence")
_EVENTS = Choice(Listing(tables.DeliveryEvent, Walk(("t.organization_id",)), _EVENT_ORDER))


def event_cursor(organization_id: int, sequence: int) -> str:
    return _EVENT_ORDER.of(organization_id).cursor(sequence)


def sequence_of(cursor: str, organization_id: int) -> int:
    """Return the place that an event cursor of this organization stands for, or raise BAD_USER_INPUT."""
    return _EVENT_ORDER.of(organization_id).key(cursor)


async def _reminders_of(events: Sequence["DeliveryStatusEvent"], context: Context) -> list["Reminder"]:
    rows = await context.loaders.reminder.existing([event.row.reminder_id for event in events])
    may_see = context.may_see
    return [Reminder.of(row, may_see=may_see) for row in rows]


@strawberry.type(description="One change of a reminder's status, as it happened.")
class DeliveryStatusEvent(Node):
    row: strawberry.Private[tables.DeliveryEvent]
    cursor: str = strawberry.field(description="Its place among the organization's events; see deliveryStatus(after:).")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    status: ReminderStatus = strawberry.field(description="What the reminder's status became.")
    reason: str | None = strawberry.field(description="Why, in plain words, where there is something to explain.")
    error_code: int | None = strawberry.field(
        description="The carrier's own code, e.g. 30003, an unreachable handset at Twilio, or 550 of a mail server; "
        "null without an error."
    )

    @classmethod
    def of(cls, row: tables.DeliveryEvent) -> Self:
        return cls(
            id=encode_id("DeliveryStatusEvent", row.id),
            row=row,
            cursor=event_cursor(row.organization_id, row.sequence),
            occurred_at=row.occurred_at,
            status=row.status,
            reason=row.reason,
            error_code=row.error_code,
        )

    @strawberry.field(description="The reminder, as it is now.", metadata=for_many(_reminders_of))
    async def reminder(self, info: Info) -> "Reminder":
        return (await _reminders_of([self], info.context))[0]


async def _cases_of(reminders: Sequence["Reminder"], context: Context) -> list["CollectionCase"]:
    rows = await context.loaders.case.existing([one.row.case_id for one in reminders])
    return [case.CollectionCase.of(row) for row in rows]


def _masked(address: str, method: CommunicationMethod) -> str:
    return mail.mask(address) if method is CommunicationMethod.EMAIL else phone.mask(address)


def _cost(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money.of(amount, currency)


SHAPE: Shape = Shape(
    tables.Reminder,
    {
        **columns("method", "to", "text", "subject", "language", "is_fallback_language", "status", "status_reason"),
        **columns("error_code", "is_retry", "provider_message_id", "encoding", "segments", "scheduled_for", "sent_at"),
        **columns("delivered_at", "created_at"),
        "id": id_of("Reminder"),
        "estimated_cost": Made(("estimated_cost", "estimated_cost_currency"), _cost),
    },
    masked={"to": Made(("to", "method"), _masked)},
    relations={"case": Relation("case_id", lambda: case.SHAPE)},
)


@strawberry.type(description="One message for one step of a case.")
class Reminder(Node):
    shape: ClassVar[Shape] = SHAPE
    row: strawberry.Private[tables.Reminder]
    method: CommunicationMethod = strawberry.field(description="How it goes out.")
    to: str = strawberry.field(
        description="The number or address it goes to. Masked (+32 *** ** 56) unless the viewer holds COLLECT."
    )
    text: str = strawberry.field(
        description="What it says, filled in when it is planned, and anew in the moment it goes out. From then on it "
        "is what was sent."
    )
    subject: str | None = strawberry.field(description="The subject of an e-mail; null for other methods.")
    language: LanguageCode = strawberry.field(description="The language it is written in.")
    is_fallback_language: bool = strawberry.field(
        description="Whether the customer has another language, in which the step has no text."
    )
    status: ReminderStatus = strawberry.field(description="Where it stands.")
    status_reason: str | None = strawberry.field(
        description="Why it waits, failed, was canceled or is unconfirmed, in plain words."
    )
    error_code: int | None = strawberry.field(
        description="The carrier's own code, e.g. 30003, an unreachable handset at Twilio, or 550 of a mail server; "
        "null without an error."
    )
    is_retry: bool = strawberry.field(
        description="Whether it is the same text once more, sent by itself after a failure that may pass."
    )
    provider_message_id: str | None = strawberry.field(
        description="The carrier's id of the message, at Twilio SM and 32 hexadecimal digits, of an e-mail the "
        "beginning of its Message-ID; null until it has told."
    )
    encoding: SmsEncoding | None = strawberry.field(description="How an SMS is encoded; null for other methods.")
    segments: int | None = strawberry.field(
        description="Into how many billed parts an SMS is cut, e.g. 2 for 200 characters of GSM_7; null for others."
    )
    estimated_cost: Money | None = strawberry.field(
        description="Its segments times the price of the number's country when it was planned, or when it went out "
        "with another text or below a spending limit; null if that was not known then, and for other methods. What "
        "networks add is not in it."
    )
    scheduled_for: datetime = strawberry.field(description="When it goes out, at the earliest.")
    sent_at: datetime | None = strawberry.field(description="When the carrier had it; null before.")
    delivered_at: datetime | None = strawberry.field(
        description="When it arrived, as the carrier tells; null where it has not told of that, as few mail servers do."
    )
    created_at: datetime = strawberry.field(description="When it was planned.")

    @classmethod
    def of(cls, row: tables.Reminder, *, may_see: bool) -> Self:
        return cls(row=row, **SHAPE.values_of(row, may_see=may_see))

    @strawberry.field(description="Whose it is.")
    async def organization(
        self, info: Info
    ) -> Annotated["Organization", strawberry.lazy("dunlin.api.types.organization")]:
        return await organization.load_organization(info, self.row.organization_id)

    @strawberry.field(description="The case it belongs to.", metadata=for_many(_cases_of))
    async def case(self, info: Info) -> Annotated["CollectionCase", strawberry.lazy("dunlin.api.types.case")]:
        return (await _cases_of([self], info.context))[0]

    @strawberry.field(description="Every change of its status, in order.")
    async def events(self, info: Info) -> list[DeliveryStatusEvent]:
        return [DeliveryStatusEvent.of(row) for row in await info.context.loaders.events.load(self.row.id)]


@strawberry.input(description="Which reminders to list; all conditions hold together.")
class ReminderFilter:
    statuses: list[ReminderStatus] | None = strawberry.field(default=None, description="Only these statuses.")
    case_id: strawberry.ID | None = strawberry.field(default=None, description="Only reminders of this case.")

    def choice(self) -> Choice[tables.Reminder]:
        statuses = None if self.statuses is None else tuple(self.statuses)
        if self.case_id is not None:
            walk = Walk(("t.case_id",), _CASE, decode_id("CollectionCase", self.case_id))
            conditions = () if statuses is None else (Condition("t.status = ANY({})", statuses),)
            return Choice(_OF_ORGANIZATION, conditions, walk)
        if statuses is None:
            return Choice(_OF_ORGANIZATION)
        walk = Walk(("t.organization_id", "t.status"), "SELECT parent.id, unnest({})", statuses)
        return Choice(_OF_ORGANIZATION, walk=walk)


_CASE = "SELECT c.id FROM collection_case c WHERE c.organization_id = parent.id AND c.id = {}"


@strawberry.type(description="One page of reminders.")
class ReminderConnection(Connection[Reminder]):
    choice: strawberry.Private[Choice[tables.Reminder]]
    parent: strawberry.Private[int]

    @classmethod
    async def read(cls, info: Info, choice: Choice[tables.Reminder], parent: int, window: Window) -> Self:
        may_see = info.context.may_see
        edges, nodes, page_info = await read_entries(
            info, choice, parent, window, lambda row: Reminder.of(row, may_see=may_see)
        )
        return cls(edges=edges, nodes=nodes, page_info=page_info, choice=choice, parent=parent)

    @strawberry.field(description="How many there are on all pages. Counted only when asked for.")
    async def total_count(self, info: Info) -> int:
        return await count(info, self.choice, self.parent)


async def read_reminders(
    info: Info, organization_id: int, chosen: ReminderFilter | None, window: Window
) -> ReminderConnection:
    choice = Choice(_OF_ORGANIZATION) if chosen is None else chosen.choice()
    return await ReminderConnection.read(info, choice, organization_id, window)


async def read_event_page(info: Info, organization_id: int, window: Window) -> Connection[DeliveryStatusEvent]:
    """Return delivery events in the order and with the cursors of the subscription."""
    return await read_connection(info, _EVENTS, organization_id, window, DeliveryStatusEvent.of)
