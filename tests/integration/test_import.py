"""`dunlin import`: a file of cases, as an operator gives it."""

import asyncio
import csv
import io
import os
import pty
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from dunlin.domain.choices import AuditAction, CaseOrigin
from dunlin.domain.tables import AuditEntry, CollectionCase, CollectionCycle, Customer
from dunlin.runtime.wiring import Services
from tests.build import NONE, a_cycle, an_account, an_organization, everything_stored
from tests.integration.test_command_line import Answer, dunlin, start

HEADER = "external_reference,customer_reference,customer_name,amount,currency,due_on,phone\n"
WHERE = ("--organization", "Waterworks", "--cycle", "Invoices")


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    return await a_cycle(await an_organization(await an_account("Owner")), [NONE])


def row(number: int, **changed: str) -> str:
    given = {
        "external_reference": f"INV-{number}",
        "customer_reference": f"C-{number}",
        "customer_name": "Ada Reyes",
        "amount": "84.50",
        "currency": "EUR",
        "due_on": "2026-01-15",
        "phone": "+32470123456",
        **changed,
    }
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(given.values())
    return line.getvalue()


def rows_of(count: int) -> Iterable[str]:
    return (row(number) for number in range(count))


def a_file(folder: Path, content: str | bytes | Iterable[str], name: str = "cases.csv") -> Path:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(content)
    return path


async def run(services: Services, path: Path, *arguments: str) -> Answer:
    return await dunlin(services, "import", *WHERE, *arguments, str(path))


