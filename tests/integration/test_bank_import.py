"""What becomes of returned direct debits, each once; a bank's file that cannot be used changes nothing."""

import asyncio
import io
import signal
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from dunlin.domain.actions.close_case import close_case
from dunlin.domain.actions.register_mandates import register_mandates
from dunlin.domain.actions.set_creditor_accounts import set_creditor_accounts
from dunlin.domain.choices import (
    AuditAction,
    CaseOrigin,
    CaseState,
    CaseStepState,
    ReturnOutcome,
    ReturnReaction,
)
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.case_input import NewCustomer, NewMandate
from dunlin.domain.rules.return_reason import WHY_DECEASED
from dunlin.domain.store import rows
from dunlin.domain.tables import (
    AuditEntry,
    BankImport,
    BankImportLine,
    CaseStep,
    CollectionCase,
    CollectionCycle,
    Customer,
    Organization,
    Reminder,
    ReturnedDebit,
    ReturnReasonChoice,
)
from dunlin.runtime.bank_import import import_returns
from dunlin.runtime.case_import import Progress
from dunlin.runtime.csv_records import UnreadableFile
from dunlin.runtime.wiring import Services
from tests.bank.message import CREDITOR, FORMATS, IBAN, SAMPLES, Debit, a_bank_file, pieces
from tests.build import (
    NOW,
    SMS,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_viewer,
    an_account,
    everything_stored,
    open_one,
    pay,
)
from tests.delivery import plan
from tests.integration.test_command_line import dunlin, start

PAIN, CAMT = FORMATS[0], FORMATS[3]
WHERE = ("--organization", "Waterworks", "--cycle", "Invoices")


@pytest_asyncio.fixture
async def cycle(services: Services) -> CollectionCycle:
    """A cycle of an organization whose accounts are known."""
    organization, cycle = await a_collecting_organization(services, await an_account("Owner"))
    await set_creditor_accounts(
        services.store, a_viewer(organization), organization_id=organization.id, accounts=[IBAN, CREDITOR]
    )
    return cycle


async def register(services: Services, cycle: CollectionCycle, *references: str, customer: str = "C-1") -> None:
    organization = await Organization.get(id=cycle.organization_id)
    given = [
        NewMandate(reference, NewCustomer(customer, "Ada Reyes", "en", f"+44770090000{customer[-1]}", None))
        for reference in references
    ]
    await register_mandates(
        services.store, a_viewer(organization), organization_id=organization.id, mandates=given, now=NOW
    )


async def take(services: Services, cycle: CollectionCycle, content: bytes) -> BankImport:
    organization = await Organization.get(id=cycle.organization_id)
    progress = Progress(lambda told: None, lambda read: None)
    report = await import_returns(
        services.store, a_viewer(organization), cycle, io.BytesIO(content), "debits.xml", progress, asyncio.Event()
    )
    assert report is not None
    assert (progress.opened, progress.updated) == (report.opened, report.updated)
    return report


def counts(report: BankImport) -> tuple[int, int, int, int]:
    return report.opened, report.updated, report.known, report.unused


async def lines(report: BankImport) -> Sequence[BankImportLine]:
    return await BankImportLine.filter(bank_import_id=report.id).order_by("number")


@pytest.mark.parametrize("name", FORMATS)
async def test_a_return_opens_a_case_for_whom_its_mandate_is(
    services: Services, cycle: CollectionCycle, name: str
) -> None:
    await register(services, cycle, "Mandate-1")

    report = await take(services, cycle, a_bank_file(name, [Debit()]))

    case = await CollectionCase.get().select_related("customer")
    assert (case.external_reference, case.end_to_end_id, case.customer.external_reference, case.cycle_id) == (
        "E2E-1", "E2E-1", "C-1", cycle.id
    )  # fmt: skip
    assert (case.origin, case.return_reason_code, str(case.amount_due), case.currency, str(case.due_on)) == (
        CaseOrigin.DIRECT_DEBIT_RETURN, "AM04", "84.5000", "EUR", "2026-02-27"
    )  # fmt: skip
    assert (case.state, case.attention_reason) == (CaseState.ACTIVE, None)
    assert await CaseStep.filter(case_id=case.id).count() == 1
    assert (report.format, report.message_id, report.file_name, counts(report)) == (
        name, "MSG-1", "debits.xml", (1, 0, 0, 0)
    )  # fmt: skip
    assert report.completed_at is not None
    [line] = await lines(report)
    assert (line.outcome, line.case_id, line.return_reason_code) == (ReturnOutcome.OPENED, case.id, "AM04")
    [entry] = await AuditEntry.filter(action=AuditAction.BANK_FILE_IMPORTED)
    assert entry.subject == f"BankImport:{report.id}"


