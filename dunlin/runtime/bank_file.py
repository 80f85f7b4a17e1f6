"""Reading returned direct debits out of a bank's file: pain.002 and camt.054 of ISO 20022, in bounded memory.

Names and places are those of the message definitions: CustomerPaymentStatusReport V03 and V10,
BankToCustomerDebitCreditNotification V02 and V08.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from dunlin.domain.rules.bank_return import ToldReturn
from dunlin.runtime.bank_message import Message, Owner, Wanted
from dunlin.runtime.bank_notification import NOTIFICATION, NOTIFICATION_SCOPES, Notification
from dunlin.runtime.bank_status_report import STATUS_REPORT, STATUS_SCOPES, StatusReport
from dunlin.runtime.csv_records import UnreadableFile, check_encoding
from dunlin.runtime.xml_stream import XmlStream

MAX_BYTES = 1 << 30

_ISO = "urn:iso:std:iso:20022:tech:xsd:"


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
    owner = Owner(frozenset(accounts))
    reading = _Reading(file, owner)
    count = 0
    for count, _ in enumerate(reading, start=1):
        if count % 1_000 == 0:
            advance(file.tell())
    owner.require_named()
    file.seek(0)
    return BankFile(reading.format, reading.message.id, digest.hexdigest(), count)


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


_FORMATS: Mapping[str, Wanted] = {
    f"{_ISO}pain.002.001.03": STATUS_SCOPES,
    f"{_ISO}pain.002.001.10": STATUS_SCOPES,
    f"{_ISO}camt.054.001.02": NOTIFICATION_SCOPES,
    f"{_ISO}camt.054.001.08": NOTIFICATION_SCOPES,
}


class _Reading:
    """One reading of a file: yields what its transactions tell, numbered in their order."""

    def __init__(self, file: BinaryIO, owner: Owner | None) -> None:
        self._stream = XmlStream(file, _FORMATS)
        self.message = Message(owner)

    @property
    def format(self) -> str:
        return self._stream.root.removeprefix(_ISO)

    def __iter__(self) -> Iterator[ToldReturn]:
        report, notification = StatusReport(self.message), Notification(self.message)
        for scope in self._stream:
            name = scope.path.rpartition("/")[2]
            if name == "GrpHdr":
                self.message.read_header(scope)
            elif scope.path.startswith(f"Document{STATUS_REPORT}"):
                yield from report.told(name, scope)
            else:
                yield from notification.told(name, scope)
        if not self.message.id:
            message = STATUS_REPORT if self.format.startswith("pain") else NOTIFICATION
            raise UnreadableFile(f"Document: it has no {message[1:]} with GrpHdr/MsgId.")
