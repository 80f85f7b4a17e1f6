"""Collection cases, with their steps and payments."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import strawberry

from dunlin.api.connection import count, read_connection, read_entries
from dunlin.api.context import Context, Info
from dunlin.api.errors import bad_input
from dunlin.api.execution.many import for_many
from dunlin.api.execution.rows import Made, Relation, Shape, columns, id_of
from dunlin.api.ids import decode_id, encode_id
from dunlin.api.listing import Choice, Condition, Listing, Walk
from dunlin.api.pages import After, Before, Connection, First, Last, Order, Window
from dunlin.api.scalars import CurrencyCode
from dunlin.api.types import customer, cycle, inbound, organization, reminder
from dunlin.api.types.customer import Customer
from dunlin.api.types.node import Money, Node
from dunlin.domain import tables
from dunlin.domain.choices import (
    CaseClosedReason,
    CaseOrigin,
    CaseState,
    CaseStepState,
    Check,
    CheckOutcome,
    CommunicationMethod,
    ReturnReaction,
)
from dunlin.domain.rules.trace import DecidedCheck, checks_of

if TYPE_CHECKING:
    from dunlin.api.types.cycle import CollectionCycle
    from dunlin.api.types.inbound import InboundText
    from dunlin.api.types.organization import Organization
    from dunlin.api.types.reminder import Reminder, ReminderConnection


_CASES = Listing(tables.CollectionCase, Walk(("t.organization_id",)), Order("cases", newest_first=True))
_PAYMENTS = Choice(Listing(tables.Payment, Walk(("t.case_id",)), Order("payments")))


@strawberry.type(description="What one check found when it was decided about a reminder.")
class DecisionCheck:
    name: Check = strawberry.field(description="What was looked at.")
    outcome: CheckOutcome = strawberry.field(description="What was found.")
    sentence: str = strawberry.field(description="The same in plain words.")
    decided_at: datetime = strawberry.field(description="When it was decided; checks of one decision share it.")

    @classmethod
    def of(cls, decided: DecidedCheck) -> Self:
        finding = decided.finding
        return cls(
            name=finding.check, outcome=finding.outcome, sentence=finding.sentence, decided_at=decided.decided_at
        )


@strawberry.type(description="The case's own copy of a step, taken when the case opened.")
class CaseStep(Node):
    row: strawberry.Private[tables.CaseStep]
    position: int = strawberry.field(description="Its place in the case, from 1.")
    name: str = strawberry.field(description="Its name, shown to staff.")
    communication_method: CommunicationMethod = strawberry.field(description="How it reaches the customer.")
    due_at: datetime = strawberry.field(
        description="When it is due: as the send window opens on its day, by the clock of the organization."
    )
    state: CaseStepState = strawberry.field(description="Where it stands.")
    skipped_reason: str | None = strawberry.field(
        description="With SKIPPED: why nothing was sent, in plain words; null otherwise."
    )

    @classmethod
    def of(cls, row: tables.CaseStep) -> Self:
        return cls(
            id=encode_id("CaseStep", row.id),
            row=row,
            position=row.position,
            name=row.name,
            communication_method=row.communication_method,
            due_at=row.due_at,
            state=row.state,
            skipped_reason=row.skipped_reason if row.state is CaseStepState.SKIPPED else None,
        )

    @strawberry.field(
        description="Why its reminder was sent, waits or was not sent: every check with its outcome, oldest first. The "
        "first decision is that of planning, up to the first check that failed. Then come those in which the reminder "
        "was held or stopped before it left, and the one in which it went after that; of very many, the latest. Empty "
        "until the step is due or will never be."
    )
    def decision_trace(self) -> list[DecisionCheck]:
        return [DecisionCheck.of(decided) for decided in checks_of(self.row.trace or [])]

    @strawberry.field(description="Its reminder, the newest if it was sent again; null if none was planned.")
    async def reminder(self, info: Info) -> Annotated["Reminder", strawberry.lazy("dunlin.api.types.reminder")] | None:
        rows = await info.context.loaders.step_reminders.load(self.row.id)
        may_see = info.context.may_see
        return reminder.Reminder.of(rows[-1], may_see=may_see) if rows else None


@strawberry.type(description="Money that came in for a case.")
class Payment(Node):
    amount: Money = strawberry.field(description="How much.")
    paid_at: datetime = strawberry.field(description="When it was paid.")
    reference: str | None = strawberry.field(
        description="What the bank or the bookkeeping knows it by, e.g. BANK-2026-77."
    )
    recorded_at: datetime = strawberry.field(description="When it was recorded here.")

    @classmethod
    def of(cls, row: tables.Payment) -> Self:
        return cls(
            id=encode_id("Payment", row.id),
            amount=Money(amount=row.amount, currency=CurrencyCode(row.currency)),
            paid_at=row.paid_at,
            reference=row.reference,
            recorded_at=row.recorded_at,
        )


async def _customers_of(cases: Sequence["CollectionCase"], context: Context) -> list[Customer]:
    rows = await context.loaders.customer.existing([one.row.customer_id for one in cases])
    may_see = context.may_see
    return [Customer.of(row, may_see=may_see) for row in rows]


async def _cycles_of(cases: Sequence["CollectionCase"], context: Context) -> list["CollectionCycle"]:
    rows = await context.loaders.cycle.existing([one.row.cycle_id for one in cases])
    return [cycle.CollectionCycle.of(row) for row in rows]


async def _steps_of(cases: Sequence["CollectionCase"], context: Context) -> list[list[CaseStep]]:
    steps = await context.loaders.case_steps.load_all([one.row.id for one in cases])
    return [[CaseStep.of(row) for row in of_case] for of_case in steps]


SHAPE: Shape = Shape(
    tables.CollectionCase,
    {
        **columns("number", "external_reference", "end_to_end_id", "origin", "return_reason_code", "reaction", "state"),
        **columns("closed_reason", "due_on", "payment_link", "opened_at", "next_action_at", "attention_reason"),
        **columns("paused_at", "paused_until", "pause_reason", "closed_at", "closed_note"),
        "id": id_of("CollectionCase"),
        "amount_due": Made(("amount_due", "currency"), Money.of, parts=("amount", "currency")),
        "overpaid": Made(("overpaid", "currency"), lambda much, currency: Money.of(much, currency) if much else None),
    },
    relations={"customer": Relation("customer_id", lambda: customer.SHAPE)},
)


@strawberry.type(description="One customer's run through a collection cycle.")
class CollectionCase(Node):
    shape: ClassVar[Shape] = SHAPE
    row: strawberry.Private[tables.CollectionCase]
    number: str = strawberry.field(description="Its number within the organization, e.g. DC-1042.")
    external_reference: str = strawberry.field(
        description="The organization's own reference, e.g. INV-2026-1042; unique there."
    )
    end_to_end_id: str | None = strawberry.field(description="The end-to-end id of its direct debit, where known.")
    origin: CaseOrigin = strawberry.field(description="Why it was opened.")
    return_reason_code: str | None = strawberry.field(
        description="ISO 20022 return reason of the direct debit, e.g. AM04."
    )
    reaction: ReturnReaction = strawberry.field(description="What it does about its return reason.")
    state: CaseState = strawberry.field(description="Where it stands.")
    closed_reason: CaseClosedReason | None = strawberry.field(description="Why it ended; null while it is open.")
    amount_due: Money = strawberry.field(description="What is still to be paid.")
    overpaid: Money | None = strawberry.field(description="By how much more was paid than was due, if it was.")
    due_on: date = strawberry.field(description="The day by which it should have been paid.")
    payment_link: str | None = strawberry.field(
        description="Where the customer can pay, e.g. https://pay.example.com/INV-1; texts may name it."
    )
    opened_at: datetime = strawberry.field(description="When it was opened here.")
    next_action_at: datetime | None = strawberry.field(
        description="When its next step is due; null if none is ahead or the case is paused."
    )
    attention_reason: str | None = strawberry.field(
        description="Why a person must look: no usable number, a refused text, a debtor who has died ..."
    )
    paused_at: datetime | None = strawberry.field(description="Since when it is paused; null if it is not.")
    paused_until: date | None = strawberry.field(
        description="The day of the organization's calendar on which it resumes by itself; null: only when resumed."
    )
    pause_reason: str | None = strawberry.field(description="Why it is paused, where a reason was given.")
    closed_at: datetime | None = strawberry.field(description="When it ended; null while it is open.")
    closed_note: str | None = strawberry.field(description="What was said by the person who closed it.")

    @classmethod
    def of(cls, row: tables.CollectionCase) -> Self:
        return cls(row=row, **SHAPE.values_of(row))

    @strawberry.field(description="Whose it is.")
    async def organization(
        self, info: Info
    ) -> Annotated["Organization", strawberry.lazy("dunlin.api.types.organization")]:
        return await organization.load_organization(info, self.row.organization_id)

    @strawberry.field(description="Who owes.", metadata=for_many(_customers_of))
    async def customer(self, info: Info) -> Customer:
        return (await _customers_of([self], info.context))[0]

    @strawberry.field(description="The cycle it goes through.", metadata=for_many(_cycles_of))
    async def cycle(self, info: Info) -> Annotated["CollectionCycle", strawberry.lazy("dunlin.api.types.cycle")]:
        return (await _cycles_of([self], info.context))[0]

    @strawberry.field(description="Its steps, in order.", metadata=for_many(_steps_of))
    async def steps(self, info: Info) -> list[CaseStep]:
        return (await _steps_of([self], info.context))[0]

    @strawberry.field(description="What has been paid, in the order in which it was recorded.")
    async def payments(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Payment]:
        return await read_connection(info, _PAYMENTS, self.row.id, Window(first, after, last, before), Payment.of)

    @strawberry.field(description="Its reminders, newest first.")
    async def reminders(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Annotated["ReminderConnection", strawberry.lazy("dunlin.api.types.reminder")]:
        window = Window(first, after, last, before)
        return await reminder.ReminderConnection.read(info, reminder.OF_CASE, self.row.id, window)

    @strawberry.field(description="What its customer has answered by SMS, newest first.")
    async def inbound_texts(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Annotated["InboundText", strawberry.lazy("dunlin.api.types.inbound")]]:
        return await inbound.read_texts(info, inbound.OF_CASE, self.row.id, Window(first, after, last, before))


@strawberry.input(description="Which cases to list; all conditions hold together.")
class CollectionCaseFilter:
    states: list[CaseState] | None = strawberry.field(default=None, description="Only cases in one of these states.")
    cycle_id: strawberry.ID | None = strawberry.field(default=None, description="Only cases of this cycle.")
    customer_reference: str | None = strawberry.field(
        default=None, description="Only cases of the customer with this external reference."
    )
    needs_attention: bool | None = strawberry.field(
        default=None, description="True: only cases that a person must look at. False: only the others."
    )

    def choice(self) -> Choice[tables.CollectionCase]:
        walks = list(self._walks())
        # What is found by a walk need not be looked for along it.
        conditions = [condition for walk, condition in walks[1:]]
        return Choice(_CASES, tuple(conditions), walks[0][0] if walks else None)

    def _walks(self) -> Iterator[tuple[Walk, Condition]]:
        """Yield each condition, as a walk and as what rows of another walk must meet; the rarest first."""
        if self.customer_reference is not None:
            if "\0" in self.customer_reference:  # PostgreSQL would refuse the whole statement
                raise bad_input("A customer reference has no NUL character.")
            yield (
                Walk(("t.customer_id",), _CUSTOMER.format("parent.id", "{}"), self.customer_reference),
                Condition(f"t.customer_id = ({_CUSTOMER.format('t.organization_id', '{}')})", self.customer_reference),
            )
        if self.cycle_id is not None:
            cycle_id = decode_id("CollectionCycle", self.cycle_id)
            yield Walk(("t.cycle_id",), _CYCLE, cycle_id), Condition("t.cycle_id = {}", cycle_id)
        if self.needs_attention is not None:
            needs = "true" if self.needs_attention else "false"
            yield (
                Walk(("t.organization_id", "(t.attention_reason IS NOT NULL)"), f"SELECT parent.id, {needs}"),
                Condition(f"(t.attention_reason IS NOT NULL) = {needs}"),
            )
        if self.states is not None:
            yield (
                Walk(("t.organization_id", "t.state"), "SELECT parent.id, unnest({})", tuple(self.states)),
                Condition("t.state = ANY({})", tuple(self.states)),
            )


_CUSTOMER = "SELECT c.id FROM customer c WHERE c.organization_id = {} AND c.external_reference = {}"
_CYCLE = "SELECT c.id FROM collection_cycle c WHERE c.organization_id = parent.id AND c.id = {}"


@strawberry.type(description="One page of collection cases.")
class CollectionCaseConnection(Connection[CollectionCase]):
    organization_id: strawberry.Private[int]
    choice: strawberry.Private[Choice[tables.CollectionCase]]

    @classmethod
    async def read(cls, info: Info, organization_id: int, chosen: CollectionCaseFilter | None, window: Window) -> Self:
        choice = Choice(_CASES) if chosen is None else chosen.choice()
        edges, nodes, page_info = await read_entries(info, choice, organization_id, window, CollectionCase.of)
        return cls(edges=edges, nodes=nodes, page_info=page_info, organization_id=organization_id, choice=choice)

    @strawberry.field(description="How many there are on all pages. Counted only when asked for.")
    async def total_count(self, info: Info) -> int:
        return await count(info, self.choice, self.organization_id)
