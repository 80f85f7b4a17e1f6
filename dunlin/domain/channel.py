"""The seam to carriers; its implementations live in `channels/`, one file per carrier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never
from uuid import UUID

from dunlin.domain.carrier import (
    Answer,
    Bounce,
    CarrierUnavailable,
    Credentials,
    LostMessage,
    Message,
    NoSuchMessage,
    Quote,
    Sender,
    StatusReport,
    TextReceived,
    Traces,
    TwilioCredentials,
    Verdict,
)
from dunlin.domain.choices import IntegrationKind, IntegrationProvider


class Channel(Protocol):
    """One carrier: what every one does. Implementations keep no state between calls but their connections."""

    async def send(self, message: Message) -> Answer:
        """Hand one message over, at most once; answer Unreached after its `begin_by`.

        Raise nothing but `asyncio.CancelledError`.
        """
        ...

    async def check(self, credentials: Credentials, sender: Sender) -> Verdict:
        """Ask the carrier whether these credentials and this sender can send. None means yes."""
        ...


class MailChannel(Channel, Protocol):
    """A carrier of e-mail, which says in mails to us what it could not deliver."""

    def read_bounce(self, mail: bytes) -> Sequence[Bounce]:
        """Return what a mail to us says of e-mails of ours, nothing where it says nothing; or raise
        `MalformedCallback` where it is no mail.
        """
        ...


class TextingChannel(Channel, Protocol):
    """A carrier of texts, which has a price, can be asked what became of one, and brings those that come in."""

    async def price(self, credentials: TwilioCredentials, country: str) -> Quote:
        """Ask what a segment to `country` (ISO 3166-1 alpha-2) costs this account.

        Raise nothing but `asyncio.CancelledError`.
        """
        ...

    def read_callback(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: TwilioCredentials
    ) -> StatusReport:
        """Return what a status callback says, or raise `ForgedCallback` or `MalformedCallback`."""
        ...

    async def look_up(self, lost: LostMessage) -> Traces | CarrierUnavailable:
        """Search the carrier's list for a text. Raise nothing but `asyncio.CancelledError`."""
        ...

    async def fetch(
        self, credentials: TwilioCredentials, provider_message_id: str
    ) -> StatusReport | NoSuchMessage | CarrierUnavailable:
        """Ask what has become of a message. Raise nothing but `asyncio.CancelledError`."""
        ...

    def inbound_address(self, key: UUID) -> str:
        """Return the address to set at the carrier for the texts that come in to the integration of this key."""
        ...

    async def route_inbound(self, credentials: TwilioCredentials, sender: Sender, key: UUID) -> bool:
        """Have the carrier bring the texts that come in to the address of `key`; return whether it does.

        What somebody has set there stays. Raise nothing but `asyncio.CancelledError`.
        """
        ...

    def read_inbound(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: TwilioCredentials
    ) -> TextReceived:
        """Return the text that somebody sent to us, or raise `ForgedCallback` or `MalformedCallback`."""
        ...


@dataclass(frozen=True, slots=True)
class Channels:
    """The carriers of a process, by what they carry."""

    texting: Mapping[IntegrationProvider, TextingChannel]
    mail: Mapping[IntegrationProvider, MailChannel]

    def of(self, kind: IntegrationKind, provider: IntegrationProvider) -> Channel:
        match kind:
            case IntegrationKind.SMS:
                return self.texting[provider]
            case IntegrationKind.EMAIL:
                return self.mail[provider]
            case _:
                assert_never(kind)
