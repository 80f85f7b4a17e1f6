"""What the carrier's list tells of a text of which it is not known whether it went out."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from dunlin.domain.carrier import CarrierUnavailable, StatusReport, Traces
from dunlin.domain.times import SendingTimes


@dataclass(frozen=True, slots=True)
class Found:
    """This message is it."""

    report: StatusReport


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing in the list can be it. Not a proof by itself: lists may lag."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """`reason` completes "Whether this text went out could not be found out: ..."."""

    reason: str


def judge(seen: Traces | CarrierUnavailable, known: AbstractSet[str], *, has_rival: bool) -> Found | Missing | Doubtful:
    """Say whether the text is in the list. `known` are the messages that belong to other texts of ours.

    `has_rival`: what is found may as well be another lost text of ours, to the same number in the same words. One to
    the same number in other words may be it all the same: carriers rewrite texts and blank them.
    """
    if isinstance(seen, CarrierUnavailable):
        return Doubtful(seen.reason)
    same = [report for report in seen.same if report.provider_message_id not in known]
    if same and has_rival:
        return Doubtful("What the carrier has may be another text in the same words.")
    if len(same) == 1:
        return Found(same[0])
    if same:
        return Doubtful("The carrier has several texts like it.")
    if set(seen.other) - known:
        return Doubtful("The carrier has another text to this number that may be it.")
    return Missing()


def is_looking_for_proof(age: timedelta, times: SendingTimes) -> bool:
    """Return whether a text that the list lacks at this age counts: late enough, and before a person is asked."""
    return times.absent_after <= age < times.ask_after


def is_proven(missing_for: timedelta | None, times: SendingTimes) -> bool:
    """Return whether the carrier never had it; `missing_for` is the time since its list first lacked it."""
    return missing_for is not None and missing_for >= times.absent_again
