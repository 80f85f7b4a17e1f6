"""Bank files: what is read of the four messages, and that whatever is wrong with one is refused with its place."""

import io
import re
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.domain.choices import DateBasis
from dunlin.domain.rules.bank_return import ToldReturn
from dunlin.domain.rules.creditor import account_key
from dunlin.runtime.bank_file import BankFile, check_bank_file, is_xml, read_returns
from dunlin.runtime.csv_records import UnreadableFile
from tests.bank.message import CREDITOR, FOREIGN_IBAN, FORMATS, IBAN, SAMPLES, Debit, a_bank_file, an_entry
from tests.bank.published import departures

OURS = frozenset({account_key(IBAN)})
NO_RETURN = "It is no direct debit return."


def check(content: bytes, accounts: frozenset[str] = OURS) -> BankFile:
    return check_bank_file(io.BytesIO(content), accounts, lambda read: None)


def told(content: bytes) -> list[ToldReturn]:
    found = list(read_returns(io.BytesIO(content)))
    assert check(content).count == len(found)
    return found


def refused(content: bytes, accounts: frozenset[str] = OURS) -> str:
    with pytest.raises(UnreadableFile) as error:
        check(content, accounts)
    return str(error.value)


def a_notification(name: str, *entries: str) -> bytes:
    beginning, end = a_bank_file(name, []).decode().split("</Ntfctn>")
    return "".join([beginning, *entries, "</Ntfctn>", end]).encode()


@pytest.mark.parametrize("name", FORMATS)
def test_the_samples_are_as_the_message_definitions_have_it(name: str) -> None:
    assert departures((SAMPLES / f"{name}.xml").read_bytes()) == []
    assert departures(a_bank_file(name, [Debit(), Debit(mandate=None, reason=None)])) == []


def test_what_departs_from_a_definition_is_seen() -> None:
    good = (SAMPLES / "camt.054.001.08.xml").read_text()
    for old, new, where in [
        ("<CdtDbtInd>DBIT</CdtDbtInd>", "", "Ntry/CdtDbtInd: 0 times"),
        ("<MsgId>", "<X>1</X><MsgId>", "GrpHdr/X: there is no such element"),
        ("<Cd>BOOK</Cd>", "BOOK", "Sts: exactly one of Cd, Prtry"),
        ("<NtryRef>1</NtryRef>", "", ""),
        ("<Dt>2026-03-02</Dt>", "<Dt>yesterday</Dt>", "'yesterday' is no XmlDate"),
        ('<Amt Ccy="EUR">', "<Amt>", "Amt@Ccy: no currency"),
        ("<IBAN>BE", "<IBAN>be", "is not [A-Z]{2,2}"),
    ]:
        found = departures(good.replace(old, new, 1).encode())
        assert bool(found) is bool(where), old
        assert any(where in one for one in found) or not where


@pytest.mark.parametrize("name", ["camt.054.001.02", "camt.054.001.08"])
def test_what_a_notification_of_bookings_tells(name: str) -> None:
    content = (SAMPLES / f"{name}.xml").read_bytes()
    first, second, third, fourth = told(content)

    assert (check(content).format, check(content).message_id) == (name, "20260302-BE-0001")
    assert replace(first, line=0) == ToldReturn(
        number=1,
        line=0,
        end_to_end_id="INV-2026-0001",
        transaction_id="WW-0001",
        mandate_reference="WW-M-0001",
        reason_code="AM04",
        amount=Decimal("84.50"),  # not what the bank has charged besides
        currency="EUR",
        dated_on=date(2026, 3, 2),
        basis=DateBasis.BOOKED,
    )
    assert (second.reason_code, second.is_refund, second.amount) == ("MD06", True, Decimal(20))
    assert (third.end_to_end_id, third.reference, third.reason_code) == (None, "TX-0003", "MD07")
    assert [one.why_unused for one in (first, second, third, fourth)] == [None, None, None, NO_RETURN]
    line = content.decode().splitlines()[second.line - 1]
    assert "<TxDtls>" in line


@pytest.mark.parametrize("name", ["pain.002.001.03", "pain.002.001.10"])
def test_what_a_status_report_tells(name: str) -> None:
    first, second, third, fourth = told((SAMPLES / f"{name}.xml").read_bytes())

    assert replace(first, line=0) == ToldReturn(
        number=1,
        line=0,
        end_to_end_id="INV-2026-0001",
        mandate_reference="WW-M-0001",
        reason_code="AC04",
        amount=Decimal("84.50"),
        currency="EUR",
        dated_on=date(2026, 2, 27),
        basis=DateBasis.COLLECTED,
    )
    assert (second.reference, second.reason_code) == ("WW-0003", "NARR")
    assert third.why_unused == "The bank has not rejected it (status ACSP)."
    assert fourth.why_unused == (
        "The bank has rejected the payment 'BATCH-2026-03' as a whole: 0 of its 10 transactions are listed. "
        "See what you sent."
    )


