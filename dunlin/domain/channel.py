"""The seam to carriers; its implementations live in `channels/`, one file per carrier."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from dunlin.domain.carrier import (
    Answer,
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
    Verdict,
)


class Channel(Protocol):
    """One carrier, both directions. Implementations keep no state between calls but their connections."""

    async def send(self, message: Message) -> Answer:
        """Hand one message over, at most once; answer Unreached after its `begin_by`.

        Raise nothing but `asyncio.CancelledError`.
        """
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

    async def look_up(self, lost: LostMessage) -> Traces | CarrierUnavailable:
        """Search the carrier's list for a text. Raise nothing but `asyncio.CancelledError`."""
        ...

    async def fetch(
        self, credentials: Credentials, provider_message_id: str
    ) -> StatusReport | NoSuchMessage | CarrierUnavailable:
        """Ask what has become of a message. Raise nothing but `asyncio.CancelledError`."""
        ...

    def inbound_address(self, key: UUID) -> str:
        """Return the address to set at the carrier for the texts that come in to the integration of this key."""
        ...

    async def route_inbound(self, credentials: Credentials, sender: Sender, key: UUID) -> bool:
        """Have the carrier bring the texts that come in to the address of `key`; return whether it does.

        What somebody has set there stays. Raise nothing but `asyncio.CancelledError`.
        """
        ...

    def read_inbound(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: Credentials
    ) -> TextReceived:
        """Return the text that somebody sent to us, or raise `ForgedCallback` or `MalformedCallback`."""
        ...
