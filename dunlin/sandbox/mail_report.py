"""What became of a mail, as the mail that tells its sender: RFC 3464, in the multipart/report of RFC 6522.

For an address or a mail whose headers are not ASCII, RFC 6533 has other names for the parts.
"""

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
    boundary = f"report-{secrets.token_hex(16)}"
    status_kind = "message/delivery-status" if mail.to.isascii() else "message/global-delivery-status"
    parts = [
        ("text/plain; charset=utf-8", _explanation(mail).encode()),
        (status_kind, _delivery_status(mail).encode()),
        _original(mail),
    ]
    report = _head(mail, boundary, _encoding(b"".join(body for _, body in parts))).encode()
    for kind, body in parts:
        headers = _lines(f"--{boundary}", f"Content-Type: {kind}", f"Content-Transfer-Encoding: {_encoding(body)}")
        report += f"{headers}\r\n\r\n".encode() + body + b"\r\n"
    return report + f"--{boundary}--\r\n".encode()


def _encoding(body: bytes) -> str:
    return "7bit" if body.isascii() else "8bit"


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
        f"Final-Recipient: {'rfc822' if mail.to.isascii() else 'utf-8'}; {mail.to}",
        f"Action: {_ACTION[mail.status]}",
        f"Status: {diagnosis.split()[1]}",
        f"Remote-MTA: dns; mx.{HOST}",
        f"Diagnostic-Code: smtp; {diagnosis}",
        f"Last-Attempt-Date: {_date(mail.updated_at)}",
        *retried,
    )


def _original(mail: Mail) -> tuple[str, bytes]:
    """Return what is sent back and its type: a mail that came back whole, of any other its headers."""
    head, _, _ = mail.raw.partition(b"\r\n\r\n")
    if mail.status is MailStatus.BOUNCED and len(mail.content) <= _LONGEST_RETURNED:
        return "message/rfc822" if head.isascii() else "message/global", mail.raw
    return "text/rfc822-headers" if head.isascii() else "message/global-headers", head + b"\r\n"


def _date(moment: datetime) -> str:
    return format_datetime(moment)


def _lines(*lines: str) -> str:
    return "\r\n".join(lines)