async def test_without_an_end_to_end_id_the_transaction_names_the_case(
    services: Services, cycle: CollectionCycle
) -> None:
    await register(services, cycle, "MANDATE-1")

    await take(services, cycle, a_bank_file(CAMT, [Debit("NOTPROVIDED")]))

    case = await CollectionCase.get()
    assert (case.external_reference, case.end_to_end_id) == ("TX-1", None)


@pytest.mark.parametrize("is_by_reference", [False, True], ids=["end-to-end-id", "own-reference"])
@pytest.mark.parametrize("name", FORMATS)
async def test_a_return_is_told_to_the_case_that_it_is_about(
    services: Services, cycle: CollectionCycle, name: str, is_by_reference: bool
) -> None:
    new = a_new_case("E2E-1") if is_by_reference else replace(a_new_case("INV-1"), end_to_end_id="E2E-1")
    case = await open_one(services, cycle, new)
    await plan(services)

    report = await take(services, cycle, a_bank_file(name, [Debit(reason="MD06", mandate=None)]))

    told = await CollectionCase.get()
    assert (told.id, told.origin, told.return_reason_code) == (case.id, CaseOrigin.DIRECT_DEBIT_RETURN, "MD06")
    assert (told.reaction, told.state, told.next_action_at) == (ReturnReaction.PERSON_FIRST, CaseState.PAUSED, None)
    assert told.attention_reason is not None
    assert told.attention_reason.startswith("MD06: ")
    assert told.attention_reason == told.pause_reason
    assert counts(report) == (0, 1, 0, 0)
    assert (await Reminder.get()).status is ReminderStatus.SCHEDULED  # held by the pause, as ever
    assert (await BankImportLine.get()).case_id == case.id


async def test_a_case_that_reminds_goes_on_where_it_is(services: Services, cycle: CollectionCycle) -> None:
    case = await open_one(services, cycle, a_new_case("E2E-1"))

    await take(services, cycle, a_bank_file(PAIN, [Debit(reason="AC04")]))

    told = await CollectionCase.get()
    assert (told.state, told.reaction, told.next_action_at) == (
        CaseState.ACTIVE, ReturnReaction.ASK_FOR_MANDATE, case.next_action_at
    )  # fmt: skip


async def test_the_organizations_own_reaction_counts(services: Services, cycle: CollectionCycle) -> None:
    await ReturnReasonChoice.create(organization_id=cycle.organization_id, code="AC04", reaction=ReturnReaction.NEVER)
    await open_one(services, cycle, a_new_case("E2E-1"))
    await plan(services)

    await take(services, cycle, a_bank_file(PAIN, [Debit(reason="AC04")]))

    told = await CollectionCase.get()
    assert (told.state, told.reaction) == (CaseState.PAUSED, ReturnReaction.NEVER)
    assert (await Reminder.get()).status is ReminderStatus.CANCELED


async def test_a_refund_of_a_booking_waits_for_a_person(services: Services, cycle: CollectionCycle) -> None:
    await register(services, cycle, "MANDATE-1")

    await take(services, cycle, a_bank_file(CAMT, [Debit(reason="MD01", originator="Ada Reyes")]))

    case = await CollectionCase.get()
    assert (case.state, case.reaction) == (CaseState.PAUSED, ReturnReaction.PERSON_FIRST)
    assert "The debtor had it refunded." in (case.attention_reason or "")


