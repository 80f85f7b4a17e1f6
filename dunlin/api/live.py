"""Live delivery events: one reader per process serves all of its subscribers by position.

Redis only wakes the reader. What is read, and where a subscriber stands, is the database's sequence, so that
nothing is lost and nothing comes twice, whatever happens to Redis or to a connection.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from dunlin.api.errors import bad_input
from dunlin.api.feed import Feed
from dunlin.domain.store import rows
from dunlin.domain.tables import DeliveryEvent, DeliverySequence, Reminder
from dunlin.runtime.bell import EVENTS

_LOOK_ANYWAY_S = 1.0  # how late an event may be when its ring is lost
_QUIET_S = 30.0
_BATCH = 500  # the reader's
_HELD = 100  # what one subscriber holds of events that it has not yet been given
_MOST_KEPT = 20_000  # events of all feeds together
_LONGEST_FEED = 1_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which events of an organization are wanted; its case and reminder are known to be the organization's."""

    case_id: int | None = None
    reminder_id: int | None = None

    def takes(self, event: DeliveryEvent) -> bool:
        return self.case_id in (None, event.case_id) and self.reminder_id in (None, event.reminder_id)

    async def read(self, organization_id: int, after: int, until: int, limit: int) -> list[DeliveryEvent]:
        """Return the first wanted events behind `after` up to `until`, by an index that leads to no others."""
        if self == EVERYTHING:
            events = DeliveryEvent.filter(organization_id=organization_id)
        else:
            # Without naming the organization: its index would lead through all of its events.
            events = DeliveryEvent.filter(reminder_id__in=await self._reminders())
        return await events.filter(sequence__gt=after, sequence__lte=until).order_by("sequence").limit(limit)

    async def _reminders(self) -> list[int]:
        if self.case_id is None:
            return [self.reminder_id or 0]
        of_case = Reminder.filter(case_id=self.case_id)
        found = of_case if self.reminder_id is None else of_case.filter(id=self.reminder_id)
        return [row["id"] for row in await found.values("id")]


EVERYTHING = Narrowing()


class Reading:
    """Somebody's place among the events of an organization: all wanted ones up to `position` have been read."""

    __slots__ = ("_feed", "_wanted", "position")

    def __init__(self, feed: Feed, position: int, wanted: Narrowing) -> None:
        self._feed = feed
        self._wanted = wanted
        self.position = position

    @property
    def organization_id(self) -> int:
        return self._feed.organization_id

    @property
    def is_at_head(self) -> bool:
        """Whether nothing has happened behind it, as far as this process knows."""
        return self.position >= self._feed.head and not self._feed.is_set_back

    def again(self) -> "Reading":
        """Return another one from here on, for as long as this one lasts."""
        return Reading(self._feed, self.position, self._wanted)

    async def next(self) -> list[DeliveryEvent]:
        """Return some of the wanted events that follow; also none where it is not at the head."""
        if self._feed.is_set_back:
            raise _ahead()
        events = self._feed.after(self.position, _HELD)
        if events is None:
            end = self._feed.head
            events = await self._wanted.read(self._feed.organization_id, self.position, end, _HELD)
            self.position = end if len(events) < _HELD else events[-1].sequence
        elif events:
            self.position = events[-1].sequence
        return [event for event in events if self._wanted.takes(event)]

    async def on(self) -> AsyncGenerator[DeliveryEvent]:
        """Yield what follows, for ever."""
        while True:
            for event in await self.next():
                yield event
            if self.is_at_head:
                await self._feed.news.wait()


class EventHub:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._feeds: dict[int, Feed] = {}
        self._bell = asyncio.Event()

    async def run(self) -> None:
        """Read new events whenever a ring comes, and now and then anyway."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                try:
                    async with asyncio.timeout(_LOOK_ANYWAY_S):
                        await self._bell.wait()
                except TimeoutError:
                    pass
                self._bell.clear()
                try:
                    await self._read()
                except Exception:  # the database is away: subscribers wait, positions stay
                    log.exception("cannot read delivery events")
        finally:
            listening.cancel()

    @asynccontextmanager
    async def reading(
        self, organization_id: int, after: int | None, wanted: Narrowing = EVERYTHING
    ) -> AsyncIterator[Reading]:
        """Begin behind `after`, or from now on.

        Raise BAD_USER_INPUT where that lies ahead of all events, now or after the database was set back.
        """
        newest = await newest_sequence(organization_id)
        if after is not None and after > newest:
            raise _ahead()
        with self._listening(organization_id, newest) as feed:
            yield Reading(feed, newest if after is None else after, wanted)

    @contextmanager
    def _listening(self, organization_id: int, newest: int) -> Iterator[Feed]:
        feed = self._feeds.get(organization_id)
        if feed is None:
            feed = self._feeds[organization_id] = Feed(organization_id, newest)
        feed.listeners += 1
        try:
            yield feed
        finally:
            feed.listeners -= 1
            if feed.listeners == 0 and self._feeds.get(organization_id) is feed:
                del self._feeds[organization_id]

    async def _read(self) -> None:
        """Read what is new, of each organization one batch, so that none waits for another's thousands."""
        for feed in await self._behind():
            events = await read_events(feed.organization_id, feed.head, _BATCH)
            if events:
                feed.add(events, min(_LONGEST_FEED, max(1, _MOST_KEPT // max(1, len(self._feeds)))))
            if len(events) == _BATCH:
                self._bell.set()

    async def _behind(self) -> list[Feed]:
        """Return the feeds whose organization has events that we have not read, by one query for all."""
        feeds = dict(self._feeds)
        if not feeds:
            return []
        found = await rows(
            "SELECT s.organization_id, s.last_sequence FROM delivery_sequence s"
            " JOIN unnest($1::bigint[], $2::bigint[]) AS f(id, head)"
            " ON f.id = s.organization_id WHERE s.last_sequence <> f.head",
            list(feeds),
            [feed.head for feed in feeds.values()],
        )
        for row in found:
            feed = feeds[row["organization_id"]]
            if row["last_sequence"] < feed.head:
                self._set_back(feed)
        return [feeds[row["organization_id"]] for row in found]

    def _set_back(self, feed: Feed) -> None:
        log.warning("delivery events were set back", organization=feed.organization_id)
        if self._feeds.get(feed.organization_id) is feed:
            del self._feeds[feed.organization_id]
        feed.set_back()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(EVENTS)
                    while True:
                        message = await channel.get_message(timeout=_QUIET_S)
                        if message and not self._feeds.keys().isdisjoint(json.loads(message["data"])):
                            self._bell.set()
            except Exception as error:  # we listen again whatever happened, and look anyway meanwhile
                log.warning("redis is away", error=type(error).__name__)
                await asyncio.sleep(_LOOK_ANYWAY_S)


def _ahead() -> Exception:
    return bad_input(
        "The cursor lies ahead of this organization's events: the database was set back since. Read where things"
        " stand, and go on without after."
    )


async def read_events(organization_id: int, after: int, limit: int) -> list[DeliveryEvent]:
    return await (
        DeliveryEvent.filter(organization_id=organization_id, sequence__gt=after).order_by("sequence").limit(limit)
    )


async def newest_sequence(organization_id: int) -> int:
    newest: int = (await DeliverySequence.get(organization_id=organization_id)).last_sequence
    return newest
