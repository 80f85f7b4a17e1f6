"""Live delivery events: one reader per process serves all of its subscribers by position.

Redis only wakes the reader. What is read, and where a subscriber stands, is the database's sequence, so that
nothing is lost and nothing comes twice, whatever happens to Redis or to a connection.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from dunlin.domain.store import rows
from dunlin.domain.tables import DeliveryEvent, DeliverySequence
from dunlin.runtime.bell import EVENTS

_LOOK_ANYWAY_S = 1.0  # how late an event may be when its ring is lost
_QUIET_S = 30.0
_RING_SIZE = 1_000
_BATCH = 500

log = structlog.get_logger()


@dataclass(eq=False)
class _Feed:
    """The newest events of one organization, kept while somebody listens."""

    organization_id: int
    head: int
    listeners: int = 0

    def __post_init__(self) -> None:
        self.recent: deque[DeliveryEvent] = deque(maxlen=_RING_SIZE)
        self.news = asyncio.Event()

    def add(self, events: list[DeliveryEvent]) -> None:
        self.recent.extend(events)
        self.head = events[-1].sequence
        self.news.set()
        self.news = asyncio.Event()

    def after(self, position: int) -> list[DeliveryEvent] | None:
        """Return what follows `position`; None if that reaches further back than memory does."""
        first = self.recent[0].sequence if self.recent else self.head + 1
        if position + 1 < first:
            return None
        return [event for event in self.recent if event.sequence > position]


class EventHub:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._feeds: dict[int, _Feed] = {}
        self._ring = asyncio.Event()

    async def run(self) -> None:
        """Read new events whenever a ring comes, and now and then anyway."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                try:
                    async with asyncio.timeout(_LOOK_ANYWAY_S):
                        await self._ring.wait()
                except TimeoutError:
                    pass
                self._ring.clear()
                try:
                    await self._read()
                except Exception:  # the database is away: subscribers wait, positions stay
                    log.exception("cannot read delivery events")
        finally:
            listening.cancel()

    async def events(self, organization_id: int, after: int | None) -> AsyncGenerator[DeliveryEvent]:
        """Yield every event behind `after`, or from now on, in order, for ever."""
        async with self._listening(organization_id) as feed:
            position = await newest_sequence(organization_id) if after is None else after
            while True:
                news = feed.news
                events = feed.after(position)
                if events is None:
                    events = await read_events(organization_id, position, _BATCH)
                for event in events:
                    position = event.sequence
                    yield event
                if not events:
                    await news.wait()

    @asynccontextmanager
    async def _listening(self, organization_id: int) -> AsyncIterator[_Feed]:
        feed = self._feeds.get(organization_id)
        if feed is None:
            head = await newest_sequence(organization_id)
            feed = self._feeds.setdefault(organization_id, _Feed(organization_id, head))
        feed.listeners += 1
        try:
            yield feed
        finally:
            feed.listeners -= 1
            if feed.listeners == 0:
                del self._feeds[organization_id]

    async def _read(self) -> None:
        for organization_id in await self._ahead():
            feed = self._feeds.get(organization_id)
            while feed and (events := await read_events(organization_id, feed.head, _BATCH)):
                feed.add(events)

    async def _ahead(self) -> list[int]:
        """Return the organizations listened to whose newest event we have not read, by one query for all."""
        if not self._feeds:
            return []
        ahead = await rows(
            "SELECT s.organization_id FROM delivery_sequence s JOIN unnest($1::bigint[], $2::bigint[]) AS f(id, head)"
            " ON f.id = s.organization_id WHERE s.last_sequence > f.head",
            list(self._feeds),
            [feed.head for feed in self._feeds.values()],
        )
        return [row["organization_id"] for row in ahead]

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(EVENTS)
                    while True:
                        message = await channel.get_message(timeout=_QUIET_S)
                        if message and not self._feeds.keys().isdisjoint(json.loads(message["data"])):
                            self._ring.set()
            except Exception as error:  # we listen again whatever happened, and look anyway meanwhile
                log.warning("redis is away", error=type(error).__name__)
                await asyncio.sleep(_LOOK_ANYWAY_S)


async def read_events(organization_id: int, after: int, limit: int) -> list[DeliveryEvent]:
    return await (
        DeliveryEvent.filter(organization_id=organization_id, sequence__gt=after).order_by("sequence").limit(limit)
    )


async def newest_sequence(organization_id: int) -> int:
    newest: int = (await DeliverySequence.get(organization_id=organization_id)).last_sequence
    return newest
