"""A carrier that answers as it is told, for what the sandbox cannot be brought to say."""

import asyncio
from collections.abc import Sequence

from dunlin.domain.carrier import Accepted, Answer, Credentials, ForgedCallback, Message, Sender, StatusReport, Verdict


class ScriptedChannel:
    """Answers each text by its script, in order; accepts everything once the script has ended."""

    def __init__(self, *script: Answer) -> None:
        self._script = list(script)
        self.taken: list[Message] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.called = asyncio.Event()

    async def send(self, message: Message) -> Answer:
        self.taken.append(message)
        number = len(self.taken)
        self.called.set()
        await self.may_answer.wait()
        return self._script.pop(0) if self._script else Accepted(f"SM{number:032x}")

    async def check(self, credentials: Credentials, sender: Sender) -> Verdict:
        return None

    def read_callback(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: Credentials
    ) -> StatusReport:
        raise ForgedCallback  # nobody calls back
