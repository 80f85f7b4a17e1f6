"""Reading returned direct debits out of a bank's file: pain.002 and camt.054 of ISO 20022, in bounded memory.

Names and places are those of the message definitions: CustomerPaymentStatusReport V03 and V10,
BankToCustomerDebitCreditNotification V02 and V08.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import BinaryIO, TypeAlias

from dunlin.domain.choices import DateBasis
from dunlin.domain.rules.bank_return import NARRATIVE, NO_REASON, ToldReturn
from dunlin.domain.rules.creditor import account_key
from dunlin.domain.rules.notation import read_date, read_decimal
from dunlin.runtime.csv_records import UnreadableFile, check_encoding
from dunlin.runtime.xml_stream import Scope, XmlStream

MAX_BYTES = 1 << 30

_ISO = "urn:iso:std:iso:20022:tech:xsd:"
_NOT_PROVIDED = {"NOTPROVIDED", "NOT PROVIDED", "NONREF"}
_CODE = re.compile(r"[A-Z0-9]{4}")
# ISO's external bank transaction codes: the family of direct debits that the owner of the account has issued, and in it
# what comes back, and what the creditor has called back or paid back itself.
_ISSUED_DEBITS = "IDDT"
_RETURNED = "UPDD"
_CALLED_BACK = {"PRDD", "RCDD"}
_REJECTED = "RJCT"


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file that can be read to its end. `count` is of the transactions that it tells of."""

    format: str  # as camt.054.001.08
    message_id: str
    digest: str  # SHA-256, hexadecimal
    count: int


def check_bank_file(file: BinaryIO, accounts: Collection[str], advance: Callable[[int], None]) -> BankFile:
    """Read a file to its end and go back to its beginning, before anything of it is used.

    `accounts` are the keys of the creditor's own. Raises `UnreadableFile` with the place for a file that is broken,
    cut off, too large or none of these messages, and for one that is about anybody else.
    """
    if not accounts:
        raise UnreadableFile(
            "Nobody has said yet which accounts are the organization's, and a file of somebody else must not be taken. "
            "Give its IBANs and creditor identifiers with the mutation setCreditorAccounts."
        )
    if file.seek(0, 2) > MAX_BYTES:
        raise UnreadableFile(f"It has more than {MAX_BYTES:,} bytes.")
    file.seek(0)
    check_encoding(file)
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    file.seek(0)
    reading = _Reading(file, _Owner(frozenset(accounts)))
    count = 0
    for count, _ in enumerate(reading, start=1):
        if count % 1_000 == 0:
            advance(file.tell())
    reading.owner.require_named()
    file.seek(0)
    return BankFile(reading.format, reading.message_id, digest.hexdigest(), count)


def read_returns(file: BinaryIO) -> Iterator[ToldReturn]:
    """Yield what each transaction of a file tells, also of those that are no returned direct debits.

    Raises `UnreadableFile`, for a file that was checked only if it has been changed since.
    """
    yield from _Reading(file, None)


def is_xml(file: BinaryIO) -> bool:
    """Return whether a file begins as XML does, and go back to its beginning."""
    beginning = file.read(64).removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip(b"\xff\xfe \t\r\n")
    file.seek(0)
    return beginning.startswith(b"<")


class _Owner:
    """Whose file it is: each place that names a creditor must name one of `accounts`, and one place at least must."""

    def __init__(self, accounts: frozenset[str]) -> None:
        self._accounts = accounts
        self._is_named = False

    def see(self, scope: Scope, keys: Collection[str], *, is_sure: bool) -> None:
        """Look at what `scope` says. `is_sure`: what it names is the creditor and nobody else."""
        named = [scope.values[key] for key in keys if key in scope.values]
        if any(account_key(one) in self._accounts for one in named):
            self._is_named = True
        elif named and is_sure:
            raise UnreadableFile(
                f"Line {scope.line}, {scope.path}: it is about {named[0][:40]!r}, which is no account of this "
                "organization's. Nothing of the file is used. See setCreditorAccounts if it should be one."
            )

    def require_named(self) -> None:
        if not self._is_named:
            raise UnreadableFile(
                "It names none of the organization's accounts and creditor identifiers (see setCreditorAccounts)."
            )


_Wanted: TypeAlias = Mapping[str, frozenset[str]]
_PERSON_IDS = ("Id/OrgId/Othr/Id", "Id/PrvtId/Othr/Id")

