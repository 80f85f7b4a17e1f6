"""Whether a claimed reminder may be handed over now. Checked in the transaction that marks it SENDING."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dunlin.domain.choices import CaseState, Check
from dunlin.domain.rules.caps import NO_LIMITS, Limits
from dunlin.domain.rules.finding import Finding, failed, held
from dunlin.domain.rules.moments import Hours
from dunlin.domain.rules.timing import Timing, reason_to_wait, time_for


@dataclass(frozen=True, slots=True)
class Situation:
    """What is true of one reminder in this moment, under locks.

    `reminded` and `planned` are sorted: when the customer got other reminders lately, and when others are to follow.
    """

    connected: bool
    needs_attention: bool
    case_state: CaseState
    opted_out: bool
    hours: Hours
    closed_because: str | None = None
    never_because: str | None = None
    limits: Limits = NO_LIMITS
    reminded: Sequence[datetime] = ()
    planned: Sequence[datetime] = ()
    is_resent: bool = False  # a person has sent it again


@dataclass(frozen=True, slots=True)
class Go:
    findings: tuple[Finding, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nothing is sent. `needs_attention`: a person should look at the case."""

    reason: str
    needs_attention: bool = False
    findings: tuple[Finding, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Stays SCHEDULED; `until` is when to look again, None where nobody knows."""

    until: datetime | None
    reason: str | None = field(default=None, compare=False)
    findings: tuple[Finding, ...] = field(default=(), compare=False)


def may_hand_over(situation: Situation, now: datetime) -> Go | Cancel | Wait:
    if not situation.connected:
        return _cancel(failed(Check.INTEGRATION, "SMS was disconnected."))
    if situation.case_state is CaseState.CLOSED:
        return _cancel(failed(Check.CASE, situation.closed_because or "The case is closed."))
    if situation.never_because is not None:
        return _cancel(failed(Check.DEBTOR, situation.never_because))
    if situation.is_resent:
        return _cancel(failed(Check.CASE, "A person has sent it again."))
    if situation.opted_out:
        return _cancel(failed(Check.OPT_OUT, "The customer has opted out of SMS."))
    if situation.needs_attention:
        return _wait(held(Check.INTEGRATION, "The carrier refuses the account. It goes when SMS is connected again."))
    if situation.case_state is CaseState.PAUSED:
        return _wait(held(Check.CASE, "The case is paused. It goes when the case is resumed."))
    return _in_time(situation, now)


def _cancel(finding: Finding) -> Cancel:
    return Cancel(finding.sentence, findings=(finding,))


def _wait(finding: Finding) -> Wait:
    return Wait(None, finding.sentence, (finding,))


def _in_time(situation: Situation, now: datetime) -> Go | Cancel | Wait:
    timing = _timing(situation, situation.reminded, now)
    if timing.moment is not None and timing.moment <= now:
        return Go(timing.findings)
    # Who must wait lines up behind what is planned; who may go does not wait for it.
    timing = _timing(situation, sorted((*situation.reminded, *situation.planned)), now)
    if timing.moment is None:
        return Cancel(timing.findings[-1].sentence, needs_attention=True, findings=timing.findings)
    return Wait(timing.moment, reason_to_wait(timing, situation.hours), timing.findings)


def _timing(situation: Situation, others: Sequence[datetime], now: datetime) -> Timing:
    return time_for(now, situation.hours, situation.limits, others)
