"""Importing a bank's file of returned direct debits: a file of an operator batch by batch, an upload in one piece."""

import asyncio
import base64
import binascii
import io
from datetime import UTC, datetime
from itertools import islice
from typing import BinaryIO

from dunlin.domain.actions.import_returns import BATCH, Source, Stopped, begin_import, end_import, take_returns
from dunlin.domain.actions.set_creditor_accounts import creditor_accounts
from dunlin.domain.choices import Permission, ReturnOutcome
from dunlin.domain.errors import ProblemCode, not_found, refuse
from dunlin.domain.idempotency import RowOf, earlier_answer, once, request_of
from dunlin.domain.rules.bank_return import ToldReturn
from dunlin.domain.store import Store, Transaction
from dunlin.domain.tables import BankImport, BankImportLine, CollectionCycle, Organization
from dunlin.domain.viewer import Viewer
from dunlin.runtime.bank_file import BankFile, check_bank_file, read_returns
from dunlin.runtime.case_import import Progress
from dunlin.runtime.csv_records import UnreadableFile

MAX_UPLOAD = 1_000_000  # bytes, before base64: with it a request stays well below what the API takes


async def import_returns(
    store: Store,
    viewer: Viewer,
    cycle: CollectionCycle,
    file: BinaryIO,
    file_name: str,
    progress: Progress,
    stopping: asyncio.Event,
) -> BankImport | None:
    """Check a file, then take its returns batch by batch; return the report, None if stopped before it began.

    `progress.advance` is told how much was read of twice the file: once to check it, once to take it.
    """
    accounts = {one.key for one in await creditor_accounts(cycle.organization_id)}
    checked = await asyncio.to_thread(check_bank_file, file, accounts, progress.advance)
    if stopping.is_set():
        progress.is_stopped = True
        return None
    size, now = file.seek(0, io.SEEK_END), datetime.now(UTC)
    file.seek(0)
    source = _source(checked, file_name.encode(errors="replace").decode()[:200])
    report = await store.transact(lambda transaction: begin_import(transaction, viewer, cycle, source, now))
    returns = read_returns(file)
    while batch := await asyncio.to_thread(lambda: list(islice(returns, BATCH))):
        await _take_batch(store, viewer, report, cycle, batch)
        await report.refresh_from_db()
        progress.opened, progress.updated = report.opened, report.updated
        progress.known, progress.unused = report.known, report.unused
        await _tell_unused(report, batch, progress)
        progress.advance(size + file.tell())
        if stopping.is_set():
            progress.is_stopped = True
            return report
    return await store.transact(lambda transaction: end_import(transaction, report, datetime.now(UTC)))


async def _tell_unused(report: BankImport, batch: list[ToldReturn], progress: Progress) -> None:
    unused = BankImportLine.filter(
        bank_import_id=report.id,
        outcome=ReturnOutcome.NOT_USED,
        number__gte=batch[0].number,
        number__lte=batch[-1].number,
    )
    for line in await unused.order_by("number"):
        name = line.end_to_end_id or line.transaction_id
        named = f", {name}" if name else ""
        progress.report(f"transaction {line.number} (line {line.line}){named}: {line.reason}")


async def _take_batch(
    store: Store, viewer: Viewer, report: BankImport, cycle: CollectionCycle, batch: list[ToldReturn]
) -> None:
    now = datetime.now(UTC)
    stopped = await store.transact(lambda transaction: take_returns(transaction, viewer, report, cycle, batch, now))
    await stopped.wait(store)


async def import_upload(
    store: Store,
    viewer: Viewer,
    *,
    organization_id: int,
    cycle_id: int,
    content: str,
    file_name: str | None,
    idempotency_key: str | None,
    now: datetime,
) -> BankImport:
    """Take the returns of a file given in base64, all in one transaction; return the report.

    Refuses with NOT_FOUND, WRONG_STATE or IDEMPOTENCY_KEY_REUSED, or with INVALID for a file that cannot be read or is
    about another creditor; nothing is changed then.
    """
    viewer.require(Permission.COLLECT)
    organization = await viewer.organization(organization_id, "organizationId")
    cycle = await CollectionCycle.get_or_none(id=cycle_id, organization_id=organization.id)
    if cycle is None:
        raise not_found("collection cycle", "cycleId")
    if file_name is not None and not (1 <= len(file_name) <= 200 and file_name.isprintable()):
        raise refuse(ProblemCode.INVALID, "A file's name has 1 to 200 printable characters.", "fileName")
    request = request_of(
        viewer,
        organization.id,
        idempotency_key,
        "importBankFile",
        {"cycle": cycle.id, "content": content, "fileName": file_name},
    )
    if kept := await earlier_answer(request, now):
        return await RowOf(BankImport).recall(kept)
    checked, returns = await _read_upload(organization, content)
    stopped: list[Stopped] = []

    async def take(transaction: Transaction) -> BankImport:
        async def work() -> BankImport:
            stopped.clear()  # of a try that was rolled back
            report = await begin_import(transaction, viewer, cycle, _source(checked, file_name), now)
            for start in range(0, len(returns), BATCH):
                batch = returns[start : start + BATCH]
                stopped.append(await take_returns(transaction, viewer, report, cycle, batch, now))
            return await end_import(transaction, report, now)

        return await once(transaction, request, now, work, RowOf(BankImport))

    report = await store.transact(take)
    for one in stopped:
        await one.wait(store)
    return report


async def _read_upload(organization: Organization, content: str) -> tuple[BankFile, list[ToldReturn]]:
    try:
        decoded = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise refuse(ProblemCode.INVALID, "This is not base64 (RFC 4648, with padding).", "content") from error
    if len(decoded) > MAX_UPLOAD:
        message = (
            f"The file has {len(decoded):,} bytes; this takes at most {MAX_UPLOAD:,}. "
            "The operator imports larger ones with `dunlin import`."
        )
        raise refuse(ProblemCode.INVALID, message, "content")
    accounts = {one.key for one in await creditor_accounts(organization.id)}
    try:
        return await asyncio.to_thread(_read_whole, decoded, accounts)
    except UnreadableFile as error:
        raise refuse(ProblemCode.INVALID, str(error), "content") from error


def _read_whole(decoded: bytes, accounts: set[str]) -> tuple[BankFile, list[ToldReturn]]:
    file = io.BytesIO(decoded)
    checked = check_bank_file(file, accounts, lambda read: None)
    return checked, list(read_returns(file))


def _source(checked: BankFile, file_name: str | None) -> Source:
    return Source(checked.format, checked.message_id, checked.digest, file_name)
