"""What became of the files in which banks tell of returned direct debits."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from dunlin.api.connection import read_connection
from dunlin.api.context import Info
from dunlin.api.ids import encode_id
from dunlin.api.listing import Choice, Listing, Walk
from dunlin.api.pages import After, Before, Connection, First, Last, Order, Window
from dunlin.api.scalars import CurrencyCode
from dunlin.api.types import case, cycle
from dunlin.api.types.node import Money, Node
from dunlin.domain import tables
from dunlin.domain.choices import ReturnOutcome

if TYPE_CHECKING:
    from dunlin.api.types.case import CollectionCase
    from dunlin.api.types.cycle import CollectionCycle

OF_ORGANIZATION = Choice(
    Listing(tables.BankImport, Walk(("t.organization_id",)), Order("bank-imports", newest_first=True))
)
_LINES = Listing(tables.BankImportLine, Walk(("t.bank_import_id",)), Order("bank-import-lines"))


@strawberry.type(description="What became of one transaction of a bank's file.")
class BankImportLine:
    row: strawberry.Private[tables.BankImportLine]
    number: int = strawberry.field(description="Which transaction of the file it is, from 1.")
    line: int = strawberry.field(description="In which line of the file it begins, from 1.")
    outcome: ReturnOutcome = strawberry.field(description="What became of it.")
    reason: str | None = strawberry.field(description="Why it opened or updated no case, in plain words.")
    end_to_end_id: str | None = strawberry.field(description="The creditor's own name of the direct debit.")
    transaction_id: str | None = strawberry.field(description="What it is named by where there is no end-to-end id.")
    mandate_reference: str | None = strawberry.field(description="The mandate, where it is told.")
    return_reason_code: str | None = strawberry.field(
        description="ISO 20022 return reason, e.g. AM04; MS03 where the bank gives none, NARR where only words."
    )
    amount: Money | None = strawberry.field(description="What came back, where it is told.")
    dated_on: date | None = strawberry.field(
        description="The day of the collection in a pain.002, of the booking in a camt.054; else that of the file."
    )

    @classmethod
    def of(cls, row: tables.BankImportLine) -> Self:
        amount = None
        if row.amount is not None and row.currency is not None:
            amount = Money(amount=row.amount, currency=CurrencyCode(row.currency))
        return cls(
            row=row,
            number=row.number,
            line=row.line,
            outcome=row.outcome,
            reason=row.reason,
            end_to_end_id=row.end_to_end_id,
            transaction_id=row.transaction_id,
            mandate_reference=row.mandate_reference,
            return_reason_code=row.return_reason_code,
            amount=amount,
            dated_on=row.dated_on,
        )

    @strawberry.field(
        description="The case that it opened or updated, that knew of it, or that has ended and a person must look at."
    )
    async def case(self, info: Info) -> Annotated["CollectionCase", strawberry.lazy("dunlin.api.types.case")] | None:
        if self.row.case_id is None:
            return None
        row = await info.context.loaders.case.load(self.row.case_id)
        return None if row is None else case.CollectionCase.of(row)


@strawberry.input(description="Which transactions to list.")
class BankImportLineFilter:
    outcomes: list[ReturnOutcome] | None = strawberry.field(
        default=None, description="Only those of which one of these became."
    )

    def choice(self) -> Choice[tables.BankImportLine]:
        if self.outcomes is None:
            return Choice(_LINES)
        columns = ("t.bank_import_id", "t.outcome")
        return Choice(_LINES, (), Walk(columns, "SELECT parent.id, unnest({})", tuple(self.outcomes)))


@strawberry.type(description="A bank's file of returned direct debits that was imported, and what became of it.")
class BankImport(Node):
    row: strawberry.Private[tables.BankImport]
    format: str = strawberry.field(description="The message and its version, e.g. camt.054.001.08.")
    message_id: str = strawberry.field(description="The bank's own name of the message.")
    file_name: str | None = strawberry.field(description="What the file was called, where that was said.")
    digest: str = strawberry.field(description="The SHA-256 of the file, in hexadecimal.")
    imported_by: str = strawberry.field(description="Who imported it.")
    started_at: datetime = strawberry.field(description="When its import began.")
    completed_at: datetime | None = strawberry.field(
        description="When it was read to its end; null while it goes on, or if it was interrupted: the same file again "
        "takes what is left."
    )
    opened: int = strawberry.field(description="How many of its transactions opened a case.")
    updated: int = strawberry.field(description="How many told their case its return reason.")
    already_known: int = strawberry.field(description="How many were taken before.")
    not_used: int = strawberry.field(description="How many could not be used; their lines say why.")

    @classmethod
    def of(cls, row: tables.BankImport) -> Self:
        return cls(
            id=encode_id("BankImport", row.id),
            row=row,
            format=row.format,
            message_id=row.message_id,
            file_name=row.file_name,
            digest=row.digest,
            imported_by=row.imported_by,
            started_at=row.started_at,
            completed_at=row.completed_at,
            opened=row.opened,
            updated=row.updated,
            already_known=row.known,
            not_used=row.unused,
        )

    @strawberry.field(description="The cycle that its new cases go through.")
    async def cycle(self, info: Info) -> Annotated["CollectionCycle", strawberry.lazy("dunlin.api.types.cycle")]:
        row = await info.context.loaders.cycle.load(self.row.cycle_id)
        assert row is not None, "an import's cycle exists"
        return cycle.CollectionCycle.of(row)

    @strawberry.field(description="Its transactions, in their order.")
    async def lines(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            BankImportLineFilter | None, strawberry.argument(description="Which ones.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[BankImportLine]:
        choice = Choice(_LINES) if filter is None else filter.choice()
        window = Window(first, after, last, before)
        return await read_connection(info, choice, self.row.id, window, BankImportLine.of)