# pain.002: the creditor of version 10 stands one element deeper (Party40Choice).
_STATUS_REPORT = "/CstmrPmtStsRpt"
_INITIATOR = frozenset(f"InitgPty/{one}" for one in _PERSON_IDS)
_CREDITOR_SIDE = frozenset(
    {
        *(f"OrgnlTxRef/CdtrSchmeId/{one}" for one in _PERSON_IDS),
        *("OrgnlTxRef/CdtrAcct/Id/IBAN", "OrgnlTxRef/CdtrAcct/Id/Othr/Id"),
    }
)
_REASON = frozenset({"StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry"})
_STATUS_SCOPES: _Wanted = {
    f"{_STATUS_REPORT}": frozenset(),
    f"{_STATUS_REPORT}/GrpHdr": frozenset({"MsgId", "CreDtTm"}) | _INITIATOR,
    f"{_STATUS_REPORT}/OrgnlGrpInfAndSts": frozenset({"OrgnlMsgId", "OrgnlMsgNmId", "OrgnlNbOfTxs", "GrpSts"})
    | _REASON,
    f"{_STATUS_REPORT}/OrgnlPmtInfAndSts": frozenset({"OrgnlPmtInfId", "OrgnlNbOfTxs", "PmtInfSts"}) | _REASON,
    f"{_STATUS_REPORT}/OrgnlPmtInfAndSts/TxInfAndSts": frozenset(
        {
            *("OrgnlInstrId", "OrgnlEndToEndId", "TxSts", "AcctSvcrRef"),
            *("OrgnlTxRef/Amt/InstdAmt", "OrgnlTxRef/IntrBkSttlmAmt", "OrgnlTxRef/ReqdColltnDt"),
            "OrgnlTxRef/MndtRltdInf/MndtId",
        }
    )
    | _REASON
    | _CREDITOR_SIDE,
}

_NOTIFICATION = "/BkToCstmrDbtCdtNtfctn"
_FAMILY = frozenset({"BkTxCd/Domn/Fmly/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd"})
_BOOKED = frozenset({"BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"})
_ACCOUNT_IDS = ("Id/IBAN", "Id/Othr/Id")
_NOTIFICATION_SCOPES: _Wanted = {
    f"{_NOTIFICATION}/GrpHdr": frozenset({"MsgId", "CreDtTm"}),
    f"{_NOTIFICATION}/Ntfctn": frozenset({"CreDtTm"}),
    f"{_NOTIFICATION}/Ntfctn/Acct": frozenset(_ACCOUNT_IDS),
    f"{_NOTIFICATION}/Ntfctn/Ntry": frozenset(
        {"Amt", "CdtDbtInd", "Sts", "Sts/Cd", "Sts/Prtry", "AcctSvcrRef", "NtryDtls/Btch/NbOfTxs"}
    )
    | _BOOKED
    | _FAMILY,
    f"{_NOTIFICATION}/Ntfctn/Ntry/NtryDtls/TxDtls": frozenset(
        {
            *("Refs/EndToEndId", "Refs/InstrId", "Refs/TxId", "Refs/AcctSvcrRef", "Refs/MndtId"),
            *("AmtDtls/InstdAmt/Amt", "AmtDtls/TxAmt/Amt", "Amt", "CdtDbtInd"),
            *("RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry", "RtrInf/Orgtr/Nm"),
            *("RtrInf/Orgtr/Id/OrgId/BICOrBEI", "RtrInf/Orgtr/Id/OrgId/AnyBIC"),
        }
    )
    | _FAMILY,
}

_FORMATS: Mapping[str, _Wanted] = {
    f"{_ISO}pain.002.001.03": _STATUS_SCOPES,
    f"{_ISO}pain.002.001.10": _STATUS_SCOPES,
    f"{_ISO}camt.054.001.02": _NOTIFICATION_SCOPES,
    f"{_ISO}camt.054.001.08": _NOTIFICATION_SCOPES,
}


