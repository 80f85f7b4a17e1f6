"""Customers: whom cases are about, and whether they may be texted or written to."""

from datetime import datetime
from typing import Annotated, ClassVar, Self

import strawberry

from dunlin.api.connection import read_connection
from dunlin.api.context import Info
from dunlin.api.execution.rows import Made, Shape, columns, id_of
from dunlin.api.ids import encode_id
from dunlin.api.listing import Choice, Listing, Walk
from dunlin.api.pages import After, Before, Connection, First, Last, Order, Window
from dunlin.api.scalars import LanguageCode, TimeZone
from dunlin.api.types.node import Node
from dunlin.domain import tables
from dunlin.domain.choices import EmailProblemKind, OptOutSource, PhoneProblemKind
from dunlin.domain.rules import mail, phone
from dunlin.domain.rules.zones import possible_zones

_OPT_OUTS = Choice(
    Listing(
        tables.SmsOptOut,
        Walk(
            ("t.organization_id", "t.phone"),
            "SELECT c.organization_id, c.phone FROM customer c WHERE c.id = parent.id",
        ),
        Order("sms-opt-outs", newest_first=True),
    )
)


@strawberry.type(description="Why a phone number cannot be texted.")
class PhoneProblem:
    kind: PhoneProblemKind = strawberry.field(description="What is wrong with it.")
    reason: str = strawberry.field(description="What the carrier says of it, in plain words.")
    since: datetime = strawberry.field(description="When it said so.")

    @classmethod
    def of(cls, kind: PhoneProblemKind | None, reason: str | None, since: datetime | None) -> Self | None:
        if kind is None or reason is None or since is None:
            return None
        return cls(kind=kind, reason=reason, since=since)


@strawberry.type(description="Why an e-mail address cannot be used.")
class EmailProblem:
    kind: EmailProblemKind = strawberry.field(description="What is wrong with it.")
    reason: str = strawberry.field(description="What mail servers say of it, in plain words.")
    since: datetime = strawberry.field(description="When they said so.")

    @classmethod
    def of(cls, kind: EmailProblemKind | None, reason: str | None, since: datetime | None) -> Self | None:
        if kind is None or reason is None or since is None:
            return None
        return cls(kind=kind, reason=reason, since=since)


@strawberry.type(description="A refusal of SMS by whoever has a number, and how it ended.")
class SmsOptOut:
    at: datetime = strawberry.field(description="Since when.")
    source: OptOutSource = strawberry.field(description="Which way it was said.")
    text: str | None = strawberry.field(
        description="In which words, or what a person put down as proof. Null unless the viewer holds COLLECT."
    )
    recorded_by: str | None = strawberry.field(description="Who put it down; null if nobody did.")
    lifted_at: datetime | None = strawberry.field(description="Until when; null while it is in force.")
    lifted_source: OptOutSource | None = strawberry.field(description="Which way it was taken back.")
    lifted_text: str | None = strawberry.field(description="In which words. Null unless the viewer holds COLLECT.")
    lifted_by: str | None = strawberry.field(description="Who put that down; null if nobody did.")

    @classmethod
    def of(cls, row: tables.SmsOptOut, *, may_see: bool) -> Self:
        return cls(
            at=row.opted_out_at,
            source=row.source,
            text=row.words if may_see else None,
            recorded_by=row.by,
            lifted_at=row.lifted_at,
            lifted_source=row.lifted_source,
            lifted_text=row.lifted_words if may_see else None,
            lifted_by=row.lifted_by,
        )


_MANDATES = Choice(Listing(tables.Mandate, Walk(("t.customer_id",)), Order("mandates")))


@strawberry.type(description="What allows an organization to debit a customer's account.")
class Mandate(Node):
    row: strawberry.Private[tables.Mandate]
    reference: str = strawberry.field(description="Its unique reference, as it was first given.")
    registered_at: datetime = strawberry.field(description="When it became known here.")

    @classmethod
    def of(cls, row: tables.Mandate) -> Self:
        return cls(id=encode_id("Mandate", row.id), row=row, reference=row.reference, registered_at=row.registered_at)

    @strawberry.field(description="Whose account it is about.")
    async def customer(self, info: Info) -> Annotated["Customer", strawberry.lazy("dunlin.api.types.customer")]:
        row = await info.context.loaders.customer.load(self.row.customer_id)
        assert row is not None, "a mandate's customer exists"
        return Customer.of(row, may_see=info.context.may_see)


