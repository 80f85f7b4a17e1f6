"""Bank files for tests: each message with the elements that European banks give, in the order of its definition."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

IBAN = "BE68539007547034"
CREDITOR = "BE68ZZZ0123456789"
FOREIGN_IBAN = "NL91ABNA0417164300"
FORMATS = ("pain.002.001.03", "pain.002.001.10", "camt.054.001.02", "camt.054.001.08")
SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True, slots=True)
class Debit:
    """A direct debit that came back."""

    end_to_end_id: str = "E2E-1"
    mandate: str | None = "MANDATE-1"
    reason: str | None = "AM04"
    amount: str = "84.50"
    currency: str = "EUR"
    day: str = "2026-02-27"  # of the collection in pain.002, of the booking in camt.054
    transaction: str = "TX-1"
    originator: str | None = None  # a name: the debtor had it refunded


def a_bank_file(name: str, debits: Iterable[Debit], *, iban: str = IBAN, message: str = "MSG-1") -> bytes:
    return "".join(pieces(name, debits, iban=iban, message=message)).encode()


def pieces(name: str, debits: Iterable[Debit], *, iban: str = IBAN, message: str = "MSG-1") -> Iterator[str]:
    """Yield a file piece by piece, so that it may be of any length."""
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{name}">\n'
    yield from (
        _status_report(name, debits, iban, message) if name[:4] == "pain" else _booked(name, debits, iban, message)
    )
    yield "</Document>\n"


def _status_report(name: str, debits: Iterable[Debit], iban: str, message: str) -> Iterator[str]:
    is_new = name.endswith("10")
    bic = "BICFI" if is_new else "BIC"
    yield f"""<CstmrPmtStsRpt>
<GrpHdr><MsgId>{message}</MsgId><CreDtTm>2026-03-02T06:00:00+01:00</CreDtTm>
<CdtrAgt><FinInstnId><{bic}>KREDBEBB</{bic}></FinInstnId></CdtrAgt></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>DEBITS-7</OrgnlMsgId><OrgnlMsgNmId>pain.008.001.02</OrgnlMsgNmId></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>BATCH-7</OrgnlPmtInfId><PmtInfSts>PART</PmtInfSts>
"""
    for debit in debits:
        mandate = "" if debit.mandate is None else f"<MndtRltdInf><MndtId>{debit.mandate}</MndtId></MndtRltdInf>"
        reason = "" if debit.reason is None else f"<Rsn><Cd>{debit.reason}</Cd></Rsn>"
        party = "<Pty><Nm>Ada Reyes</Nm></Pty>" if is_new else "<Nm>Ada Reyes</Nm>"
        yield f"""<TxInfAndSts><StsId>{debit.transaction}</StsId>
<OrgnlEndToEndId>{debit.end_to_end_id}</OrgnlEndToEndId>
<TxSts>RJCT</TxSts>
<StsRsnInf><Orgtr><Nm>Bank</Nm></Orgtr>{reason}</StsRsnInf>
<OrgnlTxRef><Amt><InstdAmt Ccy="{debit.currency}">{debit.amount}</InstdAmt></Amt>
<ReqdColltnDt>{debit.day}</ReqdColltnDt>
<CdtrSchmeId><Id><PrvtId><Othr><Id>{CREDITOR}</Id><SchmeNm><Prtry>SEPA</Prtry></SchmeNm></Othr></PrvtId></Id></CdtrSchmeId>
{mandate}<Dbtr>{party}</Dbtr><CdtrAcct><Id><IBAN>{iban}</IBAN></Id></CdtrAcct></OrgnlTxRef></TxInfAndSts>
"""
    yield "</OrgnlPmtInfAndSts></CstmrPmtStsRpt>\n"


def _booked(name: str, debits: Iterable[Debit], iban: str, message: str) -> Iterator[str]:
    yield f"""<BkToCstmrDbtCdtNtfctn>
<GrpHdr><MsgId>{message}</MsgId><CreDtTm>2026-03-02T06:00:00+01:00</CreDtTm></GrpHdr>
<Ntfctn><Id>N-1</Id><CreDtTm>2026-03-02T06:00:00+01:00</CreDtTm>
<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>EUR</Ccy></Acct>
"""
    for debit in debits:
        yield an_entry(name, [debit])
    yield "</Ntfctn></BkToCstmrDbtCdtNtfctn>\n"


def an_entry(
    name: str, debits: list[Debit], *, batch: int | None = None, status: str = "BOOK", family: str = "IDDT"
) -> str:
    """Return a booking of direct debits that came back, on the day of the first of them."""
    is_new = name.endswith("08")
    told = f"<Cd>{status}</Cd>" if is_new else status
    counted = "" if batch is None else f"<Btch><NbOfTxs>{batch}</NbOfTxs></Btch>"
    day = debits[0].day if debits else "2026-02-27"
    total = sum(float(debit.amount) for debit in debits)
    details = "".join(_details(name, debit) for debit in debits)
    return f"""<Ntry><Amt Ccy="EUR">{total:.2f}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>{told}</Sts>
<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt><AcctSvcrRef>BOOKING-1</AcctSvcrRef>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>UPDD</SubFmlyCd></Fmly></Domn></BkTxCd>
<NtryDtls>{counted}{details}</NtryDtls></Ntry>
"""


def _details(name: str, debit: Debit) -> str:
    is_new = name.endswith("08")
    mandate = "" if debit.mandate is None else f"<MndtId>{debit.mandate}</MndtId>"
    reason = "" if debit.reason is None else f"<Rsn><Cd>{debit.reason}</Cd></Rsn>"
    bic = "AnyBIC" if is_new else "BICOrBEI"
    who = f"<Nm>{debit.originator}</Nm>" if debit.originator else f"<Id><OrgId><{bic}>KREDBEBB</{bic}></OrgId></Id>"
    amount = f'<Amt Ccy="{debit.currency}">{debit.amount}</Amt>'
    party = "<Pty><Nm>Ada Reyes</Nm></Pty>" if is_new else "<Nm>Ada Reyes</Nm>"
    told = f"{amount}<CdtDbtInd>DBIT</CdtDbtInd>" if is_new else ""
    return f"""<TxDtls><Refs><EndToEndId>{debit.end_to_end_id}</EndToEndId>
<TxId>{debit.transaction}</TxId>{mandate}</Refs>
{told}<AmtDtls><InstdAmt>{amount}</InstdAmt></AmtDtls><RltdPties><Dbtr>{party}</Dbtr></RltdPties>
<RtrInf><Orgtr>{who}</Orgtr>{reason}</RtrInf></TxDtls>
"""