async def test_every_row_becomes_a_case_told_to_the_audit_trail(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    content = (
        "\ufeffexternal_reference;origin;return_reason_code;customer_reference;customer_name;language;time_zone;phone;"
        "email;amount;currency;due_on;payment_link;is_refund\r\n"
        'INV-1;;;C-1;"Peeters; Sofie";nl;;0470 12 34 56;sofie@example.com;1250.5;EUR;2026-01-15;https://pay.example.com/1;\r\n'
        "INV-2;DIRECT_DEBIT_RETURN;AC04;C-2;Zoë Dupré;fr-BE;Europe/Paris;;;84.50;USD;2027-01-15;;true\r\n"
    )

    answer = await run(services, a_file(tmp_path, content))

    assert (answer.code, answer.out, answer.err) == (0, "Opened: 2. Known already: 0. Not used: 0.\n", "")
    first, second = await CollectionCase.all().order_by("id").select_related("customer")
    assert (first.cycle_id, str(first.amount_due), first.currency, first.origin) == (
        cycle.id, "1250.5000", "EUR", CaseOrigin.OVERDUE_INVOICE
    )  # fmt: skip
    assert (first.customer.name, first.customer.phone, first.customer.email) == (
        "Peeters; Sofie", "+32470123456", "sofie@example.com"
    )  # fmt: skip
    assert (second.return_reason_code, second.customer.language, second.customer.time_zone) == (
        "AC04", "fr-BE", "Europe/Paris"
    )  # fmt: skip
    assert [entry.action for entry in await AuditEntry.all()] == [AuditAction.CASES_OPENED]


async def test_good_rows_are_opened_although_bad_ones_stand_beside_them(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    content = [
        HEADER,
        row(1),
        row(2, amount="12,50", due_on="15/01/2026"),
        row(3),
        "INV-4,C-4,Ada\n",
        row(1, customer_name="Twice"),
        row(5, customer_name="A\0da"),
        row(6, phone="12"),
        '"INV-7,C-7,Ada,1.00,EUR,2026-01-15,\n',
        row(8),
    ]

    answer = await run(services, a_file(tmp_path, content))

    assert (answer.code, answer.out) == (3, "Opened: 3. Known already: 0. Not used: 6.\n")
    assert [line.split(". ")[0] for line in answer.err.splitlines()] == [
        "row 3, amount: '12,50' is no amount",
        "row 3, due_on: '15/01/2026' is no date",
        "row 5: It has 3 fields, and the header 7",
        "row 6, external_reference: It stands in row 2 already: each row is another case.",
        "row 7, customer_name: It holds the control character U+0000",
        "row 8, phone: This is no phone number",
        "row 9: It opens quotes that are not closed: the file may be cut off.",
    ]
    opened = await CollectionCase.all().order_by("id")
    assert [case.external_reference for case in opened] == ["INV-1", "INV-3", "INV-8"]
    assert await Customer.filter(name="Twice").count() == 0


async def test_what_could_not_be_used_goes_to_a_file_where_one_is_named(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    report = tmp_path / "report.txt"

    answer = await run(services, a_file(tmp_path, [HEADER, row(1, currency="€")]), "--report", str(report))

    assert (answer.code, answer.err) == (3, "")
    said = "row 2, currency: '€' is no currency. Write it by ISO 4217, such as EUR.\n"
    assert report.read_text(encoding="utf-8") == said


async def test_the_report_does_not_overwrite_the_file(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    path = a_file(tmp_path, [HEADER, row(1)])

    answer = await run(services, path, "--report", str(path))

    assert (answer.code, path.read_text(encoding="utf-8")) == (2, HEADER + row(1))


async def test_a_report_that_cannot_be_written_stops_it_before_it_begins(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    answer = await run(services, a_file(tmp_path, [HEADER, row(1)]), "--report", str(tmp_path / "none" / "report.txt"))

    assert (answer.code, "cannot be written: No such file or directory." in answer.err) == (1, True)
    assert await CollectionCase.all().count() == 0


async def test_the_same_file_twice_changes_nothing(services: Services, cycle: CollectionCycle, tmp_path: Path) -> None:
    path = a_file(tmp_path, [HEADER, *rows_of(3)])
    await run(services, path)
    before = await everything_stored()

    answer = await run(services, path)

    assert (answer.code, answer.out) == (0, "Opened: 0. Known already: 3. Not used: 0.\n")
    assert await everything_stored() == before


async def test_a_reference_that_comes_again_in_a_later_batch_is_told_too(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    path = a_file(tmp_path, [HEADER, *rows_of(1_001), row(0)])

    answers = [await run(services, path) for _ in range(2)]

    assert [answer.code for answer in answers] == [3, 3]
    assert {answer.err.split(". ")[0] for answer in answers} == {
        "row 1003, external_reference: It stands in row 2 already: each row is another case.\n"
    }
    assert answers[1].out == "Opened: 0. Known already: 1001. Not used: 1.\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "The file is empty.", id="empty"),
        pytest.param("\n\n", "The file is empty.", id="empty-lines"),
        pytest.param(HEADER.replace("due_on", "due"), "Unknown columns: 'due'. Missing columns: due_on.", id="header"),
        pytest.param(row(1), "Missing columns: external_reference,", id="no-header"),
        pytest.param((HEADER + row(1, customer_name="Zoë")).encode("latin-1"), "Line 2, byte 13 is not", id="latin-1"),
        pytest.param((HEADER + row(1)).encode("utf-16"), "The file is UTF-16.", id="utf-16"),
        pytest.param((HEADER + row(1)).replace("\n", "\r"), "end with CR alone", id="old-mac"),
    ],
)
async def test_a_file_that_is_no_table_of_cases_is_refused_as_a_whole(
    services: Services, cycle: CollectionCycle, tmp_path: Path, content: str | bytes, said: str
) -> None:
    answer = await run(services, a_file(tmp_path, content))

    assert (answer.code, said in answer.err) == (1, True), answer
    assert "Traceback" not in answer.err
    assert await CollectionCase.all().count() == 0


async def test_a_header_alone_opens_nothing_and_is_no_failure(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    answer = await run(services, a_file(tmp_path, HEADER))

    assert (answer.code, answer.out) == (0, "Opened: 0. Known already: 0. Not used: 0.\n")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        pytest.param(("--organization", "Gas", "--cycle", "Invoices"), "no open organization 'Gas'", id="organization"),
        pytest.param(("--organization", "Waterworks", "--cycle", "X"), "It has: 'Invoices', 'Twice'", id="cycle"),
        pytest.param(("--organization", "Waterworks", "--cycle", "Twice"), "by its number: 2, 3.", id="two-cycles"),
        pytest.param(("--organization", "Waterworks", "--cycle", "2"), "The cycle has no steps.", id="no-steps"),
        pytest.param(("--organization", "Waterworks"), "Missing option '--cycle'", id="no-cycle"),
    ],
)
async def test_where_the_cases_go_must_be_clear(
    services: Services, cycle: CollectionCycle, tmp_path: Path, where: tuple[str, ...], said: str
) -> None:
    for _ in range(2):
        await CollectionCycle.create(organization_id=cycle.organization_id, name="Twice")

    answer = await dunlin(services, "import", *where, str(a_file(tmp_path, [HEADER, row(1)])))

    assert (answer.code in (1, 2), said in answer.err) == (True, True), answer
    assert await CollectionCase.all().count() == 0


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 130, id="terminated"),
        pytest.param(signal.SIGKILL, -signal.SIGKILL, id="killed"),
    ],
)
async def test_an_import_that_is_ended_leaves_whole_batches_and_is_gone_on_with(
    services: Services, cycle: CollectionCycle, tmp_path: Path, ending: signal.Signals, code: int
) -> None:
    path = a_file(tmp_path, [HEADER, *rows_of(30_000)])
    process = await start(services, "import", *WHERE, str(path))
    async with asyncio.timeout(30):
        while not await CollectionCase.all().exists():
            pass
        process.send_signal(ending)
        out, _ = await process.communicate()
    opened = await CollectionCase.all().count()

    assert (process.returncode, opened % 1_000, 0 < opened < 30_000) == (code, 0, True)
    if ending is not signal.SIGKILL:
        assert out.decode() == f"Opened: {opened}. Known already: 0. Not used: 0.\n"
    again = await run(services, a_file(tmp_path, [HEADER, *rows_of(opened + 5)], "part.csv"))
    assert (again.code, again.out) == (0, f"Opened: 5. Known already: {opened}. Not used: 0.\n")