BOOKINGS: dict[str, tuple[str, list[str | None]]] = {
    "a batch": (an_entry("camt.054.001.08", [Debit("A"), Debit("B")], batch=2), [None, None]),
    "a batch that is not listed": (
        an_entry("camt.054.001.08", [], batch=12),
        ["It sums up 12 transactions that the file does not list."],
    ),
    "not booked yet": (
        an_entry("camt.054.001.08", [Debit()], status="PDNG"),
        ["It is not booked yet (status PDNG): it is taken from the file that tells of the booking."],
    ),
    "a credit transfer that came back": (an_entry("camt.054.001.08", [Debit()], family="ICDT"), [NO_RETURN]),
    "money that came in": (an_entry("camt.054.001.08", [Debit()]).replace("DBIT", "CRDT"), [NO_RETURN]),
    "a debit of one's own account": (an_entry("camt.054.001.08", [Debit()], family="RDDT"), [NO_RETURN]),
    "a reversal of one's own": (
        an_entry("camt.054.001.08", [Debit()]).replace("UPDD", "PRDD"),
        ["It is a reversal of the creditor's own, not a return."],
    ),
    "a bank's own codes, with a mandate": (
        re.sub("<BkTxCd>.*</BkTxCd>", "<BkTxCd><Prtry><Cd>109</Cd></Prtry></BkTxCd>", an_entry("", [Debit()])).replace(
            "<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>"
        ),
        [None],
    ),
    "a bank's own codes, without a mandate": (
        re.sub(
            "<BkTxCd>.*</BkTxCd>", "<BkTxCd><Prtry><Cd>9</Cd></Prtry></BkTxCd>", an_entry("", [Debit(mandate=None)])
        ),
        [NO_RETURN],
    ),
}


@pytest.mark.parametrize(("entry", "why"), BOOKINGS.values(), ids=BOOKINGS)
def test_which_bookings_are_returned_direct_debits(entry: str, why: list[str | None]) -> None:
    assert [one.why_unused for one in told(a_notification("camt.054.001.08", entry))] == why


def test_an_amount_is_taken_from_the_entry_only_where_nothing_else_can_be_meant() -> None:
    amounts = '<AmtDtls><InstdAmt><Amt Ccy="EUR">84.50</Amt></InstdAmt></AmtDtls>'
    alone = an_entry("camt.054.001.02", [Debit()]).replace(amounts, "")
    both = an_entry("camt.054.001.02", [Debit("A"), Debit("B")]).replace(amounts, "")

    found = told(a_notification("camt.054.001.02", alone, both))

    assert [one.amount for one in found] == [Decimal("84.50"), None, None]


@pytest.mark.parametrize(
    ("status", "listed", "said"),
    [
        ("RJCT", 0, ["The bank has rejected the file 'DEBITS-7' as a whole: 0 of its transactions are listed."]),
        ("ACCP", 0, []),
        ("RJCT", 1, [None]),
    ],
)
def test_a_file_that_was_rejected_as_a_whole_is_told(status: str, listed: int, said: list[str | None]) -> None:
    content = a_bank_file("pain.002.001.03", [Debit()] * listed).decode()
    content = content.replace("</OrgnlMsgNmId>", f"</OrgnlMsgNmId><GrpSts>{status}</GrpSts>")
    content = content.replace("<PmtInfSts>PART</PmtInfSts>", "").replace("<TxSts>RJCT</TxSts>", "")
    if not listed:
        content = re.sub("<OrgnlPmtInfAndSts>.*</OrgnlPmtInfAndSts>", "", content, flags=re.DOTALL)
    names_us = f"<InitgPty><Id><PrvtId><Othr><Id>{CREDITOR}</Id></Othr></PrvtId></Id></InitgPty><CdtrAgt>"
    content = content.replace("<CdtrAgt>", names_us, 1)
    assert departures(content.encode()) == []

    found = list(read_returns(io.BytesIO(content.encode())))
    check(content.encode(), frozenset({account_key(CREDITOR)}))

    assert [one.why_unused and one.why_unused.removesuffix(" See what you sent.") for one in found] == said


def test_what_is_of_another_namespace_is_no_part_of_the_message() -> None:
    entry = an_entry("camt.054.001.08", [Debit()])
    alien = entry.replace("<MndtId>MANDATE-1</MndtId>", '<MndtId xmlns="urn:other">M-2</MndtId>')

    assert told(a_notification("camt.054.001.08", alien))[0].mandate_reference is None


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_about_another_creditor_is_refused_as_a_whole(name: str) -> None:
    foreign = a_bank_file(name, [Debit()], iban=FOREIGN_IBAN)
    only_theirs = foreign.replace(CREDITOR.encode(), b"NL79ZZZ999999990000")

    said = refused(only_theirs)

    assert re.match(r"Line \d+, Document/", said)
    assert "no account of this organization's" in said


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_which_a_part_is_about_another_creditor_is_refused_as_a_whole(name: str) -> None:
    ours, theirs = a_bank_file(name, [Debit()]).decode(), a_bank_file(name, [Debit()], iban=FOREIGN_IBAN).decode()
    theirs = theirs.replace(CREDITOR, "NL79ZZZ999999990000")
    tag = "OrgnlPmtInfAndSts" if name.startswith("pain") else "Ntfctn"
    part = theirs[theirs.index(f"<{tag}>") : theirs.index(f"</{tag}>") + len(tag) + 3]
    both = ours.replace(f"</{tag}>", f"</{tag}>{part}")
    assert departures(both.encode()) == []

    assert "no account of this organization's" in refused(both.encode())