@pytest.mark.parametrize("name", FORMATS)
async def test_a_death_stops_everything_to_that_customer_also_what_is_planned(
    services: Services, cycle: CollectionCycle, name: str
) -> None:
    beside = await a_cycle(await Organization.get(id=cycle.organization_id), [SMS])
    await open_one(services, cycle, a_new_case("INV-1"))
    await open_one(services, beside, a_new_case("INV-2"))
    await open_one(services, cycle, a_new_case("INV-3", customer="C-2", phone="+447700900002"))
    await plan(services)
    await register(services, cycle, "MANDATE-1")

    await take(services, cycle, a_bank_file(name, [Debit(reason="MD07")]))

    first, second, other, opened = await CollectionCase.all().order_by("id")
    for case in (first, second, opened):
        assert (case.state, case.attention_reason) == (CaseState.PAUSED, WHY_DECEASED)
        assert {step.state for step in await CaseStep.filter(case_id=case.id)} <= {
            CaseStepState.SKIPPED, CaseStepState.DONE
        }  # fmt: skip
    statuses = {reminder.case_id: reminder.status for reminder in await Reminder.all()}
    assert statuses == {
        first.id: ReminderStatus.CANCELED,
        second.id: ReminderStatus.CANCELED,
        other.id: ReminderStatus.SCHEDULED,
    }
    assert opened.reaction is ReturnReaction.NEVER
    assert (await AuditEntry.get(action=AuditAction.CUSTOMER_DECEASED)).subject == f"Customer:{first.customer_id}"


@pytest.mark.parametrize(
    "debit", [Debit(reason="MD07"), Debit(reason="MD07", amount="1.00"), Debit(reason="MD07", currency="SEK")]
)
async def test_a_death_counts_also_where_its_return_is_not_used(
    services: Services, cycle: CollectionCycle, debit: Debit
) -> None:
    case = await open_one(services, cycle, a_new_case("E2E-1"))
    await close_case(services.store, a_viewer(await case.organization), case_id=case.id, reason="Written off", now=NOW)
    await open_one(services, cycle, a_new_case("INV-2"))
    await plan(services)

    report = await take(services, cycle, a_bank_file(CAMT, [debit]))

    assert counts(report) == (0, 0, 0, 1)
    assert (await Customer.get()).deceased_at is not None
    assert {reminder.status for reminder in await Reminder.all()} == {ReminderStatus.CANCELED}


async def test_a_case_opened_for_who_has_died_before_is_stopped(services: Services, cycle: CollectionCycle) -> None:
    await register(services, cycle, "MANDATE-1")
    await Customer.all().update(deceased_at=NOW)

    await take(services, cycle, a_bank_file(CAMT, [Debit()]))

    case = await CollectionCase.get()
    assert (case.state, case.attention_reason) == (CaseState.PAUSED, WHY_DECEASED)


async def test_money_that_comes_back_after_a_case_is_paid_is_shown_to_a_person(
    services: Services, cycle: CollectionCycle
) -> None:
    case = await pay(services, await open_one(services, cycle, a_new_case("E2E-1")), "84.50")

    report = await take(services, cycle, a_bank_file(CAMT, [Debit()]))
    told = await CollectionCase.get()

    assert (told.state, told.closed_at) == (CaseState.CLOSED, case.closed_at)
    assert told.attention_reason == (
        "84.5 EUR came back from the bank (AM04) after the case was closed as PAID: "
        "open another one if it is still due."
    )
    [line] = await lines(report)
    assert (line.outcome, line.reason, line.case_id) == (
        ReturnOutcome.NOT_USED, "The case DC-1 is closed as PAID: a person must look.", case.id
    )  # fmt: skip
    await CollectionCase.all().update(attention_reason=None)  # somebody has looked
    assert counts(await take(services, cycle, a_bank_file(CAMT, [Debit()]))) == (0, 0, 1, 0)
    assert (await CollectionCase.get()).attention_reason is None


