"""Who stays longer than a request: their tokens are looked at for as long as they are here."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from dunlin.api.authentication import OUT_OF_FORCE, Door, NotLetIn, NotYetLetIn, bearer_token
from dunlin.domain.choices import ActorKind
from dunlin.domain.viewer import Viewer, viewer_by
from dunlin.runtime.issuer_keys import KeysUnavailable

_LOOKED_AT_EVERY_S = 2.0
_USERS_LOOKED_AT_EVERY_S = 30.0  # what their tokens open stands in them; only their key can be withdrawn
_UNSEEN_S = 3.0  # by how much a look may be late, before nothing more is shown until it is made
_AT_ONCE = 1_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a stay is over: a WebSocket's close code, and a sentence."""

    code: int
    reason: str


NEW_TOKEN_NEEDED = 4403
COME_BACK = 1012  # the service restarts


class Stay:
    """One socket or stream of somebody who has been let in. `viewer` is who they are as of the last look."""

    def __init__(self, door: Door, token: str, address: str | None, viewer: Viewer, seen_at: float) -> None:
        self.token = token
        self.viewer = viewer
        self.seen_at = seen_at  # by the monotonic clock
        self._door = door
        self._address = address
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._seen: asyncio.Event | None = None  # for whoever waits for the next look

    @property
    def is_of_user(self) -> bool:
        return self.viewer.actor.kind is ActorKind.USER

    @property
    def look_due_at(self) -> float:
        return self.seen_at + (_USERS_LOOKED_AT_EVERY_S if self.is_of_user else _LOOKED_AT_EVERY_S)

    @property
    def address(self) -> str | None:
        return self._address

    async def until_ended(self) -> Ending:
        return await asyncio.shield(self._ended)

    async def renewed(self) -> Viewer:
        """Ask the door anew, as for a request; raise what it raises."""
        asked_at = time.monotonic()
        self.see(await self._door.viewer_of_token(self.token, self._address), asked_at)
        return self.viewer

    @property
    def is_current(self) -> bool:
        """Whether `viewer` is as of a few seconds ago at most."""
        return not self._ended.done() and time.monotonic() <= self.look_due_at + _UNSEEN_S and not self._has_expired()

    async def current(self) -> Viewer:
        """Return the viewer as of a few seconds ago at most.

        Who is not to see anything more is never answered: what they run ends with their connection, and is not told
        to be complete.
        """
        while not self.is_current:
            if self._seen is None:
                self._seen = asyncio.Event()
            await self._seen.wait()
        return self.viewer

    def see(self, viewer: Viewer, asked_at: float) -> None:
        """Take how the viewer was found, asked for at `asked_at`."""
        if viewer != self.viewer:  # else it stays the same one: what hangs on it need not be found anew
            self.viewer = viewer
        self.seen_at = max(self.seen_at, asked_at)
        if self._seen is not None:
            self._seen.set()
            self._seen = None

    def end(self, ending: Ending) -> None:
        if not self._ended.done():
            self._ended.set_result(ending)

    def end_if_expired(self) -> None:
        if self._has_expired():
            self.end(Ending(NEW_TOKEN_NEEDED, "The token has expired."))

    def _has_expired(self) -> bool:
        return self.viewer.expires_at is not None and self.viewer.expires_at <= datetime.now(UTC)


class Stays:
    """All of this process. Our own tokens are looked at together, by one statement, however many sockets there are."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._here: set[Stay] = set()

    @asynccontextmanager
    async def stay(self, header: str | None, address: str | None) -> AsyncIterator[Stay]:
        """Let somebody in by an Authorization header, or raise what `Door` raises."""
        token, asked_at = bearer_token(header), time.monotonic()
        stay = Stay(self._door, token, address, await self._door.viewer_of_token(token, address), asked_at)
        self._here.add(stay)
        try:
            yield stay
        finally:
            self._here.discard(stay)

    async def run(self) -> None:
        """Look at the tokens of all who stay, for ever."""
        while True:
            await asyncio.sleep(_LOOKED_AT_EVERY_S)
            try:
                await self._look()
            except Exception as error:  # the database is away: nobody is sent off for that, and we look again
                log.warning("cannot look at tokens", error=type(error).__name__)

    def end_all(self) -> None:
        """Send everybody off to another process, or to this one when it is back."""
        for stay in self._here:
            stay.end(Ending(COME_BACK, "The service restarts."))

    async def _look(self) -> None:
        for stay in self._here:
            stay.end_if_expired()
        own = [stay for stay in self._here if not stay.is_of_user]
        for start in range(0, len(own), _AT_ONCE):
            await self._look_at_own(own[start : start + _AT_ONCE])
        for stay in [stay for stay in self._here if stay.is_of_user and time.monotonic() >= stay.look_due_at]:
            await self._look_at_user(stay)

    async def _look_at_own(self, stays: Collection[Stay]) -> None:
        asked_at = time.monotonic()
        found = await self._door.tokens_in_force({stay.token for stay in stays})
        for stay in stays:
            if stay.token in found:
                stay.see(viewer_by(found[stay.token], stay.address), asked_at)
            else:
                stay.end(Ending(NEW_TOKEN_NEEDED, OUT_OF_FORCE))

    async def _look_at_user(self, stay: Stay) -> None:
        try:
            await stay.renewed()
        except NotLetIn as refused:
            stay.end(Ending(NEW_TOKEN_NEEDED, refused.reason))
        except (KeysUnavailable, NotYetLetIn):  # it cannot be told now, and the token was good
            stay.see(stay.viewer, time.monotonic())
