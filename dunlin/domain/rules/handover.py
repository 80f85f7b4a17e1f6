"""Whether a claimed reminder may be handed over now. Checked in the transaction that marks it SENDING."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dunlin.domain.choices import CaseState
from dunlin.domain.rules.schedule import SendWindow, next_opening


@dataclass(frozen=True, slots=True)
class Situation:
    """What is true of one reminder in this moment, under locks."""

    connected: bool
    needs_attention: bool
    case_state: CaseState
    opted_out: bool
    window: SendWindow
    zone: ZoneInfo
    closed_because: str | None = None
    never_because: str | None = None


@dataclass(frozen=True, slots=True)
class Go:
    pass


@dataclass(frozen=True, slots=True)
class Cancel:
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Stays SCHEDULED; `until` is when to look again."""

    until: datetime | None


def may_hand_over(situation: Situation, now: datetime) -> Go | Cancel | Wait:
    if not situation.connected:
        return Cancel("SMS was disconnected.")
    if situation.case_state is CaseState.CLOSED:
        return Cancel(situation.closed_because or "The case is closed.")
    if situation.never_because is not None:
        return Cancel(situation.never_because)
    if situation.opted_out:
        return Cancel("The customer has opted out of SMS.")
    if situation.needs_attention or situation.case_state is CaseState.PAUSED:
        return Wait(None)
    opening = next_opening(now, situation.window, situation.zone)
    return Go() if opening <= now else Wait(opening)