async def test_what_is_not_found_is_listed_and_taken_once_it_is_known(
    services: Services, cycle: CollectionCycle
) -> None:
    content = a_bank_file(CAMT, [Debit(), Debit("E2E-2", "MANDATE-2"), Debit("E2E-3", None)])
    await register(services, cycle, "MANDATE-2")

    first = await take(services, cycle, content)
    await register(services, cycle, "MANDATE-1")
    second = await take(services, cycle, content)

    assert [line.reason for line in await lines(first)] == [
        "No case has its end-to-end id, and its mandate is not known: register it, then import again.",
        None,
        "No case has its end-to-end id, and it names no mandate.",
    ]
    assert (counts(first), counts(second)) == ((1, 0, 0, 2), (1, 0, 1, 1))
    assert await CollectionCase.all().count() == 2


@pytest.mark.parametrize(
    ("debit", "reason"),
    [
        pytest.param(Debit(amount="84.51"), "Its amount is not that of the case DC-1, 84.5.", id="amount"),
        pytest.param(Debit(currency="SEK"), "It is in SEK, and the case DC-1 in EUR.", id="currency"),
        pytest.param(
            Debit(mandate="MANDATE-9"),
            "Its end-to-end id is that of the case DC-1, and its mandate another customer's.",
            id="customer",
        ),
        pytest.param(Debit("E2E-2"), "It may be about several cases: DC-1 and DC-2.", id="several"),
        pytest.param(
            Debit("E2E-9", "MANDATE-9", amount="0.00"),
            "An amount due is more than 0 and less than 10^14.",
            id="nothing",
        ),
        pytest.param(
            Debit("E2E-9", "MANDATE-9", day="1999-01-01"), "A due date lies between 2000 and 2100.", id="long-ago"
        ),
        pytest.param(Debit("E2E-9", "MANDATE-9", amount="1.00001"), "An amount has at most 4 decimals.", id="decimals"),
    ],
)
async def test_what_does_not_fit_is_listed_and_changes_nothing_else(
    services: Services, cycle: CollectionCycle, debit: Debit, reason: str
) -> None:
    await open_one(services, cycle, replace(a_new_case("INV-1"), end_to_end_id="E2E-1"))
    await open_one(services, cycle, replace(a_new_case("E2E-2"), end_to_end_id="E2E-3"))
    await CollectionCase.filter(number="DC-1").update(end_to_end_id="E2E-1")
    await open_one(services, cycle, a_new_case("INV-3", customer="C-9"))
    await register(services, cycle, "MANDATE-9", customer="C-9")
    if debit.end_to_end_id == "E2E-2":
        await CollectionCase.filter(number="DC-1").update(end_to_end_id="E2E-2")
    before = await everything_stored()

    report = await take(services, cycle, a_bank_file(CAMT, [debit]))

    assert [line.reason for line in await lines(report)] == [reason]
    after = await everything_stored()
    changed = {table for table in after if after[table] != before[table]}
    assert changed == {"bank_import", "bank_import_line", "audit_entry"}


async def test_the_same_file_twice_changes_nothing(services: Services, cycle: CollectionCycle) -> None:
    await register(services, cycle, "MANDATE-1", "MANDATE-2")
    await open_one(services, cycle, a_new_case("E2E-3"))
    content = a_bank_file(
        CAMT, [Debit(), Debit("NOTPROVIDED", "MANDATE-2"), Debit("E2E-3", None, reason="MD06"), Debit()]
    )
    first = await take(services, cycle, content)
    await plan(services)
    before = await everything_stored()

    second = await take(services, cycle, content)
    await plan(services)

    after = await everything_stored()
    assert (counts(first), counts(second)) == ((2, 1, 1, 0), (0, 0, 4, 0))
    changed = {table for table in after if after[table] != before[table]}
    assert changed == {"bank_import", "bank_import_line", "audit_entry"}


