"""A carrier that answers as it is told, for what the sandbox cannot be brought to say."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from dunlin.domain.carrier import (
    Accepted,
    Answer,
    CarrierUnavailable,
    Credentials,
    ForgedCallback,
    LostMessage,
    Message,
    NoPrice,
    NoSuchMessage,
    Quote,
    Sender,
    StatusReport,
    TextReceived,
    Traces,
    TwilioCredentials,
    Unreached,
    Verdict,
)
from dunlin.domain.channel import Channels
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.times import boot_time


class ScriptedChannel:
    """Answers each text by its script, in order; accepts everything once the script has ended."""

    def __init__(self, *script: Answer, quotes: Mapping[str, Quote] | None = None) -> None:
        self.script = list(script)
        self._quotes = dict(quotes or {})
        self.priced: list[str] = []
        self.looked_up: list[LostMessage] = []
        self.seen: Traces | CarrierUnavailable = CarrierUnavailable("Nobody looks anything up.")
        self.said: StatusReport | NoSuchMessage | CarrierUnavailable = NoSuchMessage()
        self.taken: list[Message] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.called = asyncio.Event()

    async def send(self, message: Message) -> Answer:
        if boot_time() > message.begin_by:
            return Unreached("Too late.")
        self.taken.append(message)
        number = len(self.taken)
        self.called.set()
        await self.may_answer.wait()
        return self.script.pop(0) if self.script else Accepted(f"SM{number:032x}")

    async def check(self, credentials: Credentials, sender: Sender) -> Verdict:
        return None

    async def price(self, credentials: TwilioCredentials, country: str) -> Quote:
        self.priced.append(country)
        return self._quotes.get(country, NoPrice())

    def read_callback(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: TwilioCredentials
    ) -> StatusReport:
        raise ForgedCallback  # nobody calls back

    async def look_up(self, lost: LostMessage) -> Traces | CarrierUnavailable:
        self.looked_up.append(lost)
        return self.seen

    async def fetch(
        self, credentials: TwilioCredentials, provider_message_id: str
    ) -> StatusReport | NoSuchMessage | CarrierUnavailable:
        return self.said

    def inbound_address(self, key: UUID) -> str:
        return f"https://dunlin.example/{key}"

    async def route_inbound(self, credentials: TwilioCredentials, sender: Sender, key: UUID) -> bool:
        return False

    def read_inbound(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: TwilioCredentials
    ) -> TextReceived:
        raise ForgedCallback  # nor answers


def texting(channel: ScriptedChannel) -> Channels:
    """Return carriers of which `channel` brings all texts, and nothing brings e-mail."""
    return Channels(dict.fromkeys(IntegrationProvider, channel), {})
