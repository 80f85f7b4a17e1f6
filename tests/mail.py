"""A client of the sandbox's mail server, and mails to send with it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.message import EmailMessage

from aiosmtplib import SMTP

from dunlin.sandbox.account import Account


def a_mail(to: str = "ann@example.com", text: str = "Pay, please.", **headers: str) -> EmailMessage:
    """Return a mail in plain text; headers are named with underscores."""
    mail = EmailMessage()
    given: Mapping[str, str] = {"From": "Acme <billing@acme.example>", "To": to, "Subject": "A reminder"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    for name, value in given.items():
        mail[name] = value
    mail.set_content(text)
    return mail


@asynccontextmanager
async def a_client(smtp: tuple[str, int], account: Account | None, *, timeout_s: float = 5) -> AsyncIterator[SMTP]:
    """Connect without TLS; log in, if there is an account."""
    client = SMTP(hostname=smtp[0], port=smtp[1], start_tls=False, timeout=timeout_s)
    await client.connect()
    try:
        if account:
            await client.login(account.sid, account.auth_token)
        yield client
    finally:
        client.close()
