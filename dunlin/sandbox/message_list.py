"""The messages of an account that a list request asks for."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from dunlin.sandbox.account import Account
from dunlin.sandbox.message import Message
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.world import World


def listed(world: World, account: Account, query: Mapping[str, str], now: datetime) -> list[Message]:
    """Return the messages that fit `query`, newest first, without those that are too new to be listed."""
    seen_until = now - timedelta(seconds=world.behaviour.list_lag_s)
    return [
        message
        for message in world.ledger.newest_first()
        if message.account_sid == account.sid
        and message.created_at <= seen_until
        and query.get("To", message.to) == message.to
        and query.get("From", message.sender) == message.sender
        and _was_sent_in(message, query)
    ]


def _was_sent_in(message: Message, query: Mapping[str, str]) -> bool:
    """Return whether the day of sending, in GMT, fits. A message that was not sent yet fits no day."""
    on, until, since = (_day(query, name) for name in ("DateSent", "DateSent<", "DateSent>"))
    if on is until is since is None:
        return True
    if message.sent_at is None:
        return False
    day = message.sent_at.date()
    return (on or day) == day and (until or day) >= day and (since or day) <= day


def _day(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Refusal(20001, name=name) from None
