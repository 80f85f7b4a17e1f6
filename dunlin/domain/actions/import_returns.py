"""Take the returned direct debits that a bank's file tells of: each once, whatever files tell of it.

The caller runs the transactions: one for all, or one for each batch. A file that was interrupted is given again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dunlin.domain.actions.find_returns import find_returns
from dunlin.domain.actions.open_cases import hold_steps, insert_cases, reactions_of
from dunlin.domain.actions.return_rows import case_id_of, line_of, new_case_of, taken_of
from dunlin.domain.actions.stop_for_deceased import mark_deceased
from dunlin.domain.actions.store_customers import use_countries_of
from dunlin.domain.actions.under_way import OF_CASES, OF_CUSTOMERS, until_nothing_is_under_way
from dunlin.domain.actions.update_returned import ask_about_closed, update_returned
from dunlin.domain.choices import AuditAction, ReturnOutcome
from dunlin.domain.rules.bank_return import (
    Known,
    Open,
    ToldReturn,
    Unused,
    Update,
    Verdict,
    judge,
    mandate_key,
    told_dead,
)
from dunlin.domain.rules.case_input import NewCase, check_cases
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import (
    BankImport,
    BankImportLine,
    CollectionCase,
    CollectionCycle,
    CollectionStep,
    Customer,
    Organization,
    ReturnedDebit,
)
from dunlin.domain.viewer import Viewer

BATCH = 500


@dataclass(frozen=True, slots=True)
class Source:
    """The file that is imported."""

    format: str
    message_id: str
    digest: str
    file_name: str | None


@dataclass(slots=True)
class Stopped:
    """Whom a batch has stopped: wait for what is on its way out to them before the batch is reported done."""

    case_ids: list[int] = field(default_factory=list)
    customer_ids: list[int] = field(default_factory=list)

    async def wait(self, store: Store) -> None:
        if self.case_ids:
            await until_nothing_is_under_way(store, OF_CASES, self.case_ids)
        if self.customer_ids:
            await until_nothing_is_under_way(store, OF_CUSTOMERS, self.customer_ids)


async def begin_import(
    transaction: Transaction, viewer: Viewer, cycle: CollectionCycle, source: Source, now: datetime
) -> BankImport:
    """Return the report of a new import, in which nothing has been taken yet."""
    await hold_integrations(transaction, cycle.organization_id)
    return await BankImport.create(
        organization_id=cycle.organization_id,
        cycle_id=cycle.id,
        format=source.format,
        message_id=source.message_id,
        digest=source.digest,
        file_name=source.file_name,
        imported_by=viewer.actor.name[:200],
        started_at=now,
    )


async def end_import(transaction: Transaction, bank_import: BankImport, now: datetime) -> BankImport:
    """Say that the file was read to its end; return the report as it is now."""
    await transaction.rows("UPDATE bank_import SET completed_at = $2 WHERE id = $1", bank_import.id, now)
    return await BankImport.get(id=bank_import.id)


async def take_returns(
    transaction: Transaction,
    viewer: Viewer,
    bank_import: BankImport,
    cycle: CollectionCycle,
    told: Sequence[ToldReturn],
    now: datetime,
) -> Stopped:
    """Take one batch, write its lines, and return whom it has stopped."""
    await hold_integrations(transaction, cycle.organization_id)
    # The organization's row is the queue: of two who bring the same file, one takes a batch and the other knows it.
    organization = await Organization.select_for_update(no_key=True).get(id=cycle.organization_id)
    steps = await hold_steps(transaction, cycle)
    batch = _Batch(transaction, viewer, bank_import, organization, cycle, steps, now)
    for run in _runs(told):
        await batch.take(run)
    await batch.report(told)
    return batch.stopped


def _runs(told: Sequence[ToldReturn]) -> Iterator[list[ToldReturn]]:
    """Yield parts in which nothing is named twice: what comes again is judged by what became of the first."""
    run: list[ToldReturn] = []
    named: set[str | None] = set()
    for one in told:
        names = {one.reference, mandate_key(one) if one.end_to_end_id is None else None} - {None, ""}
        if names & named:
            yield run
            run, named = [], set()
        run.append(one)
        named |= names
    if run:
        yield run


@dataclass(slots=True)
class _Batch:
    transaction: Transaction
    viewer: Viewer
    bank_import: BankImport
    organization: Organization
    cycle: CollectionCycle
    steps: Sequence[CollectionStep]
    now: datetime
    stopped: Stopped = field(default_factory=Stopped)
    lines: list[BankImportLine] = field(default_factory=list)

    async def take(self, run: list[ToldReturn]) -> None:
        found = await find_returns(self.transaction, self.organization.id, run)
        verdicts = [judge(one, known) for one, known in zip(run, found, strict=True)]
        customers = await self._customers(verdicts)
        cases, verdicts = self._new_cases(run, verdicts, customers)
        opened = await self._open(cases, {row.external_reference: row.id for row in customers.values()})
        await self._update(run, verdicts)
        dead = {told_dead(one, known) for one, known in zip(run, found, strict=True)} - {None}
        await self._stop_for_deceased({one for one in dead if one is not None}, cases)
        await self._remember(run, verdicts, opened)
        for one, verdict in zip(run, verdicts, strict=True):
            self.lines.append(line_of(self.bank_import, one, verdict, opened))

    async def _customers(self, verdicts: Sequence[Verdict]) -> dict[int, Customer]:
        """Return whose the cases are that are to be opened."""
        ids = {verdict.customer_id for verdict in verdicts if isinstance(verdict, Open)}
        return {row.id: row for row in await Customer.filter(id__in=ids)} if ids else {}

    def _new_cases(
        self, run: Sequence[ToldReturn], verdicts: Sequence[Verdict], customers: Mapping[int, Customer]
    ) -> tuple[list[NewCase], list[Verdict]]:
        """Return the cases that are to be opened, and the verdicts without those that cannot be."""
        cases: list[NewCase] = []
        settled: list[Verdict] = []
        for one, verdict in zip(run, verdicts, strict=True):
            if isinstance(verdict, Open):
                case = new_case_of(one, customers[verdict.customer_id])
                if problems := check_cases([case], self.organization.country):
                    settled.append(Unused(" ".join(problem.message for problem in problems)))
                    continue
                cases.append(case)
            settled.append(verdict)
        return cases, settled

    async def _open(self, cases: Sequence[NewCase], customer_ids: Mapping[str, int]) -> dict[str, int]:
        """Open cases of customers by reference; return their rows by reference."""
        if not cases:
            return {}
        await insert_cases(self.transaction, self.organization, self.cycle, self.steps, cases, customer_ids, self.now)
        customers = [case.customer for case in cases]
        await use_countries_of(self.transaction, self.organization.id, customers, self.now)
        self.transaction.plans_due = True
        opened = await CollectionCase.filter(
            organization_id=self.organization.id, external_reference__in=[case.external_reference for case in cases]
        )
        return {row.external_reference: row.id for row in opened}

    async def _update(self, run: Sequence[ToldReturn], verdicts: Sequence[Verdict]) -> None:
        chosen = await reactions_of(self.organization.id)
        pairs = list(zip(run, verdicts, strict=True))
        updates = [(one, verdict.case.id) for one, verdict in pairs if isinstance(verdict, Update)]
        self.stopped.case_ids += await update_returned(self.transaction, updates, chosen, self.now)
        closed = [(one, verdict.closed) for one, verdict in pairs if isinstance(verdict, Unused) and verdict.closed]
        await ask_about_closed(self.transaction, closed)

    async def _stop_for_deceased(self, told: set[int], opened: Sequence[NewCase]) -> None:
        """Stop everything for those of whose death the file tells, and the new cases of those who had died before."""
        references = {case.customer.external_reference for case in opened}
        customers = await Customer.filter(
            organization_id=self.organization.id, external_reference__in=references, deceased_at__isnull=False
        )
        stopped = await mark_deceased(
            self.transaction, self.viewer, self.organization.id, told | {row.id for row in customers}, self.now
        )
        self.stopped.customer_ids += stopped

    async def _remember(
        self, run: Sequence[ToldReturn], verdicts: Sequence[Verdict], opened: Mapping[str, int]
    ) -> None:
        """Store what was taken, so that no file takes it again."""
        taken = []
        for one, verdict in zip(run, verdicts, strict=True):
            case_id = case_id_of(one, verdict, opened)
            if case_id is not None and (not isinstance(verdict, Known) or verdict.is_first):
                taken.append(taken_of(self.bank_import, one, case_id))
        await ReturnedDebit.bulk_create(taken, ignore_conflicts=True)

    async def report(self, told: Sequence[ToldReturn]) -> None:
        """Write the lines of the batch, count them, and tell the audit trail."""
        if not told:
            return
        await BankImportLine.bulk_create(self.lines)
        counts = {outcome: sum(line.outcome is outcome for line in self.lines) for outcome in ReturnOutcome}
        await self.transaction.rows(
            "UPDATE bank_import SET opened = opened + $2, updated = updated + $3, known = known + $4,"
            " unused = unused + $5 WHERE id = $1",
            self.bank_import.id,
            *counts.values(),
        )
        self.transaction.audit(
            self.viewer,
            AuditAction.BANK_FILE_IMPORTED,
            ("BankImport", self.bank_import.id),
            organization_id=self.organization.id,
            after={
                "format": self.bank_import.format,
                "messageId": self.bank_import.message_id,
                "opened": counts[ReturnOutcome.OPENED],
                "updated": counts[ReturnOutcome.UPDATED],
                "alreadyKnown": counts[ReturnOutcome.ALREADY_KNOWN],
                "notUsed": counts[ReturnOutcome.NOT_USED],
            },
        )