def test_a_file_is_refused_while_nobody_has_said_whose_accounts_count() -> None:
    assert "setCreditorAccounts" in refused(a_bank_file(FORMATS[0], [Debit()]), frozenset())


def test_a_status_report_that_names_no_creditor_is_refused() -> None:
    content = re.sub("<CdtrSchmeId>.*</CdtrSchmeId>", "", a_bank_file("pain.002.001.03", [Debit()]).decode())
    content = re.sub("<CdtrAcct>.*</CdtrAcct>", "", content)

    assert "names none of the organization's accounts" in refused(content.encode())


GOOD = a_bank_file("camt.054.001.08", [Debit()])
LAUGHS = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "Line 1, column 1: The file ends here, within nothing: it is cut off."),
    "no XML": (b"a;b;c", "Line 1, column 2: This is not well-formed XML"),
    "a billion laughs": (GOOD.replace(b"<Document", LAUGHS + b"<Document"), "DOCTYPE"),
    "an external entity": (
        GOOD.replace(b"<Document", b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x"><Document'),
        "DOCTYPE",
    ),
    "an entity that is not defined": (GOOD.replace(b"MSG-1", b"&xxe;"), "undefined entity"),
    "deep nesting": (GOOD.replace(b"<NtryDtls>", b"<NtryDtls>" + b"<A>" * 100_000), "more than 32 elements"),
    "a huge attribute": (GOOD.replace(b"<NtryDtls>", b'<NtryDtls a="' + b"x" * 10**7 + b'">'), "tag of more than"),
    "a huge value": (GOOD.replace(b"E2E-1", b"x" * 10**6), "longer than 4,096 characters"),
    "a tag that does not end": (b"<" + b"a" * 10**7, "tag of more than"),
    "UTF-7": (GOOD.replace(b"UTF-8", b"UTF-7"), "'UTF-7'. Only UTF-8 is read."),
    "Latin-1": (GOOD.replace(b"UTF-8", b"ISO-8859-1"), "'ISO-8859-1'. Only UTF-8 is read."),
    "Latin-1 that says it is UTF-8": (GOOD.replace(b"Ada", "Zoë".encode("latin-1")), "is not UTF-8"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "The file is UTF-16."),
    "UTF-16 without its mark": (GOOD.decode().encode("utf-16-le"), "It is UTF-16 or UTF-32."),
    "NUL": (GOOD.replace(b"E2E-1", b"E2E\0"), "not well-formed"),
    "another version": (GOOD.replace(b"054.001.08", b"054.001.13"), "It is 'camt.054.001.13'. What can be read:"),
    "another message": (GOOD.replace(b"camt.054.001.08", b"pain.008.001.02"), "It is 'pain.008.001.02'."),
    "another root": (b"<html/>", "It is 'html'."),
    "no message in it": (
        b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"/>',
        "it has no BkToCstmrDbtCdtNtfctn",
    ),
    "no amount": (GOOD.replace(b">84.50<", b">84,50<"), "/TxDtls/AmtDtls/InstdAmt/Amt: '84,50' is no amount."),
    "a negative amount": (GOOD.replace(b">84.50<", b">-84.50<"), "'-84.50' is no amount."),
    "no date": (GOOD.replace(b"<BookgDt><Dt>2026-02-27", b"<BookgDt><Dt>27.02.2026"), "is no date."),
    "two documents": (GOOD + GOOD, "not well-formed"),
}


@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(content: bytes, said: str) -> None:
    assert said in refused(content)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_off_anywhere_is_refused(name: str) -> None:
    content = (SAMPLES / f"{name}.xml").read_bytes().rstrip()
    for end in [*range(0, len(content), 100), len(content) - 1]:
        assert refused(content[:end]).startswith("Line "), end


@given(st.binary(max_size=40), st.integers(0, len(GOOD)))
def test_whatever_stands_in_a_file_it_is_read_or_refused(noise: bytes, place: int) -> None:
    content = GOOD[:place] + noise + GOOD[place:]
    with suppress(UnreadableFile):
        assert check(content).message_id


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (GOOD, True),
        (b"\xef\xbb\xbf \n<Document/>", True),
        (GOOD.decode().encode("utf-16"), True),
        (b"external_reference,amount\n", False),
        (b"", False),
    ],
)
def test_xml_is_recognized_by_its_beginning(content: bytes, expected: bool) -> None:
    file = io.BytesIO(content)

    assert (is_xml(file), file.tell()) == (expected, 0)
