"""What is said to a carrier, and the closed lists of what a carrier answers. The seam itself is in `channel`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from dunlin.domain.choices import InboundTextKind
from dunlin.domain.reminder_status import ReminderStatus


class SenderKind(StrEnum):
    PHONE_NUMBER = "PHONE_NUMBER"
    MESSAGING_SERVICE = "MESSAGING_SERVICE"
    ALPHANUMERIC = "ALPHANUMERIC"
    EMAIL_ADDRESS = "EMAIL_ADDRESS"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a message comes from: a number in E.164, a messaging service's id, a name, or an e-mail address."""

    kind: SenderKind
    value: str


@dataclass(frozen=True, slots=True, weakref_slot=True)
class TwilioCredentials:
    """The keys of one account at Twilio. Never logged, never returned to a client."""

    account_sid: str
    auth_token: str
    api_key_sid: str | None = None
    api_key_secret: str | None = None

    @property
    def account(self) -> str:
        return self.account_sid

    def __repr__(self) -> str:
        return f"TwilioCredentials({self.account})"


@dataclass(frozen=True, slots=True)
class SmtpCredentials:
    """One mail server and who we are there. Never logged, never returned to a client.

    Without a username nobody logs in: the server knows us by our address.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = None

    @property
    def account(self) -> str:
        """Who sends, in a form that can be shown: ada@mail.example.com:587."""
        return f"{self.username or ''}@{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"SmtpCredentials({self.account})"


Credentials = TwilioCredentials | SmtpCredentials


@dataclass(frozen=True, slots=True)
class Letter:
    """What an e-mail has beside its text. `sender_name` is the organization's; `reply_to` is where answers go.

    `reminder_id` stands in its Message-ID, so that it can be found in any mail server's log.
    """

    subject: str
    language: str
    sender_name: str
    reply_to: str | None
    reminder_id: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message to hand over, once. `correlation` identifies the attempt to us and to nobody else.

    After `begin_by`, of `boot_time`, no byte of it may leave: something that forbids it may have been reported done.
    `letter` is there for an e-mail, and only there.
    """

    credentials: Credentials
    sender: Sender
    to: str
    text: str
    correlation: str
    begin_by: float
    letter: Letter | None = None


class Fault(StrEnum):
    """What a refusal or a failure is about. What follows from each stands in `rules/consequence.py`."""

    INVALID_NUMBER = "INVALID_NUMBER"
    INVALID_ADDRESS = "INVALID_ADDRESS"  # of e-mail
    LANDLINE = "LANDLINE"
    UNREACHABLE = "UNREACHABLE"  # the phone is off or out of reach at the moment
    RECIPIENT = "RECIPIENT"  # this recipient, from this sender; says nothing of the number as such
    OPTED_OUT = "OPTED_OUT"
    CONTENT = "CONTENT"
    COUNTRY = "COUNTRY"  # this sender may not text this country; others go on
    SENDER = "SENDER"  # this sender cannot text anybody
    CREDENTIALS = "CREDENTIALS"  # the account cannot do anything
    LIMIT = "LIMIT"  # nothing more from this account or sender until a limit renews itself
    TEMPORARY = "TEMPORARY"  # certainly not delivered, and may well go later
    DISPUTABLE = "DISPUTABLE"  # called failed, but may have arrived
    OURS = "OURS"  # what we asked for is wrong
    UNLISTED = "UNLISTED"  # a code that we do not know
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier has the message."""

    provider_message_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier certainly does not have the message and will not take it like this.

    `retry_after` is how long what stands in the way lasts, where it passes by itself.
    """

    error_code: int
    fault: Fault
    reason: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """The carrier certainly does not have the message: too many at once. `retry_after` as told, if told."""

    retry_after: timedelta | None


@dataclass(frozen=True, slots=True)
class Unreached:
    """No connection came about, so no byte of the message left this process."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The carrier may or may not have the message. Never send it again on a guess."""

    reason: str


Answer = Accepted | Refused | Throttled | Unreached | Unknown


@dataclass(frozen=True, slots=True)
class Absent:
    """The carrier has been asked often enough, and late enough: it never had the message."""


@dataclass(frozen=True, slots=True)
class CredentialsRejected:
    """The carrier does not know this account, or the key is wrong, or the account may not send."""

    reason: str


@dataclass(frozen=True, slots=True)
class HostRejected:
    """The server that was named may not be used, or cannot: its address, its certificate, what it offers."""

    reason: str


@dataclass(frozen=True, slots=True)
class SenderRejected:
    """The account is good, but the sender does not belong to it or cannot send texts."""

    reason: str


@dataclass(frozen=True, slots=True)
class CarrierUnavailable:
    """The carrier gave no answer to use, so nothing is known."""

    reason: str


Verdict = None | HostRejected | CredentialsRejected | SenderRejected | CarrierUnavailable


@dataclass(frozen=True, slots=True)
class SegmentPrice:
    """What one segment to a country costs at most, without what networks add later."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class NoPrice:
    """The carrier has no price for this country."""


Quote = SegmentPrice | NoPrice | CarrierUnavailable


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What the carrier says of one message, by itself or asked.

    `status` is None for carrier states that change nothing here; `state` is the carrier's own word. `fault` says what
    the error code is about, and `retry_after` how long that lasts, where it passes by itself.
    """

    account_sid: str
    provider_message_id: str
    status: ReminderStatus | None
    error_code: int | None
    reason: str | None
    fault: Fault | None = None
    retry_after: timedelta | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A text that somebody sent to one of an account's senders.

    `recipients` are the number that it was sent to, and the messaging service that this belongs to, if any.
    `keyword` is what the carrier takes it for, where it says so.
    """

    account_sid: str
    provider_message_id: str
    sender: str
    recipients: tuple[str, ...]
    text: str
    keyword: InboundTextKind | None


@dataclass(frozen=True, slots=True)
class LostMessage:
    """A text of which we do not know whether the carrier has it.

    It cannot have come there before `since`. What came after `until` is rather another text in the same words.
    """

    credentials: TwilioCredentials
    sender: Sender
    to: str
    text: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Traces:
    """What the carrier's list holds since then, complete: texts just like the lost one, and the ids of other
    texts to the same number, which may be the lost one in other words, or late.
    """

    same: tuple[StatusReport, ...] = ()
    other: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoSuchMessage:
    """The carrier does not know, or no longer knows, a message of this id."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a mail server says, in a mail to us, of an e-mail of ours: of the attempt of `correlation`."""

    correlation: str
    report: StatusReport


class ForgedCallback(Exception):
    """The signature does not fit the address, the fields and the account's key."""

    def __str__(self) -> str:
        return "the callback is not signed by the account that it is about"


class MalformedCallback(Exception):
    """The signature fits, but the fields are not those of what this address is for."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field

    def __str__(self) -> str:
        return f"the callback lacks a usable {self.field}"
