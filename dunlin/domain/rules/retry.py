"""Whether a reminder that failed for a reason that may pass is sent once more by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dunlin.domain.carrier import Fault
from dunlin.domain.choices import CaseState, IntegrationKind
from dunlin.domain.rules.recipient import words_of

_MOST_RETRIES = 1  # of one step: each failed text costs money, too
_UNREACHABLE_TO_MARK = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """What is true of the failed reminder, under locks.

    `lasts`: how long the reason stands in the way, None where the carrier advises against another try. `retries`:
    how often the step's reminder has gone again by itself. `is_connected`: and has not been disconnected since it was
    sent. `next_step_at`: when the next step of the case is due.
    """

    kind: IntegrationKind
    lasts: timedelta | None
    retries: int
    case_state: CaseState
    next_step_at: datetime | None
    is_connected: bool
    is_same_address: bool
    is_resent: bool  # there is a newer reminder for the step already
    may_be_reached: bool


@dataclass(frozen=True, slots=True)
class Retry:
    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """`reason` completes the sentence "It is not sent again: ..."."""

    reason: str


def may_retry(failure: Failure, now: datetime) -> Retry | GiveUp:
    if failure.lasts is None:
        return GiveUp("the carrier advises against it.")
    if failure.case_state is CaseState.CLOSED:
        return GiveUp("the case is closed.")
    if not failure.is_connected:
        return GiveUp(f"{words_of(failure.kind).name_within} is not connected.")
    if not failure.is_same_address:
        return GiveUp(words_of(failure.kind).moved)
    if failure.is_resent:
        return GiveUp("it has been sent again already.")
    if not failure.may_be_reached:
        return GiveUp(words_of(failure.kind).unusable)
    if failure.retries >= _MOST_RETRIES:
        return GiveUp("it has been sent twice.")
    at = now + failure.lasts
    if failure.next_step_at is not None and failure.next_step_at <= at:
        return GiveUp("the next step comes first.")
    return Retry(at)


def is_given_up(faults: list[Fault | None]) -> bool:
    """Return whether an address counts as unreachable, by how the messages to it have ended, newest first."""
    newest = faults[:_UNREACHABLE_TO_MARK]
    return len(newest) == _UNREACHABLE_TO_MARK and set(newest) == {Fault.UNREACHABLE}
