"""What the domain asks of a carrier, and the closed list of what a carrier answers.

`Channel` is the seam; its implementations live in `channels/`, one file per carrier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from dunlin.domain.reminder_status import ReminderStatus


class SenderKind(StrEnum):
    PHONE_NUMBER = "PHONE_NUMBER"
    MESSAGING_SERVICE = "MESSAGING_SERVICE"
    ALPHANUMERIC = "ALPHANUMERIC"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a text comes from: a number in E.164, a messaging service's id, or a name."""

    kind: SenderKind
    value: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of one account at a carrier. Never logged, never returned to a client."""

    account_sid: str
    auth_token: str
    api_key_sid: str | None = None
    api_key_secret: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.account_sid})"


@dataclass(frozen=True, slots=True)
class Message:
    """One text to hand over, once. `callback_path` identifies the attempt to us and to nobody else."""

    credentials: Credentials
    sender: Sender
    to: str
    text: str
    callback_path: str


class Fault(StrEnum):
    """Who or what a refusal is about; decides what follows from it."""

    RECIPIENT = "RECIPIENT"
    OPTED_OUT = "OPTED_OUT"
    CONTENT = "CONTENT"
    SENDER = "SENDER"
    CREDENTIALS = "CREDENTIALS"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier has the message."""

    provider_message_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier certainly does not have the message and will not take it like this."""

    error_code: int
    fault: Fault
    reason: str


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
class CredentialsRejected:
    """The carrier does not know this account, or the key is wrong, or the account may not send."""

    reason: str


@dataclass(frozen=True, slots=True)
class SenderRejected:
    """The account is good, but the sender does not belong to it or cannot send texts."""

    reason: str


@dataclass(frozen=True, slots=True)
class CarrierUnavailable:
    """The carrier gave no answer to use, so nothing is known."""

    reason: str


Verdict = None | CredentialsRejected | SenderRejected | CarrierUnavailable


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
    """What one genuine status callback says.

    `status` is None for carrier states that change nothing here. `opted_out`: the recipient refuses texts.
    """

    account_sid: str
    provider_message_id: str
    status: ReminderStatus | None
    error_code: int | None
    reason: str | None
    opted_out: bool = False


class ForgedCallback(Exception):
    """The signature does not fit the address, the fields and the account's key."""

    def __str__(self) -> str:
        return "the callback is not signed by the account that it is about"


class MalformedCallback(Exception):
    """The signature fits, but the fields are not those of a status report."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field

    def __str__(self) -> str:
        return f"the callback lacks a usable {self.field}"


class Channel(Protocol):
    """One carrier, both directions. Implementations keep no state between calls but their connections."""

    async def send(self, message: Message) -> Answer:
        """Hand one message over, at most once. Raise nothing but `asyncio.CancelledError`."""
        ...

    async def check(self, credentials: Credentials, sender: Sender) -> Verdict:
        """Ask the carrier whether these credentials and this sender can send. None means yes."""
        ...

    async def price(self, credentials: Credentials, country: str) -> Quote:
        """Ask what a segment to `country` (ISO 3166-1 alpha-2) costs this account.

        Raise nothing but `asyncio.CancelledError`.
        """
        ...

    def read_callback(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: Credentials
    ) -> StatusReport:
        """Return what a status callback says, or raise `ForgedCallback` or `MalformedCallback`."""
        ...
