"""Noting when tokens are used, best effort, behind the requests."""

import asyncio
from datetime import datetime

import structlog

from dunlin.domain.actions.note_token_use import NOTED_EVERY, TokenUse, note_token_uses

log = structlog.get_logger()


class TokenUses:
    """Collects uses and stores them together, beside whatever is answered meanwhile: of each token one a minute."""

    def __init__(self) -> None:
        self._uses: dict[int, TokenUse] = {}
        self._taken: dict[str, datetime] = {}  # by digest: what is stored since a minute at most, or about to be
        self._waiting = asyncio.Event()

    def note(self, use: TokenUse) -> None:
        taken_at = self._taken.get(use.digest)
        if taken_at is not None and use.used_at - taken_at < NOTED_EVERY:
            return
        self._uses[use.token_id] = use
        self._taken[use.digest] = use.used_at
        self._waiting.set()

    async def run(self) -> None:
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            uses, self._uses = self._uses, {}
            try:
                await note_token_uses(uses.values())
            except Exception as error:  # the next use of each is noted as well
                log.warning("cannot note the use of tokens", error=type(error).__name__)
                for use in uses.values():
                    self._taken.pop(use.digest, None)
            newest = max(use.used_at for use in uses.values())
            self._taken = {key: at for key, at in self._taken.items() if newest - at < NOTED_EVERY}
