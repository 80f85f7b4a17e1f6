"""The newest delivery events of one organization, in memory, read by position."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from dunlin.domain.tables import DeliveryEvent

_LARGEST = 256 * 1024  # characters of reasons in one feed

_sequence = attrgetter("sequence")


class Feed:
    """What followed `floor`, up to `head`; kept while somebody listens. `news` rings, once, for the next event.

    `is_set_back` tells that the database has become older than what was read of it, as after a restore.
    """

    def __init__(self, organization_id: int, head: int) -> None:
        self.organization_id = organization_id
        self.head = head
        self.floor = head
        self.listeners = 0
        self.news = asyncio.Event()
        self.is_set_back = False
        self._recent: list[DeliveryEvent] = []
        self._size = 0

    def add(self, events: Sequence[DeliveryEvent], most: int) -> None:
        """Take events that follow `head`, and keep the newest `most` of all."""
        self._recent.extend(events)
        self._size += sum(map(_size_of, events))
        self.head = events[-1].sequence
        self._forget(most)
        self._ring()

    def set_back(self) -> None:
        self.is_set_back = True
        self._ring()

    def after(self, position: int, limit: int) -> list[DeliveryEvent] | None:
        """Return the first `limit` events behind `position`; None if memory does not reach back so far."""
        if position < self.floor:
            return None
        start = bisect_right(self._recent, position, key=_sequence)
        return self._recent[start : start + limit]

    def _forget(self, most: int) -> None:
        gone = max(0, len(self._recent) - most)
        self._size -= sum(_size_of(event) for event in self._recent[:gone])
        while self._size > _LARGEST:
            self._size -= _size_of(self._recent[gone])
            gone += 1
        if gone:
            self.floor = self._recent[gone - 1].sequence
            del self._recent[:gone]

    def _ring(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


def _size_of(event: DeliveryEvent) -> int:
    return len(event.reason or "")