SHAPE: Shape = Shape(
    tables.Customer,
    {
        **columns("external_reference", "name", "phone", "email", "sms_opted_out_at", "email_opted_out_at"),
        **columns("deceased_at"),
        "id": id_of("Customer"),
        "language": Made(("language",), lambda language: language or None),
        "time_zone": Made(("time_zone",), lambda zone: zone or None),
        "phone_problem": Made(("phone_problem", "phone_problem_reason", "phone_problem_at"), PhoneProblem.of),
        "email_problem": Made(("email_problem", "email_problem_reason", "email_problem_at"), EmailProblem.of),
    },
    masked={
        "phone": Made(("phone",), lambda number: None if number is None else phone.mask(number)),
        "email": Made(("email",), lambda address: None if address is None else mail.mask(address)),
    },
)


@strawberry.type(description="Who owes: the debtor.")
class Customer(Node):
    shape: ClassVar[Shape] = SHAPE
    row: strawberry.Private[tables.Customer]
    external_reference: str = strawberry.field(
        description="The organization's own reference of the customer, e.g. C-1042; unique there."
    )
    name: str = strawberry.field(description="The customer's name.")
    language: LanguageCode | None = strawberry.field(description="Null: the organization's default language.")
    phone: str | None = strawberry.field(description="Masked (+32 *** ** 56) unless the viewer holds COLLECT.")
    email: str | None = strawberry.field(description="Masked (j***@example.com) unless the viewer holds COLLECT.")
    time_zone: TimeZone | None = strawberry.field(
        description="As it was given; null: told by the phone number, see possibleTimeZones."
    )
    phone_problem: PhoneProblem | None = strawberry.field(
        description="What is wrong with the number. No step texts it until it is corrected by changeCustomerPhone, or "
        "by another number in openCollectionCases."
    )
    sms_opted_out_at: datetime | None = strawberry.field(
        description="Since when the customer refuses SMS. It counts for the number: for all customers who have it."
    )
    email_problem: EmailProblem | None = strawberry.field(
        description="What is wrong with the e-mail address. No step writes to it until it is corrected by "
        "changeCustomerEmail, or by another address in openCollectionCases."
    )
    email_opted_out_at: datetime | None = strawberry.field(
        description="Since when the customer refuses e-mail. It counts for the address: for all customers who have it."
    )
    deceased_at: datetime | None = strawberry.field(
        description="When we were told that the customer has died (MD07); nothing is sent from then on."
    )

    @classmethod
    def of(cls, row: tables.Customer, *, may_see: bool) -> Self:
        return cls(row=row, **SHAPE.values_of(row, may_see=may_see))

    @strawberry.field(
        description="Every time zone that counts for the customer: reminders leave only while the send window is open "
        "in all of them. It is timeZone where that was given; else the zones that the phone number may belong to; "
        "else the organization's."
    )
    async def possible_time_zones(self, info: Info) -> list[TimeZone]:
        owner = await info.context.loaders.organization.load(self.row.organization_id)
        assert owner is not None, "a row's organization exists"
        zones = possible_zones(self.row.time_zone, self.row.phone, owner.time_zone)
        return [TimeZone(zone) for zone in zones]

    @strawberry.field(description="The refusal that is in force for the customer's number; null if there is none.")
    async def sms_opt_out(self, info: Info) -> SmsOptOut | None:
        if self.row.phone is None:
            return None
        row = await info.context.loaders.opt_out.load((self.row.organization_id, self.row.phone))
        return None if row is None else SmsOptOut.of(row, may_see=info.context.may_see)

    @strawberry.field(description="Every refusal of SMS by whoever has the customer's number, newest first.")
    async def sms_opt_outs(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[SmsOptOut]:
        may_see = info.context.may_see
        return await read_connection(
            info,
            _OPT_OUTS,
            self.row.id,
            Window(first, after, last, before),
            lambda row: SmsOptOut.of(row, may_see=may_see),
        )

    @strawberry.field(description="The customer's mandates, in the order in which they became known.")
    async def mandates(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Mandate]:
        return await read_connection(info, _MANDATES, self.row.id, Window(first, after, last, before), Mandate.of)
