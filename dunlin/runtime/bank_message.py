"""What both kinds of a bank's messages say in the same way: their header, whose they are, days, amounts and reasons."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from dunlin.domain.rules.bank_return import NARRATIVE, NO_REASON
from dunlin.domain.rules.creditor import account_key
from dunlin.domain.rules.notation import read_date, read_decimal
from dunlin.runtime.csv_records import UnreadableFile
from dunlin.runtime.xml_stream import Scope

Wanted: TypeAlias = Mapping[str, frozenset[str]]

PERSON_IDS = ("Id/OrgId/Othr/Id", "Id/PrvtId/Othr/Id")
INITIATOR = frozenset(f"InitgPty/{one}" for one in PERSON_IDS)

_NOT_PROVIDED = {"NOTPROVIDED", "NOT PROVIDED", "NONREF"}
_CODE = re.compile(r"[A-Z0-9]{4}")


class Owner:
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


@dataclass(slots=True)
class Message:
    """What is known of a file while it is read: its header, and how many transactions there were so far.

    `owner` looks at whose it is; None where that has been done.
    """

    owner: Owner | None
    id: str = ""
    created_on: date | None = None
    number: int = 0

    def read_header(self, scope: Scope) -> None:
        self.id = scope.values.get("MsgId", "")[:35]
        self.created_on = day_in(scope, "CreDtTm")
        if self.owner is not None:
            self.owner.see(scope, sorted(INITIATOR), is_sure=False)

    def next_number(self) -> int:
        self.number += 1
        return self.number


def reason_code(told: str | None) -> str:
    """Return a reason as its code: of a bank's own words, that it is told in words."""
    if told is None:
        return NO_REASON
    return told if _CODE.fullmatch(told) else NARRATIVE


def first(values: Mapping[str, str], *keys: str) -> str | None:
    return next((values[key] for key in keys if key in values and provided(values[key])), None)


def provided(text: str | None) -> str | None:
    return None if text is None or text.upper() in _NOT_PROVIDED else text


def day_in(scope: Scope, *keys: str) -> date | None:
    """Return the day of a date or a date and time, or raise `UnreadableFile` if it is none."""
    for key in keys:
        if key in scope.values:
            found = read_date(scope.values[key][:10])
            if found is None:
                raise scope.broken(key, f"{scope.values[key][:40]!r} is no date.")
            return found
    return None


def amount_in(scope: Scope, *keys: str) -> tuple[Decimal | None, str | None]:
    for key in keys:
        if key in scope.values:
            found = read_decimal(scope.values[key])
            if found is None or found < 0:
                raise scope.broken(key, f"{scope.values[key][:40]!r} is no amount.")
            return found, scope.values.get(f"{key}@Ccy")
    return None, None
