"""Organizations, from which the way leads to everything else."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from dunlin.api.connection import read_connection
from dunlin.api.context import Info
from dunlin.api.errors import bad_input
from dunlin.api.ids import encode_id
from dunlin.api.listing import Choice, Listing, Walk
from dunlin.api.pages import After, Before, Connection, First, Last, Order, Window
from dunlin.api.scalars import CountryCode, LanguageCode, TimeZone
from dunlin.api.types import bank, case, cycle, inbound, reminder
from dunlin.api.types.enums import IntegrationCategory
from dunlin.api.types.forecast import Forecast
from dunlin.api.types.integration import Integration
from dunlin.api.types.node import Node
from dunlin.api.types.return_reason import ReturnReason, load_return_reasons
from dunlin.api.types.spending import Spending, load_spending
from dunlin.domain import tables
from dunlin.domain.actions.forecast import MOST_STEPS
from dunlin.domain.choices import (
    CommunicationMethod,
    IntegrationKind,
    Weekday,
)
from dunlin.domain.rules.forecast import MAX_DAYS

if TYPE_CHECKING:
    from dunlin.api.types.bank import BankImport
    from dunlin.api.types.case import CollectionCaseConnection, CollectionCaseFilter
    from dunlin.api.types.cycle import CollectionCycle
    from dunlin.api.types.inbound import InboundText, InboundTextFilter
    from dunlin.api.types.reminder import DeliveryStatusEvent, ReminderConnection, ReminderFilter


@strawberry.type(
    description="When reminders may leave, by the local clock of the customer; see Customer.possibleTimeZones."
)
class SendingPolicy:
    window_start: str = strawberry.field(description="First local time of day, HH:MM, e.g. 08:00.")
    window_end: str = strawberry.field(
        description="End of the window, HH:MM, exclusive, e.g. 20:00; 24:00 is midnight."
    )
    days: list[Weekday] = strawberry.field(description="The days on which reminders may leave.")
    skip_holidays: bool = strawberry.field(
        description="Whether nothing leaves on public holidays of the customer's country: that of the phone number, "
        "else the organization's. Holidays of a part of the country only do not count."
    )
    minimum_gap_hours: int = strawberry.field(
        description="At least so many hours lie between two reminders to one customer, in whatever cases. 0: no limit."
    )
    maximum_per_week: int = strawberry.field(
        description="One customer gets at most so many reminders in any 7 days, in whatever cases. 0: no limit. What "
        "waits for its turn stays SCHEDULED; its statusReason says why. What a person has sent again does not wait."
    )


_CYCLES = Choice(Listing(tables.CollectionCycle, Walk(("t.organization_id",)), Order("cycles")))


@strawberry.type(description="One that collects money: with integrations, cycles and cases of its own.")
class Organization(Node):
    row: strawberry.Private[tables.Organization]
    name: str = strawberry.field(description="Its name, as customers read it.")
    country: CountryCode = strawberry.field(description="Its country; national phone numbers are read as of it.")
    time_zone: TimeZone = strawberry.field(description="The zone of its calendar: steps are due on its days.")
    default_language: LanguageCode = strawberry.field(description="Used where the customer's language has no text.")
    sending_policy: SendingPolicy = strawberry.field(description="When reminders may leave.")
    closed_at: datetime | None = strawberry.field(
        description="When it was closed; null while it is open. A closed one can be read, and nothing else."
    )

    @classmethod
    def of(cls, row: tables.Organization) -> Self:
        return cls(
            id=encode_id("Organization", row.id),
            row=row,
            name=row.name,
            country=CountryCode(row.country),
            time_zone=TimeZone(row.time_zone),
            default_language=LanguageCode(row.default_language),
            sending_policy=SendingPolicy(
                window_start=row.window_start,
                window_end=row.window_end,
                days=[day for day in Weekday if day in row.window_days],
                skip_holidays=row.skip_holidays,
                minimum_gap_hours=row.minimum_gap_hours,
                maximum_per_week=row.maximum_per_week,
            ),
            closed_at=row.closed_at,
        )

    @strawberry.field(description="Every integration this service knows, connected or not.")
    async def integrations(
        self,
        info: Info,
        category: Annotated[
            IntegrationCategory | None, strawberry.argument(description="Only those of this section.")
        ] = None,
    ) -> list[Integration]:
        rows = await info.context.loaders.integrations.load(self.row.id)
        cards = [Integration.of(row) for row in rows]
        return [card for card in cards if category in (None, card.category)]

    @strawberry.field(description="One integration, connected or not.")
    async def integration(
        self, info: Info, kind: Annotated[IntegrationKind, strawberry.argument(description="Which one.")]
    ) -> Integration:
        rows = await info.context.loaders.integrations.load(self.row.id)
        return next(Integration.of(row) for row in rows if row.kind is kind)

    @strawberry.field(description="The methods a step may use now: NONE always, the others while connected.")
    async def available_communication_methods(self, info: Info) -> list[CommunicationMethod]:
        rows = await info.context.loaders.integrations.load(self.row.id)
        connected = [CommunicationMethod(row.kind) for row in rows if row.connection_id is not None]
        return [CommunicationMethod.NONE, *connected]

    @strawberry.field(description="Why direct debits come back, by code, and what its cases do then.")
    async def return_reasons(self, info: Info) -> list[ReturnReason]:
        return await load_return_reasons(info, self.row.id)

    @strawberry.field(
        description="Its IBANs and SEPA creditor identifiers: only bank files about these are taken. See "
        "setCreditorAccounts."
    )
    async def creditor_accounts(self, info: Info) -> list[str]:
        return [row.account for row in await info.context.loaders.creditor_accounts.load(self.row.id)]

    @strawberry.field(description="The bank files of returned direct debits that were imported, newest first.")
    async def bank_imports(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Annotated["BankImport", strawberry.lazy("dunlin.api.types.bank")]]:
        window = Window(first, after, last, before)
        return await read_connection(info, bank.OF_ORGANIZATION, self.row.id, window, bank.BankImport.of)

    @strawberry.field(description="What it spends on texts this month, and the limit, if it has one.")
    async def spending(self, info: Info) -> Spending:
        return await load_spending(info, self.row.id)

    @strawberry.field(description="Its collection cycles, oldest first.")
    async def collection_cycles(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Annotated["CollectionCycle", strawberry.lazy("dunlin.api.types.cycle")]]:
        window = Window(first, after, last, before)
        return await read_connection(info, _CYCLES, self.row.id, window, cycle.CollectionCycle.of)

    @strawberry.field(description="Its collection cases, newest first.")
    async def collection_cases(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            Annotated["CollectionCaseFilter", strawberry.lazy("dunlin.api.types.case")] | None,
            strawberry.argument(description="Which ones."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Annotated["CollectionCaseConnection", strawberry.lazy("dunlin.api.types.case")]:
        window = Window(first, after, last, before)
        return await case.CollectionCaseConnection.read(info, self.row.id, filter, window)

    @strawberry.field(description="Its reminders, newest first.")
    async def reminders(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            Annotated["ReminderFilter", strawberry.lazy("dunlin.api.types.reminder")] | None,
            strawberry.argument(description="Which ones."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Annotated["ReminderConnection", strawberry.lazy("dunlin.api.types.reminder")]:
        return await reminder.read_reminders(info, self.row.id, filter, Window(first, after, last, before))

    @strawberry.field(
        description="What will go out in the next days and what it will cost, and what will not go out and why, by the "
        "rules that will decide about it. What is not known yet is not in it: payments, new cases, changes of texts, "
        "prices or policies, nor what a spending limit may come to hold back. "
        f"At most {MOST_STEPS:,} steps are looked at, those due first; on days after these, and "
        "partly on the last, steps are only counted, as uncounted. Organizations that are asked about together share "
        "that number alike."
    )
    async def forecast(
        self,
        info: Info,
        days: Annotated[int, strawberry.argument(description=f"How many days, today included: 1 to {MAX_DAYS}.")] = 14,
    ) -> Forecast:
        if not 1 <= days <= MAX_DAYS:
            raise bad_input(f"days is 1 to {MAX_DAYS}, not {days}.")
        ahead = await info.context.loaders.forecast.load((info.context.viewer, days, self.row.id))
        return Forecast.of(ahead)

    @strawberry.field(
        description="What people have sent to its senders by SMS, newest first. Whom nobody here has the number of is "
        "among them, without a case."
    )
    async def inbound_texts(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            Annotated["InboundTextFilter", strawberry.lazy("dunlin.api.types.inbound")] | None,
            strawberry.argument(description="Which ones."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["InboundText", strawberry.lazy("dunlin.api.types.inbound")]]:
        choice = inbound.OF_ORGANIZATION if filter is None else filter.choice()
        return await inbound.read_texts(info, choice, self.row.id, Window(first, after, last, before))

    @strawberry.field(
        description="The same events, and the same cursors, as Subscription.deliveryStatus, oldest first."
    )
    async def delivery_events(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Annotated["DeliveryStatusEvent", strawberry.lazy("dunlin.api.types.reminder")]]:
        return await reminder.read_event_page(info, self.row.id, Window(first, after, last, before))

    @strawberry.field(
        description="The cursor of its newest delivery event, or of the place before the first. Read it before what "
        "you show, and give it to deliveryStatus(after:): nothing in between is missed."
    )
    async def delivery_cursor(self, info: Info) -> str:
        return reminder.event_cursor(self.row.id, await info.context.loaders.newest_sequence.load(self.row.id))


async def load_organization(info: Info, organization_id: int) -> Organization:
    row = await info.context.loaders.organization.load(organization_id)
    assert row is not None, "a row's organization exists"
    return Organization.of(row)