@pytest.mark.parametrize("e2e", ["E2E-1", "NOTPROVIDED"])
@pytest.mark.parametrize(("one", "other"), [(PAIN, CAMT), (CAMT, PAIN), (FORMATS[1], FORMATS[2])])
async def test_two_messages_that_tell_of_the_same_return_open_one_case(
    services: Services, cycle: CollectionCycle, one: str, other: str, e2e: str
) -> None:
    await register(services, cycle, "MANDATE-1")
    rejected, booked = Debit(e2e, day="2026-02-27"), Debit(e2e, day="2026-03-02", transaction="BANK-1")
    content = {
        name: a_bank_file(name, [rejected if name.startswith("pain") else booked]).replace(
            b"<OrgnlEndToEndId>", b"<OrgnlInstrId>WW-1</OrgnlInstrId><OrgnlEndToEndId>"
        )
        for name in (one, other)
    }

    taken = [counts(await take(services, cycle, content[name])) for name in (one, other)]

    assert taken == [(1, 0, 0, 0), (0, 0, 1, 0)]
    assert await CollectionCase.all().count() == 1


async def test_files_that_overlap_take_each_return_once(services: Services, cycle: CollectionCycle) -> None:
    await register(services, cycle, *(f"M-{number}" for number in range(9)))
    debits = [Debit(f"E2E-{number}", f"M-{number}") for number in range(9)]

    first = await take(services, cycle, a_bank_file(CAMT, debits[:6], message="MONDAY"))
    second = await take(services, cycle, a_bank_file(FORMATS[2], debits[3:], message="TUESDAY"))

    assert (counts(first), counts(second)) == ((6, 0, 0, 0), (3, 0, 3, 0))


async def test_a_debit_that_is_collected_again_and_comes_back_again_is_told_again(
    services: Services, cycle: CollectionCycle
) -> None:
    await register(services, cycle, "MANDATE-1")
    await take(services, cycle, a_bank_file(PAIN, [Debit()]))
    await pay(services, await CollectionCase.get(), "84.50")  # the second collection, as the bookkeeping saw it

    report = await take(services, cycle, a_bank_file(PAIN, [Debit(day="2026-03-27", reason="MS02")]))

    assert counts(report) == (0, 0, 0, 1)
    assert "came back from the bank (MS02)" in ((await CollectionCase.get()).attention_reason or "")


async def test_a_reason_that_the_case_was_opened_with_changes_nothing_what_a_person_has_decided(
    services: Services, cycle: CollectionCycle
) -> None:
    await open_one(services, cycle, a_new_case("E2E-1", return_reason_code="MD06"))
    await CollectionCase.all().update(state=CaseState.ACTIVE, pause_reason=None, paused_at=None)

    report = await take(services, cycle, a_bank_file(PAIN, [Debit(reason="MD06")]))

    assert counts(report) == (0, 0, 1, 0)
    assert (await CollectionCase.get()).state is CaseState.ACTIVE


async def test_returns_of_another_organization_are_not_found(services: Services, cycle: CollectionCycle) -> None:
    _, theirs = await a_collecting_organization(services, await an_account("Other"), name="Theirs")
    await register(services, theirs, "MANDATE-1")
    await open_one(services, theirs, a_new_case("E2E-1"))

    report = await take(services, cycle, a_bank_file(CAMT, [Debit()]))

    assert counts(report) == (0, 0, 0, 1)


async def test_two_who_bring_the_same_file_at_once_take_each_return_once(
    services: Services, cycle: CollectionCycle
) -> None:
    many = 1_200
    await register(services, cycle, *(f"M-{number}" for number in range(1_000)))
    content = a_bank_file(CAMT, [Debit(f"E2E-{number}", f"M-{number % 1_000}") for number in range(many)])

    reports = await asyncio.gather(*(take(services, cycle, content) for _ in range(3)))

    assert sum(report.opened for report in reports) == many
    assert sum(report.known for report in reports) == 2 * many
    assert await CollectionCase.all().count() == await ReturnedDebit.all().count() == many


@pytest.mark.parametrize("name", FORMATS)
async def test_a_file_that_is_cut_off_changes_nothing(services: Services, cycle: CollectionCycle, name: str) -> None:
    content = (SAMPLES / f"{name}.xml").read_bytes().rstrip()
    before = await everything_stored()

    for end in range(0, len(content), 100):
        with pytest.raises(UnreadableFile):
            await take(services, cycle, content[:end])

    assert await everything_stored() == before


