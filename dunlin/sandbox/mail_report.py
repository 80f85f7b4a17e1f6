"""What became of a mail, as the mail that tells its sender: RFC 3464, in the multipart/report of RFC 6522."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final

from dunlin.sandbox.mail import Mail, MailStatus

HOST: Final = "sandbox.example"

# More than that is not sent back: of a longer mail the report holds the headers alone, as Postfix does.
_LONGEST_RETURNED = 50_000
_KEEPS_TRYING = timedelta(days=5)

_ACTION: Final[Mapping[MailStatus, str]] = {
    MailStatus.BOUNCED: "failed",
    MailStatus.DELAYED: "delayed",
    MailStatus.DELIVERED: "delivered",
}
_SUBJECT: Final[Mapping[MailStatus, str]] = {
    MailStatus.BOUNCED: "Undelivered Mail Returned to Sender",
    MailStatus.DELAYED: "Delayed Mail (still being retried)",
    MailStatus.DELIVERED: "Successful Mail Delivery Report",
}
_SENTENCE: Final[Mapping[MailStatus, str]] = {
    MailStatus.BOUNCED: "Your message could not be delivered. It will not be tried again.",
    MailStatus.DELAYED: "Your message has not been delivered yet. You need not send it again: it is still tried.",
    MailStatus.DELIVERED: "Your message has been delivered.",
}


def delivery_report(mail: Mail) -> bytes:
    """Return the report on `mail`, which has come to an end, to its envelope's sender. Its lines end in CR LF."""
    headers, original = _original(mail)
    boundary = f"report-{secrets.token_hex(16)}"
    is_ascii = original.isascii()
    parts = [
        ("text/plain; charset=us-ascii", "7bit", _explanation(mail).encode()),
        ("message/delivery-status", "7bit", _delivery_status(mail).encode()),
        (headers, "7bit" if is_ascii else "8bit", original),
    ]
    encoding = "7bit" if is_ascii else "8bit"
    report = _head(mail, boundary, encoding).encode()
    for kind, part_encoding, body in parts:
        report += f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {part_encoding}\r\n\r\n".encode()
        report += body + b"\r\n"
    return report + f"--{boundary}--\r\n".encode()


def _head(mail: Mail, boundary: str, encoding: str) -> str:
    return _lines(
        "Return-Path: <>",
        f"Delivered-To: {mail.sender}",
        f"Date: {format_datetime(mail.updated_at)}",
        f"From: Mail Delivery System <mailer-daemon@{HOST}>",
        f"To: <{mail.sender}>",
        f"Subject: {_SUBJECT[mail.status]}",
        f"Message-ID: <{secrets.token_hex(16)}@{HOST}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"',
        f"Content-Transfer-Encoding: {encoding}",
        "",
        "",
    )


def _explanation(mail: Mail) -> str:
    return _lines(
        f"This is the mail system at host {HOST}, a sandbox: nobody gets its mails.",
        "",
        _SENTENCE[mail.status],
        "",
        f"<{mail.to}>: {mail.diagnosis}",
    )


def _delivery_status(mail: Mail) -> str:
    diagnosis = mail.diagnosis or ""
    retried = (
        [f"Will-Retry-Until: {_date(mail.created_at + _KEEPS_TRYING)}"] if mail.status is MailStatus.DELAYED else []
    )
    return _lines(
        f"Reporting-MTA: dns; {HOST}",
        f"Arrival-Date: {_date(mail.created_at)}",
        "",
        f"Final-Recipient: rfc822; {mail.to}",
        f"Action: {_ACTION[mail.status]}",
        f"Status: {diagnosis.split()[1]}",
        f"Remote-MTA: dns; mx.{HOST}",
        f"Diagnostic-Code: smtp; {diagnosis}",
        f"Last-Attempt-Date: {_date(mail.updated_at)}",
        *retried,
    )


def _original(mail: Mail) -> tuple[str, bytes]:
    """Return what is sent back and its type: a mail that came back whole, of any other its headers."""
    if mail.status is MailStatus.BOUNCED and len(mail.content) <= _LONGEST_RETURNED:
        return "message/rfc822", mail.raw
    head, _, _ = mail.raw.partition(b"\r\n\r\n")
    return "text/rfc822-headers", head + b"\r\n"


def _date(moment: datetime) -> str:
    return format_datetime(moment)


def _lines(*lines: str) -> str:
    return "\r\n".join(lines)