class _Reading:
    """One reading of a file: yields what its transactions tell, numbered in their order."""

    def __init__(self, file: BinaryIO, owner: _Owner | None) -> None:
        self._stream = XmlStream(file, _FORMATS)
        self.owner = owner or _Owner(frozenset())
        self._is_checked = owner is None
        self.message_id = ""
        self._created_on: date | None = None
        self._number = 0
        self._group: Scope | None = None
        self._waiting: Scope | None = None

    @property
    def format(self) -> str:
        return self._stream.root.removeprefix(_ISO)

    def __iter__(self) -> Iterator[ToldReturn]:
        for scope in self._stream:
            name = scope.path.rpartition("/")[2]
            if name == "GrpHdr":
                self._read_header(scope)
            elif scope.path.startswith(f"Document{_STATUS_REPORT}"):
                yield from self._of_status_report(name, scope)
            else:
                yield from self._of_notification(name, scope)
        if not self.message_id:
            raise UnreadableFile(f"Document: it has no {_message_of(self.format)} with GrpHdr/MsgId.")

    def _read_header(self, scope: Scope) -> None:
        self.message_id = scope.values.get("MsgId", "")[:35]
        self._created_on = _day(scope, "CreDtTm")
        if not self._is_checked:
            self.owner.see(scope, sorted(_INITIATOR), is_sure=False)

    def _next(self) -> int:
        self._number += 1
        return self._number

    # camt.054

    def _of_notification(self, name: str, scope: Scope) -> Iterator[ToldReturn]:
        match name:
            case "Acct" if not self._is_checked:
                self.owner.see(scope, _ACCOUNT_IDS, is_sure=True)
            case "TxDtls":
                # Whether it is the only one of its entry is known when the next one begins, or the entry ends.
                yield from self._told_waiting(is_alone=False)
                self._waiting = scope
            case "Ntry":
                yield from self._told_entry(scope)

    def _told_waiting(self, *, is_alone: bool) -> Iterator[ToldReturn]:
        if self._waiting is not None:
            yield self._told_booking(self._waiting, is_alone=is_alone)
            self._waiting = None

    def _told_entry(self, entry: Scope) -> Iterator[ToldReturn]:
        yield from self._told_waiting(is_alone=entry.inner == 1)
        if entry.inner == 0:
            why = _why_no_return(entry, entry)
            if why is None:
                counted = entry.values.get("NtryDtls/Btch/NbOfTxs", "some")
                why = f"It sums up {counted[:15]} transactions that the file does not list."
            amount, currency = _amount(entry, "Amt")
            yield ToldReturn(self._next(), entry.line, amount=amount, currency=currency, why_unused=why)

    def _told_booking(self, scope: Scope, *, is_alone: bool) -> ToldReturn:
        entry, values = scope.above, scope.values
        assert entry is not None
        assert entry.above is not None
        amount, currency = _amount(scope, "AmtDtls/InstdAmt/Amt", "AmtDtls/TxAmt/Amt", "Amt")
        transaction_id = _first(values, "Refs/InstrId", "Refs/TxId", "Refs/AcctSvcrRef")
        if is_alone:
            transaction_id = transaction_id or entry.values.get("AcctSvcrRef")
            if amount is None:
                amount, currency = _amount(entry, "Amt")
        booked = _day(entry, "BookgDt/Dt", "BookgDt/DtTm") or _day(entry, "ValDt/Dt", "ValDt/DtTm")
        why_unused = _why_no_return(scope, entry)
        is_bank = "RtrInf/Orgtr/Id/OrgId/BICOrBEI" in values or "RtrInf/Orgtr/Id/OrgId/AnyBIC" in values
        return ToldReturn(
            number=self._next(),
            line=scope.line,
            end_to_end_id=_provided(values.get("Refs/EndToEndId")),
            transaction_id=transaction_id,
            mandate_reference=_provided(values.get("Refs/MndtId")),
            reason_code=None if why_unused else _reason(_first(values, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry")),
            # EPC rulebook: who began it is told by a BIC where it was a bank, and by a name where it was the debtor.
            is_refund="RtrInf/Orgtr/Nm" in values and not is_bank,
            amount=amount,
            currency=currency,
            dated_on=booked or _day(entry.above, "CreDtTm") or self._created_on,
            basis=DateBasis.REPORTED if booked is None else DateBasis.BOOKED,
            why_unused=why_unused,
        )

    # pain.002

    def _of_status_report(self, name: str, scope: Scope) -> Iterator[ToldReturn]:
        match name:
            case "OrgnlGrpInfAndSts":
                self._group = scope
            case "TxInfAndSts":
                yield self._told_status(scope)
            case "OrgnlPmtInfAndSts":
                yield from self._told_payment(scope)
            case "CstmrPmtStsRpt":
                yield from self._told_group(scope)

    def _told_status(self, scope: Scope) -> ToldReturn:
        payment, values = scope.above, scope.values
        assert payment is not None
        if not self._is_checked:
            self.owner.see(scope, sorted(_CREDITOR_SIDE), is_sure=True)
        amount, currency = _amount(scope, "OrgnlTxRef/Amt/InstdAmt", "OrgnlTxRef/IntrBkSttlmAmt")
        collected = _day(scope, "OrgnlTxRef/ReqdColltnDt")
        why_unused = self._why_not_rejected(scope, payment)
        told_reason = _told_reason(scope) or _told_reason(payment) or _told_reason(self._group)
        return ToldReturn(
            number=self._next(),
            line=scope.line,
            end_to_end_id=_provided(values.get("OrgnlEndToEndId")),
            transaction_id=_first(values, "OrgnlInstrId", "AcctSvcrRef"),
            mandate_reference=_provided(values.get("OrgnlTxRef/MndtRltdInf/MndtId")),
            reason_code=None if why_unused else _reason(told_reason),
            amount=amount,
            currency=currency,
            dated_on=collected or self._created_on,
            basis=DateBasis.REPORTED if collected is None else DateBasis.COLLECTED,
            why_unused=why_unused,
        )

    def _why_not_rejected(self, scope: Scope, payment: Scope) -> str | None:
        original = self._of_group("OrgnlMsgNmId")
        is_debit = "OrgnlTxRef/MndtRltdInf/MndtId" in scope.values or "OrgnlTxRef/ReqdColltnDt" in scope.values
        if not is_debit and not original.startswith("pain.008"):
            return "It is no direct debit."
        status = scope.values.get("TxSts") or payment.values.get("PmtInfSts") or self._of_group("GrpSts")
        return None if status == _REJECTED else f"The bank has not rejected it (status {status[:35] or 'not told'})."

    def _told_payment(self, scope: Scope) -> Iterator[ToldReturn]:
        if (scope.values.get("PmtInfSts") or self._of_group("GrpSts")) == _REJECTED:
            which = f"the payment {scope.values.get('OrgnlPmtInfId', '')[:35]!r}"
            yield from self._told_unlisted(scope, which, scope.inner)

    def _told_group(self, scope: Scope) -> Iterator[ToldReturn]:
        is_listed = scope.inner > 2  # besides the header and the group itself
        if self._group is not None and not is_listed and self._of_group("GrpSts") == _REJECTED:
            yield from self._told_unlisted(self._group, f"the file {self._of_group('OrgnlMsgId')[:35]!r}", 0)

    def _told_unlisted(self, scope: Scope, which: str, listed: int) -> Iterator[ToldReturn]:
        counted = scope.values.get("OrgnlNbOfTxs", "")
        if listed and (not counted.isdecimal() or int(counted) <= listed):
            return
        of = f"{counted[:15]} transactions" if counted else "transactions"
        why = f"The bank has rejected {which} as a whole: {listed} of its {of} are listed. See what you sent."
        yield ToldReturn(self._next(), scope.line, reason_code=_reason(_told_reason(scope)), why_unused=why)

    def _of_group(self, key: str) -> str:
        return "" if self._group is None else self._group.values.get(key, "")


def _message_of(name: str) -> str:
    return _STATUS_REPORT[1:] if name.startswith("pain") else _NOTIFICATION[1:]


def _why_no_return(transaction: Scope, entry: Scope) -> str | None:
    """Return why an entry, or a transaction of one, is no returned direct debit that has been booked; None if it is."""
    values = transaction.values
    family = values.get("BkTxCd/Domn/Fmly/Cd") or entry.values.get("BkTxCd/Domn/Fmly/Cd")
    kind = values.get("BkTxCd/Domn/Fmly/SubFmlyCd") or entry.values.get("BkTxCd/Domn/Fmly/SubFmlyCd")
    direction = values.get("CdtDbtInd") or entry.values.get("CdtDbtInd")
    is_returned = kind == _RETURNED or any(key.startswith("RtrInf/") for key in values)
    # Banks that tell no family of ISO's name the mandate all the same, which nothing but a direct debit has.
    is_debit = family == _ISSUED_DEBITS or (family is None and "Refs/MndtId" in values)
    if direction != "DBIT" or not is_returned or not is_debit:
        return "It is no direct debit return."
    if kind in _CALLED_BACK:
        return "It is a reversal of the creditor's own, not a return."
    status = _first(entry.values, "Sts/Cd", "Sts") or "not told"
    if status != "BOOK":
        return f"It is not booked yet (status {status[:35]}): it is taken from the file that tells of the booking."
    return None


def _told_reason(scope: Scope | None) -> str | None:
    return None if scope is None else _first(scope.values, "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")


def _reason(told: str | None) -> str:
    """Return a reason as its code: of a bank's own words, that it is told in words."""
    if told is None:
        return NO_REASON
    return told if _CODE.fullmatch(told) else NARRATIVE


def _first(values: Mapping[str, str], *keys: str) -> str | None:
    return next((values[key] for key in keys if key in values and _provided(values[key])), None)


def _provided(text: str | None) -> str | None:
    return None if text is None or text.upper() in _NOT_PROVIDED else text


def _day(scope: Scope, *keys: str) -> date | None:
    """Return the day of a date or a date and time, or raise `UnreadableFile` if it is none."""
    for key in keys:
        if key in scope.values:
            day = read_date(scope.values[key][:10])
            if day is None:
                raise scope.broken(key, f"{scope.values[key][:40]!r} is no date.")
            return day
    return None


def _amount(scope: Scope, *keys: str) -> tuple[Decimal | None, str | None]:
    for key in keys:
        if key in scope.values:
            amount = read_decimal(scope.values[key])
            if amount is None or amount < 0:
                raise scope.broken(key, f"{scope.values[key][:40]!r} is no amount.")
            return amount, scope.values.get(f"{key}@Ccy")
    return None, None
