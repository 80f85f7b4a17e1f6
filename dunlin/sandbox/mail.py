"""One mail and the life of it.

taken --> delivered | delayed | bounced
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class MailStatus(StrEnum):
    TAKEN = "taken"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    BOUNCED = "bounced"

    @property
    def is_final(self) -> bool:
        # A delay ends here, too: nobody gets to know how it went on.
        return self is not MailStatus.TAKEN


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one address as the carrier keeps it.

    `sender` is the envelope's, where reports go; empty if none are wanted. `content` has a character for each byte
    of the message. `diagnosis` is what the recipient's mail server is pretended to have answered.
    """

    sid: str
    account_sid: str
    sender: str
    to: str
    content: str
    status: MailStatus
    created_at: datetime
    updated_at: datetime
    diagnosis: str | None = None
    is_answered: bool = True

    @property
    def raw(self) -> bytes:
        return self.content.encode("latin-1")


@dataclass(frozen=True, slots=True)
class MailFate:
    """Where a mail ends, and whether its sender gets a report of that.

    `diagnosis` begins with the codes of RFC 5321 and RFC 3463: `550 5.1.1 ...`.
    """

    status: MailStatus
    diagnosis: str
    is_reported: bool = True


def ended(mail: Mail, fate: MailFate, now: datetime) -> Mail:
    return replace(mail, status=fate.status, diagnosis=fate.diagnosis, updated_at=now)
