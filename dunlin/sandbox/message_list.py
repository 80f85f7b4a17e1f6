"""The messages of an account that a list request asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from dunlin.sandbox.account import Account
from dunlin.sandbox.message import Message
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.world import World


@dataclass(frozen=True, slots=True)
class _Days:
    """The days of sending that are asked for, in GMT, each end included."""

    on: date | None
    until: date | None
    since: date | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        return cls(_day(query, "DateSent"), _day(query, "DateSent<"), _day(query, "DateSent>"))

    def include(self, sent_at: datetime | None) -> bool:
        if self.on is self.until is self.since is None:
            return True
        # What was not sent yet fits no day.
        if sent_at is None:
            return False
        day = sent_at.date()
        return (self.on or day) == day and (self.until or day) >= day and (self.since or day) <= day


def listed(world: World, account: Account, query: Mapping[str, str], now: datetime) -> list[Message]:
    """Return the messages that fit `query`, newest first, without those that are too new to be listed."""
    days = _Days.of(query)
    seen_until = now - timedelta(seconds=world.behaviour.list_lag_s)
    return [
        message
        for message in world.ledger.newest_first()
        if message.account_sid == account.sid
        and message.created_at <= seen_until
        and query.get("To", message.to) == message.to
        and query.get("From", message.sender) == message.sender
        and days.include(message.sent_at)
    ]


def _day(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Refusal(20001, name=name) from None
