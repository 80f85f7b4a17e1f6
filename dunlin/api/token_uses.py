"""Noting when tokens are used, best effort, behind the requests."""

import asyncio

import structlog

from dunlin.domain.actions.note_token_use import TokenUse, note_token_uses

log = structlog.get_logger()


class TokenUses:
    """Collects uses and stores them together, beside whatever is answered meanwhile."""

    def __init__(self) -> None:
        self._uses: dict[int, TokenUse] = {}
        self._waiting = asyncio.Event()

    def note(self, use: TokenUse) -> None:
        self._uses[use.token_id] = use
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
