"""What camt.054 tells of returned direct debits: BankToCustomerDebitCreditNotification V02 and V08."""

from collections.abc import Iterator

from dunlin.domain.choices import DateBasis
from dunlin.domain.rules.bank_return import ToldReturn
from dunlin.runtime.bank_message import Message, Wanted, amount_in, day_in, first, provided, reason_code
from dunlin.runtime.xml_stream import Scope

# ISO's external bank transaction codes: the family of direct debits that the owner of the account has issued, and in it
# what comes back, and what the creditor has called back or paid back itself.
_ISSUED_DEBITS = "IDDT"
_RETURNED = "UPDD"
_CALLED_BACK = {"PRDD", "RCDD"}

NOTIFICATION = "/BkToCstmrDbtCdtNtfctn"
_FAMILY = frozenset({"BkTxCd/Domn/Fmly/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd"})
_BOOKED = frozenset({"BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"})
_ACCOUNT_IDS = ("Id/IBAN", "Id/Othr/Id")
NOTIFICATION_SCOPES: Wanted = {
    f"{NOTIFICATION}/GrpHdr": frozenset({"MsgId", "CreDtTm"}),
    f"{NOTIFICATION}/Ntfctn": frozenset({"CreDtTm"}),
    f"{NOTIFICATION}/Ntfctn/Acct": frozenset(_ACCOUNT_IDS),
    f"{NOTIFICATION}/Ntfctn/Ntry": frozenset(
        {"Amt", "CdtDbtInd", "Sts", "Sts/Cd", "Sts/Prtry", "AcctSvcrRef", "NtryDtls/Btch/NbOfTxs"}
    )
    | _BOOKED
    | _FAMILY,
    f"{NOTIFICATION}/Ntfctn/Ntry/NtryDtls/TxDtls": frozenset(
        {
            *("Refs/EndToEndId", "Refs/InstrId", "Refs/TxId", "Refs/AcctSvcrRef", "Refs/MndtId"),
            *("AmtDtls/InstdAmt/Amt", "AmtDtls/TxAmt/Amt", "Amt", "CdtDbtInd"),
            *("RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry", "RtrInf/Orgtr/Nm"),
            *("RtrInf/Orgtr/Id/OrgId/BICOrBEI", "RtrInf/Orgtr/Id/OrgId/AnyBIC"),
        }
    )
    | _FAMILY,
}


class Notification:
    """Tells what the transactions of one file say."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._waiting: Scope | None = None

    def told(self, name: str, scope: Scope) -> Iterator[ToldReturn]:
        match name:
            case "Acct" if self._message.owner is not None:
                self._message.owner.see(scope, _ACCOUNT_IDS, is_sure=True)
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
            amount, currency = amount_in(entry, "Amt")
            yield ToldReturn(self._message.next_number(), entry.line, amount=amount, currency=currency, why_unused=why)

    def _told_booking(self, scope: Scope, *, is_alone: bool) -> ToldReturn:
        entry, values = scope.above, scope.values
        assert entry is not None
        assert entry.above is not None
        amount, currency = amount_in(scope, "AmtDtls/InstdAmt/Amt", "AmtDtls/TxAmt/Amt", "Amt")
        transaction_id = first(values, "Refs/InstrId", "Refs/TxId", "Refs/AcctSvcrRef")
        if is_alone:
            transaction_id = transaction_id or entry.values.get("AcctSvcrRef")
            if amount is None:
                amount, currency = amount_in(entry, "Amt")
        booked = day_in(entry, "BookgDt/Dt", "BookgDt/DtTm") or day_in(entry, "ValDt/Dt", "ValDt/DtTm")
        why_unused = _why_no_return(scope, entry)
        is_bank = "RtrInf/Orgtr/Id/OrgId/BICOrBEI" in values or "RtrInf/Orgtr/Id/OrgId/AnyBIC" in values
        return ToldReturn(
            number=self._message.next_number(),
            line=scope.line,
            end_to_end_id=provided(values.get("Refs/EndToEndId")),
            transaction_id=transaction_id,
            mandate_reference=provided(values.get("Refs/MndtId")),
            reason_code=None if why_unused else reason_code(first(values, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry")),
            # EPC rulebook: who began it is told by a BIC where it was a bank, and by a name where it was the debtor.
            is_refund="RtrInf/Orgtr/Nm" in values and not is_bank,
            amount=amount,
            currency=currency,
            dated_on=booked or day_in(entry.above, "CreDtTm") or self._message.created_on,
            basis=DateBasis.REPORTED if booked is None else DateBasis.BOOKED,
            why_unused=why_unused,
        )


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
    status = first(entry.values, "Sts/Cd", "Sts") or "not told"
    if status != "BOOK":
        return f"It is not booked yet (status {status[:35]}): it is taken from the file that tells of the booking."
    return None
