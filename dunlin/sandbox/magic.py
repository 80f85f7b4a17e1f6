"""The numbers and addresses with a meaning.

Those up to +15005550009 are Twilio's own, for its test credentials:
https://www.twilio.com/docs/iam/test-credentials. The others are reserved here, for failures that come later.

| From         | create answers             | | To           | create answers                    |
|--------------|----------------------------|-|--------------|-----------------------------------|
| +15005550001 | 21212 not a sender         | | +15005550001 | 21211 not a number                |
| +15005550006 | accepted, for every account| | +15005550002 | 21612 cannot be reached           |
| +15005550007 | 21606 cannot send texts    | | +15005550003 | 21408 country not allowed         |
| +15005550008 | 21611 queue is full        | | +15005550004 | 21610 opted out                   |
                                               | +15005550009 | 21614 not a mobile number         |
                                               | +15005550010 | accepted, then failed 30001       |
                                               | +15005550030 | ... sent, then undelivered 30003  |
                                               | +15005550050 | ... sent, then undelivered 30005  |
                                               | +15005550070 | ... sent, then undelivered 30007  |
                                               | +15005550080 | ... sent, then undelivered 30008  |
                                               | +15005550090 | ... sent, and never any receipt   |

Of an address the part before the @ counts, in any domain and case, up to a plus: unknown+7@anything.example, too.

| To           | the answer to              | |
|--------------|----------------------------|-|
| unknown@     | RCPT: 550 5.1.1            | no such mailbox
| full@        | RCPT: 552 5.2.2            | the mailbox is full
| blocked@     | RCPT: 550 5.7.1            | the sender is blocked
| busy@        | RCPT: 451 4.3.0            | whenever it is tried
| spam@        | the content: 554 5.7.1     | looks like spam
| silent@      | the content: none          | the mail is taken, and the connection closed
| bounce@      | all: 250                   | later a report: failed, 5.1.1
| bounce-full@ | all: 250                   | later a report: failed, 5.2.2
| delayed@     | all: 250                   | later a report: delayed, 4.4.1, and nothing after it
| receipt@     | all: 250                   | later a report: delivered, 2.0.0
"""

from collections.abc import Mapping
from typing import Final

from dunlin.sandbox.mail import MailFate, MailStatus
from dunlin.sandbox.message import Fate, Status

GOOD_SENDER: Final = "+15005550006"

REFUSED_FROM: Final[Mapping[str, int]] = {
    "+15005550001": 21212,
    "+15005550007": 21606,
    "+15005550008": 21611,
}

REFUSED_TO: Final[Mapping[str, int]] = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}

FATE_OF_TO: Final[Mapping[str, Fate]] = {
    "+15005550010": Fate(Status.FAILED, 30001),
    "+15005550030": Fate(Status.UNDELIVERED, 30003),
    "+15005550050": Fate(Status.UNDELIVERED, 30005),
    "+15005550070": Fate(Status.UNDELIVERED, 30007),
    "+15005550080": Fate(Status.UNDELIVERED, 30008),
    "+15005550090": Fate(Status.SENT, None),
}

REFUSED_AT_RCPT: Final[Mapping[str, str]] = {
    "unknown": "550 5.1.1 The mailbox does not exist",
    "full": "552 5.2.2 The mailbox is full",
    "blocked": "550 5.7.1 Mails from this sender are blocked",
    "busy": "451 4.3.0 The mailbox is busy, try again later",
}

REFUSED_AFTER_CONTENT: Final[Mapping[str, str]] = {
    "spam": "554 5.7.1 The message looks like spam",
}

UNANSWERED: Final = "silent"

ORDINARY_BOUNCE: Final = MailFate(MailStatus.BOUNCED, "550 5.1.1 The mailbox does not exist")

FATE_OF_MAIL_TO: Final[Mapping[str, MailFate]] = {
    "bounce": ORDINARY_BOUNCE,
    "bounce-full": MailFate(MailStatus.BOUNCED, "552 5.2.2 The mailbox is full"),
    "delayed": MailFate(MailStatus.DELAYED, "451 4.4.1 The mail server does not answer"),
    "receipt": MailFate(MailStatus.DELIVERED, "250 2.0.0 Delivered"),
}


def magic_name(address: str) -> str:
    """Return the part of a mail address that may have a meaning."""
    return address.rpartition("@")[0].partition("+")[0].lower()
