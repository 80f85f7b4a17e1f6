"""What pain.002 tells of rejected direct debits: CustomerPaymentStatusReport V03 and V10."""

from collections.abc import Iterator

from dunlin.domain.choices import DateBasis
from dunlin.domain.rules.bank_return import ToldReturn
from dunlin.runtime.bank_message import (
    INITIATOR,
    PERSON_IDS,
    Message,
    Wanted,
    amount_in,
    day_in,
    first,
    provided,
    reason_code,
)
from dunlin.runtime.xml_stream import Scope

_REJECTED = "RJCT"

# The creditor of version 10 stands one element deeper (Party40Choice).
STATUS_REPORT = "/CstmrPmtStsRpt"
_CREDITOR_SIDE = frozenset(
    {
        *(f"OrgnlTxRef/CdtrSchmeId/{one}" for one in PERSON_IDS),
        *("OrgnlTxRef/CdtrAcct/Id/IBAN", "OrgnlTxRef/CdtrAcct/Id/Othr/Id"),
    }
)
_REASON = frozenset({"StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry"})
STATUS_SCOPES: Wanted = {
    f"{STATUS_REPORT}": frozenset(),
    f"{STATUS_REPORT}/GrpHdr": frozenset({"MsgId", "CreDtTm"}) | INITIATOR,
    f"{STATUS_REPORT}/OrgnlGrpInfAndSts": frozenset({"OrgnlMsgId", "OrgnlMsgNmId", "OrgnlNbOfTxs", "GrpSts"}) | _REASON,
    f"{STATUS_REPORT}/OrgnlPmtInfAndSts": frozenset({"OrgnlPmtInfId", "OrgnlNbOfTxs", "PmtInfSts"}) | _REASON,
    f"{STATUS_REPORT}/OrgnlPmtInfAndSts/TxInfAndSts": frozenset(
        {
            *("OrgnlInstrId", "OrgnlEndToEndId", "TxSts", "AcctSvcrRef"),
            *("OrgnlTxRef/Amt/InstdAmt", "OrgnlTxRef/IntrBkSttlmAmt", "OrgnlTxRef/ReqdColltnDt"),
            "OrgnlTxRef/MndtRltdInf/MndtId",
        }
    )
    | _REASON
    | _CREDITOR_SIDE,
}


class StatusReport:
    """Tells what the transactions of one file say."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._group: Scope | None = None

    def told(self, name: str, scope: Scope) -> Iterator[ToldReturn]:
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
        if self._message.owner is not None:
            self._message.owner.see(scope, sorted(_CREDITOR_SIDE), is_sure=True)
        amount, currency = amount_in(scope, "OrgnlTxRef/Amt/InstdAmt", "OrgnlTxRef/IntrBkSttlmAmt")
        collected = day_in(scope, "OrgnlTxRef/ReqdColltnDt")
        why_unused = self._why_not_rejected(scope, payment)
        told_reason = _told_reason(scope) or _told_reason(payment) or _told_reason(self._group)
        return ToldReturn(
            number=self._message.next_number(),
            line=scope.line,
            end_to_end_id=provided(values.get("OrgnlEndToEndId")),
            transaction_id=first(values, "OrgnlInstrId", "AcctSvcrRef"),
            mandate_reference=provided(values.get("OrgnlTxRef/MndtRltdInf/MndtId")),
            reason_code=None if why_unused else reason_code(told_reason),
            amount=amount,
            currency=currency,
            dated_on=collected or self._message.created_on,
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
        yield ToldReturn(
            self._message.next_number(),
            scope.line,
            reason_code=reason_code(_told_reason(scope)),
            why_unused=why,
        )

    def _of_group(self, key: str) -> str:
        return "" if self._group is None else self._group.values.get(key, "")


def _told_reason(scope: Scope | None) -> str | None:
    return None if scope is None else first(scope.values, "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")