async def test_an_operator_imports_a_bank_file_with_the_same_command(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    await register(services, cycle, "WW-M-0001", "WW-M-0003")
    path = tmp_path / "debits.xml"
    path.write_bytes((SAMPLES / "camt.054.001.02.xml").read_bytes())

    answer = await dunlin(services, "import", *WHERE, str(path))
    again = await dunlin(services, "import", *WHERE, str(path))

    assert (answer.code, answer.out) == (3, "Opened: 2. Updated: 0. Known already: 0. Not used: 2.\n")
    assert answer.err.splitlines() == [
        "transaction 2 (line 141), INV-2026-0002: No case has its end-to-end id, and its mandate is not known: "
        "register it, then import again.",
        "transaction 4 (line 197), INV-2026-0009: It is no direct debit return.",
    ]
    assert (again.code, again.out) == (3, "Opened: 0. Updated: 0. Known already: 2. Not used: 2.\n")
    assert (await Customer.get()).deceased_at is not None
    amounts = [case.amount_due for case in await CollectionCase.all().order_by("id")]
    assert amounts == [Decimal("84.50"), Decimal("40.00")]


async def test_a_bank_file_that_cannot_be_used_is_refused_with_its_place_and_changes_nothing(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    path = tmp_path / "debits.xml"
    path.write_bytes(a_bank_file(CAMT, [Debit()])[:-60])
    before = await everything_stored()

    answer = await dunlin(services, "import", *WHERE, str(path))

    assert (answer.code, answer.out) == (1, "Opened: 0. Updated: 0. Known already: 0. Not used: 0.\n")
    assert "cannot be imported. Line 1" in answer.err
    assert "it is cut off" in answer.err
    assert await everything_stored() == before


async def many_mandates(cycle: CollectionCycle, many: int) -> None:
    await rows(
        "INSERT INTO customer (organization_id, external_reference, name, created_at)"
        " SELECT $1, 'C-' || n, 'Ada Reyes', now() FROM generate_series(1, $2::int) n",
        cycle.organization_id,
        many,
    )
    await rows(
        "INSERT INTO mandate (organization_id, reference, folded, customer_id, registered_at)"
        " SELECT $1, 'M-' || substr(external_reference, 3), 'm-' || substr(external_reference, 3), id, now()"
        " FROM customer WHERE organization_id = $1",
        cycle.organization_id,
    )
    await rows("ANALYZE customer")
    await rows("ANALYZE mandate")


def a_large_file(folder: Path, many: int) -> Path:
    path = folder / f"{many}.xml"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(pieces(CAMT, (Debit(f"E2E-{number}", f"M-{number}") for number in range(1, many + 1))))
    return path


async def test_an_import_that_is_killed_is_completed_by_the_same_file(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    many = 3_000
    await many_mandates(cycle, many)
    path = a_large_file(tmp_path, many)
    process = await start(services, "import", *WHERE, str(path))
    async with asyncio.timeout(60):
        while not await CollectionCase.all().exists():
            pass
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    opened = await CollectionCase.all().count()

    again = await dunlin(services, "import", *WHERE, str(path))

    assert (opened % 500, 0 < opened < many) == (0, True)
    assert again.out == f"Opened: {many - opened}. Updated: 0. Known already: {opened}. Not used: 0.\n"
    killed, whole = await BankImport.all().order_by("id")
    assert (killed.opened, killed.completed_at, whole.completed_at is None) == (opened, None, False)
    assert await CollectionCase.all().count() == many


async def test_two_processes_that_import_the_same_file_take_each_return_once(
    services: Services, cycle: CollectionCycle, tmp_path: Path
) -> None:
    many = 2_000
    await many_mandates(cycle, many)
    path = a_large_file(tmp_path, many)

    answers = await asyncio.gather(*(dunlin(services, "import", *WHERE, str(path)) for _ in range(2)))

    assert [answer.code for answer in answers] == [0, 0]
    one, other = await BankImport.all()
    assert (one.opened + other.opened, one.known + other.known) == (many, many)
    assert await CollectionCase.all().count() == many
