"""A case as one row of a table: which columns there are, and what may stand in them."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dunlin.domain.choices import CaseOrigin
from dunlin.domain.errors import Problem
from dunlin.domain.rules.case_input import DECIMALS, NewCase, NewCustomer, check_cases
from dunlin.domain.rules.notation import CURRENCIES, LANGUAGE, TIME_ZONES, read_date, read_decimal

REQUIRED = ("external_reference", "customer_reference", "customer_name", "amount", "currency", "due_on")
OPTIONAL = (
    "origin",
    "return_reason_code",
    "is_refund",
    "language",
    "time_zone",
    "phone",
    "email",
    "payment_link",
    "end_to_end_id",
    "mandate_reference",
)

_SHOWN = 40  # characters of a value that a sentence quotes
_YES_NO = {"": False, "true": True, "false": False}
_COLUMNS = {
    ("externalReference",): "external_reference",
    ("returnReasonCode",): "return_reason_code",
    ("isRefund",): "is_refund",
    ("customer", "externalReference"): "customer_reference",
    ("customer", "name"): "customer_name",
    ("customer", "phone"): "phone",
    ("customer", "email"): "email",
    ("amountDue", "amount"): "amount",
    ("dueOn",): "due_on",
    ("paymentLink",): "payment_link",
    ("endToEndId",): "end_to_end_id",
    ("customer", "mandateReferences", "0"): "mandate_reference",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a row. `column` is None where it is about the row as a whole."""

    column: str | None
    message: str


class BadHeader(Exception):
    """The first row does not name the columns as it should; the text says how."""


def flaw_of(problem: Problem) -> Flaw:
    """Return a problem of a case as one of its row."""
    return Flaw(_COLUMNS[problem.path[2:]], problem.message)


def read_header(fields: Sequence[str]) -> list[str]:
    """Return the columns in their order, or raise `BadHeader`."""
    columns = [field.strip().lower() for field in fields]
    flaws = list(_header_flaws(columns))
    if flaws:
        known = f"Columns are {', '.join(REQUIRED)}, and where wanted {', '.join(OPTIONAL)}."
        raise BadHeader(" ".join([*flaws, known]))
    return columns


def _header_flaws(columns: Sequence[str]) -> Iterator[str]:
    unknown = [column for column in columns if column not in REQUIRED + OPTIONAL]
    missing = [column for column in REQUIRED if column not in columns]
    twice = dict.fromkeys(column for column in columns if columns.count(column) > 1 and column not in unknown)
    if unknown:
        yield f"Unknown columns: {', '.join(map(quoted, unknown))}."
    if missing:
        yield f"Missing columns: {', '.join(missing)}."
    if twice:
        yield f"Twice: {', '.join(twice)}."


def read_row(columns: Sequence[str], fields: Sequence[str], country: str) -> NewCase | list[Flaw]:
    """Return the case that a row tells of, or all that is wrong with it. `country`: of the organization."""
    if len(fields) != len(columns):
        how = 'A value that holds the separator stands in "quotes"; a row with too few may be cut off.'
        return [Flaw(None, f"It has {len(fields)} fields, and the header {len(columns)}. {how}")]
    values = {column: field.strip() for column, field in zip(columns, fields, strict=True)}
    if flaws := list(_control_characters(values)):
        return flaws
    flaws = list(_unreadable(values))
    case = _case(values)
    problems = check_cases([case], country)
    found = [flaw_of(problem) for problem in problems]
    unread = {flaw.column for flaw in flaws}
    if "origin" in unread:
        unread |= {"return_reason_code", "is_refund"}
    return [*flaws, *(flaw for flaw in found if flaw.column not in unread)] or case


def _control_characters(values: Mapping[str, str]) -> Iterator[Flaw]:
    for column, value in values.items():
        held = [character for character in value if unicodedata.category(character) == "Cc"]
        if held:
            yield Flaw(
                column, f"It holds the control character U+{ord(held[0]):04X}. Only what can be printed is allowed."
            )


def _unreadable(values: Mapping[str, str]) -> Iterator[Flaw]:
    """Yield what cannot be read at all. Whether what can be read makes sense is asked of the case."""
    amount, due_on, origin = values["amount"], values["due_on"], values.get("origin", "")
    if read_decimal(amount) is None:
        how = f"Write it as 1250.00: digits, a dot, at most {DECIMALS} decimals, nothing between thousands."
        yield Flaw("amount", f"{quoted(amount)} is no amount. {how}" if amount else f"It is empty. {how}")
    if read_date(due_on) is None:
        how = "Write it as 2026-11-22."
        yield Flaw("due_on", f"{quoted(due_on)} is no date. {how}" if due_on else f"It is empty. {how}")
    if values["currency"] not in CURRENCIES:
        yield Flaw("currency", f"{quoted(values['currency'])} is no currency. Write it by ISO 4217, such as EUR.")
    if origin and origin not in CaseOrigin.__members__:
        yield Flaw("origin", f"{quoted(origin)} is no origin. It is {' or '.join(CaseOrigin)}; empty: {_USUAL_ORIGIN}.")
    if values.get("is_refund", "").lower() not in _YES_NO:
        yield Flaw("is_refund", f"{quoted(values['is_refund'])} is neither true nor false; empty: false.")
    if (language := values.get("language")) and not LANGUAGE.fullmatch(language):
        yield Flaw("language", f"{quoted(language)} is no language. Write it as nl or fr-BE.")
    if (zone := values.get("time_zone")) and zone not in TIME_ZONES:
        yield Flaw("time_zone", f"{quoted(zone)} is no time zone. Write its IANA name, such as Europe/Brussels.")


_USUAL_ORIGIN = CaseOrigin.OVERDUE_INVOICE
_ANY_DAY = date(2026, 1, 1)  # stands in for what could not be read, so that the rest is looked at, too


def _case(values: Mapping[str, str]) -> NewCase:
    origin = values.get("origin") or _USUAL_ORIGIN
    return NewCase(
        external_reference=values["external_reference"],
        origin=CaseOrigin(origin) if origin in CaseOrigin.__members__ else _USUAL_ORIGIN,
        return_reason_code=values.get("return_reason_code") or None,
        customer=NewCustomer(
            external_reference=values["customer_reference"],
            name=values["customer_name"],
            language=values.get("language") or None,
            phone=values.get("phone") or None,
            email=values.get("email") or None,
            time_zone=values.get("time_zone") or None,
            mandate_references=tuple(filter(None, [values.get("mandate_reference")])),
        ),
        amount=read_decimal(values["amount"]) or Decimal(0),
        currency=values["currency"],
        due_on=read_date(values["due_on"]) or _ANY_DAY,
        is_refund=_YES_NO.get(values.get("is_refund", "").lower(), False),
        payment_link=values.get("payment_link") or None,
        end_to_end_id=values.get("end_to_end_id") or None,
    )


def quoted(value: str) -> str:
    """Return how a sentence quotes a value: short, and without characters that cannot be seen."""
    shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
    return "'" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown) + "'"