def all_of(terminal: int) -> str:
    shown = b""
    with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:  # how a terminal says that it is closed
        while part := file.read(4_096):
            shown += part
    return shown.decode()


async def test_a_person_at_a_terminal_sees_how_far_it_is(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    path = a_file(tmp_path, [HEADER, *rows_of(1_500), row(9_999, amount="x")])
    terminal, side = pty.openpty()
    process = await start(services, "import", *WHERE, str(path), stderr=side)
    os.close(side)
    async with asyncio.timeout(30):
        shown = await asyncio.to_thread(all_of, terminal)
        await process.wait()

    assert "Importing" in shown
    assert "100%" in shown
    assert "row 1502, amount: 'x' is no amount." in shown


async def test_memory_does_not_grow_with_the_file(services: Services, cycle: CollectionCycle, tmp_path: Path) -> None:
    """What is held is a batch. 20,000 cases held at once would take some 17 MB more than 2,000."""
    small = await peak_of(services, a_file(tmp_path, [HEADER, *rows_of(2_000)], "small.csv"))
    large = await peak_of(services, a_file(tmp_path, [HEADER, *rows_of(20_000)], "large.csv"))

    assert await CollectionCase.all().count() == 20_000
    assert large < small + 10_000_000


async def peak_of(services: Services, path: Path) -> int:
    """Import a file in a process of its own; return the most memory, in bytes, that it was seen to hold."""
    process = await start(services, "import", *WHERE, str(path))
    seen, waiting = psutil.Process(process.pid), asyncio.create_task(process.communicate())
    peak = 0
    async with asyncio.timeout(60):
        while not waiting.done():
            with suppress(psutil.Error):  # it has just ended
                peak = max(peak, seen.memory_info().rss)
            await asyncio.wait([waiting], timeout=0.02)
    assert process.returncode == 0
    return peak
