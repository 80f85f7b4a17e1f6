"""The keys of an issuer as this process knows them: fetched anew regularly, and when a token names an unknown one."""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from jwt import PyJWK

from dunlin.runtime.issuer_documents import Keys, NoKeys

log = structlog.get_logger()


class UnknownKey(Exception):
    """The issuer publishes no such key."""


class KeysUnavailable(Exception):
    """Whether the issuer has such a key cannot be told now."""


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """How often the issuer is asked for its keys, and how long for.

    `trust_for` is how long known keys hold when the issuer is away, counted from its last good answer.
    """

    refresh_every: timedelta = timedelta(minutes=5)
    ask_again_after: timedelta = timedelta(seconds=10)
    trust_for: timedelta = timedelta(hours=1)
    answer_within: timedelta = timedelta(seconds=5)


class IssuerKeys:
    """One issuer's keys. `now` is in seconds of a clock that nobody sets, such as `time.monotonic`."""

    def __init__(self, fetch: Callable[[], Awaitable[Keys]], times: KeyTimes) -> None:
        self._fetch = fetch
        self._times = times
        self._known: Keys = {}
        self._known_since = -math.inf
        self._has_answered = False  # to the last question
        self._asked_at = -math.inf  # for a token's sake
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str, now: float) -> PyJWK:
        """Return a key by its id, or raise `UnknownKey` or `KeysUnavailable`.

        Who brings a key that is known never waits. For the others the issuer is asked, once for all who wait, and
        not again within `ask_again_after`, whatever they bring and however it answered.
        """
        key = self._trusted(now).get(kid)
        if key is not None:
            return key
        await self._ask(now)
        trusted = self._trusted(now)
        if kid in trusted:
            return trusted[kid]
        if not (self._has_answered and trusted):
            raise KeysUnavailable
        raise UnknownKey

    async def refresh(self, now: float) -> bool:
        """Fetch the keys, or wait until that is done; return whether the issuer has answered."""
        await asyncio.shield(self._fetching or self._begin(now))
        return self._has_answered

    async def run(self) -> None:
        """Fetch the keys regularly, so that new ones are known early and withdrawn ones do not stay."""
        while True:
            try:
                has_answered = await self.refresh(time.monotonic())
            except Exception:
                log.exception("cannot refresh the issuer's keys")
                has_answered = False
            pause = self._times.refresh_every if has_answered else self._times.ask_again_after
            await asyncio.sleep(pause.total_seconds() * random.uniform(0.9, 1))  # processes start together

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching

    def _trusted(self, now: float) -> Keys:
        return self._known if now - self._known_since < self._times.trust_for.total_seconds() else {}

    async def _ask(self, now: float) -> None:
        if self._fetching is None:
            if now - self._asked_at < self._times.ask_again_after.total_seconds():
                return
            self._asked_at = now
        await asyncio.shield(self._fetching or self._begin(now))

    def _begin(self, now: float) -> asyncio.Task[None]:
        self._fetching = asyncio.create_task(self._fetch_all(now))
        return self._fetching

    async def _fetch_all(self, now: float) -> None:
        has_answered = False
        try:
            keys = await self._fetch()
            if keys.keys() != self._known.keys():
                log.info("the issuer's keys have changed", keys=len(keys))
            self._known, self._known_since, has_answered = keys, now, True
        except NoKeys as error:
            log.warning("cannot fetch the issuer's keys", why=str(error))
        finally:
            self._has_answered, self._fetching = has_answered, None
