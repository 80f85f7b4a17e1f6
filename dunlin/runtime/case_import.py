"""Opening cases by a file, a row per case, in batches of what one call of the API opens."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import BinaryIO

from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.errors import Refusal
from dunlin.domain.rules.case_input import MAX_CASES, NewCase
from dunlin.domain.rules.case_row import BadHeader, Flaw, flaw_of, read_header, read_row
from dunlin.domain.store import Store
from dunlin.domain.tables import CollectionCycle, Organization
from dunlin.domain.viewer import Viewer
from dunlin.runtime.csv_records import Record, Unreadable, UnreadableFile, check_encoding, read_records
from dunlin.runtime.operator import NoSuchOwner
from dunlin.runtime.seen_references import SeenReferences


@dataclass(slots=True)
class Progress:
    """What has become of the rows so far, and whom to tell: `report` each flaw, `advance` how far the file is read.

    All that is counted is stored. `is_stopped`: somebody has stopped it before the end of the file.
    """

    report: Callable[[str], None]
    advance: Callable[[int], None]
    opened: int = 0
    updated: int = 0  # cases that a bank's file tells of
    known: int = 0
    unused: int = 0
    is_stopped: bool = False


async def import_cases(
    store: Store,
    viewer: Viewer,
    organization: Organization,
    cycle: CollectionCycle,
    file: BinaryIO,
    progress: Progress,
    stopping: asyncio.Event,
) -> None:
    """Open the cases of `file` batch by batch, until its end or until `stopping` is set."""
    await asyncio.to_thread(check_encoding, file)
    records = read_records(file)
    columns = _columns(next(records, None))
    with SeenReferences() as seen:
        while not stopping.is_set():
            rows = list(islice(records, MAX_CASES))
            if not rows:
                return
            if usable := list(_usable(rows, columns, organization.country, seen, progress)):
                await _open(store, viewer, organization, cycle, usable, progress)
            progress.advance(file.tell())
            await asyncio.sleep(0)  # for signals, where no row could be used
    progress.is_stopped = True


async def _open(
    store: Store,
    viewer: Viewer,
    organization: Organization,
    cycle: CollectionCycle,
    usable: list[tuple[Record, NewCase]],
    progress: Progress,
) -> None:
    """Open the cases of a batch, but those that say what is stored of others: of a debit or a mandate."""
    now = datetime.now(UTC)
    cases = [case for _, case in usable]
    try:
        stored = await open_cases(
            store, viewer, organization_id=organization.id, cycle_id=cycle.id, cases=cases, now=now
        )
    except Refusal as refusal:
        refused = {int(problem.path[1]) for problem in refusal.problems if problem.path[:1] == ("cases",)}
        if not refused:
            raise
        for problem in refusal.problems:
            progress.report(_sentence(usable[int(problem.path[1])][0], flaw_of(problem)))
        progress.unused += len(refused)
        if left := [row for place, row in enumerate(usable) if place not in refused]:
            await _open(store, viewer, organization, cycle, left, progress)
        return
    new = sum(case.opened_at == now for case in stored)
    progress.opened += new
    progress.known += len(stored) - new


def _columns(header: Record | None) -> list[str]:
    if header is None:
        raise UnreadableFile("The file is empty. Its first line names the columns.")
    if isinstance(header.fields, Unreadable):
        raise UnreadableFile(f"The first line should name the columns. {header.fields.reason}")
    try:
        return read_header(header.fields)
    except BadHeader as error:
        raise UnreadableFile(str(error)) from error


def _usable(
    records: Iterable[Record], columns: list[str], country: str, seen: SeenReferences, progress: Progress
) -> Iterator[tuple[Record, NewCase]]:
    """Yield the rows that can be used with their cases, and report the others."""
    for record in records:
        outcome = _read(record, columns, country)
        if isinstance(outcome, NewCase):
            earlier = seen.add(outcome.external_reference, record.number)
            if earlier is None:
                yield record, outcome
                continue
            outcome = [Flaw("external_reference", f"It stands in row {earlier} already: each row is another case.")]
        progress.unused += 1
        for flaw in outcome:
            progress.report(_sentence(record, flaw))


def _read(record: Record, columns: list[str], country: str) -> NewCase | list[Flaw]:
    if isinstance(record.fields, Unreadable):
        return [Flaw(None, record.fields.reason)]
    return read_row(columns, record.fields, country)


def _sentence(record: Record, flaw: Flaw) -> str:
    place = f"row {record.number}" if record.number == record.line else f"row {record.number} (line {record.line})"
    return f"{place}, {flaw.column}: {flaw.message}" if flaw.column else f"{place}: {flaw.message}"


async def cycle_named(organization: Organization, name: str) -> CollectionCycle:
    """Return the cycle of that name, or of that number where several have the name."""
    cycles = await CollectionCycle.filter(organization_id=organization.id).order_by("id")
    found = [cycle for cycle in cycles if cycle.name == name] or [cycle for cycle in cycles if str(cycle.id) == name]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(cycle.id) for cycle in found)
        raise NoSuchOwner(f"{organization.name} has several cycles {name!r}. Name one by its number: {numbers}.")
    names = ", ".join(repr(cycle.name) for cycle in cycles) or "none yet"
    raise NoSuchOwner(f"{organization.name} has no collection cycle {name!r}. It has: {names}.")
