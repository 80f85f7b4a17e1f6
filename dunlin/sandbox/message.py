"""One text and the life of it.

accepted | scheduled --> queued --> sent --> delivered | undelivered
    |          |            |
    |          +--> canceled
    +------------------------+--> failed
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.price import charge
from dunlin.sandbox.segment import count_segments

FULL_VALIDITY_S = 36_000


class Status(StrEnum):
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        return self in (Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.CANCELED)


@dataclass(frozen=True, slots=True)
class Message:
    """A text as the carrier keeps it. `sender` is None while a messaging service has not chosen yet."""

    sid: str
    account_sid: str
    to: str
    sender: str | None
    service_sid: str | None
    body: str
    status: Status
    num_segments: int
    created_at: datetime
    updated_at: datetime
    callback_url: str | None = None
    validity_s: int = FULL_VALIDITY_S
    send_at: datetime | None = None
    sent_at: datetime | None = None
    price: Decimal | None = None
    error_code: int | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """Where a message ends. An end in SENT means that no receipt ever comes."""

    status: Status
    error_code: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """The next status and how long to wait for it."""

    wait: timedelta
    status: Status
    error_code: int | None = None


def steps_ahead(message: Message, fate: Fate, behaviour: Behaviour, now: datetime) -> list[Step]:
    """Return what is still to happen to `message`. Nothing happens to a final one."""
    if message.status.is_final:
        return []
    steps = []
    if message.status in (Status.ACCEPTED, Status.SCHEDULED):
        wait = max(message.send_at - now, timedelta()) if message.send_at else timedelta()
        steps.append(Step(wait, Status.QUEUED))
    if message.status is not Status.SENT:
        steps.append(_dispatch(message, fate, behaviour))
        if steps[-1].status is Status.FAILED:
            return steps
    if not fate.status.is_final:
        return steps
    wait = timedelta(seconds=behaviour.delivered_delay_s)
    return [*steps, Step(wait, fate.status, fate.error_code)]


def advanced(message: Message, step: Step, sender: str | None, now: datetime) -> Message:
    """Return `message` after `step`; `sender` is the one that its messaging service chose."""
    message = replace(message, status=step.status, error_code=step.error_code, updated_at=now)
    match step.status:
        case Status.QUEUED:
            return replace(message, sender=sender, num_segments=count_segments(message.body))
        case Status.SENT:
            return replace(message, sent_at=now)
        case Status.DELIVERED | Status.UNDELIVERED:
            return replace(message, price=-charge(message.to) * message.num_segments)
        case _:
            return message


def _dispatch(message: Message, fate: Fate, behaviour: Behaviour) -> Step:
    if behaviour.sent_delay_s > message.validity_s:
        return Step(timedelta(seconds=message.validity_s), Status.FAILED, 30036)
    wait = timedelta(seconds=behaviour.sent_delay_s)
    if fate.status is Status.FAILED:
        return Step(wait, Status.FAILED, fate.error_code)
    return Step(wait, Status.SENT)
