"""Whether a claimed reminder may be handed over now. Checked in the transaction that marks it SENDING."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dunlin.domain.choices import CaseState, Check, CheckOutcome
from dunlin.domain.rules.caps import NO_LIMITS, Limits
from dunlin.domain.rules.finding import Finding, failed, held, passed
from dunlin.domain.rules.moments import Hours
from dunlin.domain.rules.price import Cost
from dunlin.domain.rules.recipient import Recipient, failed_address, look_at_opt_out, words_of
from dunlin.domain.rules.spending import Budget, waits_for_month, why_no_room
from dunlin.domain.rules.timing import Timing, reason_to_wait, time_for


@dataclass(frozen=True, slots=True)
class Situation:
    """What is true of one reminder in this moment, under locks.

    `reminded` and `planned` are sorted: when the customer got other reminders lately, and when others are to follow.
    """

    connected: bool
    needs_attention: bool
    case_state: CaseState
    recipient: Recipient
    hours: Hours
    closed_because: str | None = None
    never_because: str | None = None
    limits: Limits = NO_LIMITS
    reminded: Sequence[datetime] = ()
    planned: Sequence[datetime] = ()
    is_resent: bool = False  # a person has sent it again
    bad_text: str | None = None  # why it says nothing as things are now
    budget: Budget | None = None  # where the organization has a spending limit
    cost: Cost | None = None  # where there is a budget, and the price is known


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
    findings: list[Finding] = []
    for finding in _look_at(situation):
        findings.append(finding)
        if finding.outcome is CheckOutcome.FAILED:
            return Cancel(finding.sentence, finding.check in _SURPRISES, tuple(findings))
        if finding.outcome is CheckOutcome.HELD:
            return Wait(None, finding.sentence, tuple(findings))
    return _in_time(situation, findings, now)


# What was good when it was planned, and is not any more: somebody should know.
_SURPRISES = {Check.NUMBER, Check.EMAIL_ADDRESS, Check.TEXT}


def _look_at(situation: Situation) -> Iterator[Finding]:
    """Yield what each check finds. Nobody asks on after the first that does not pass: what cancels comes first."""
    if not situation.connected:
        yield failed(Check.INTEGRATION, f"{words_of(situation.recipient.kind).name} was disconnected.")
    if situation.case_state is CaseState.CLOSED:
        yield failed(Check.CASE, situation.closed_because or "The case is closed.")
    if situation.never_because is not None:
        yield failed(Check.DEBTOR, situation.never_because)
    if situation.is_resent:
        yield failed(Check.CASE, "A person has sent it again.")
    if (bad := failed_address(situation.recipient)) is not None:
        yield bad
    yield from look_at_customer_and_case(
        situation.recipient, needs_attention=situation.needs_attention, case_state=situation.case_state
    )
    yield passed(words_of(situation.recipient.kind).check)
    if situation.bad_text is not None:
        yield failed(Check.TEXT, situation.bad_text)
    yield passed(Check.TEXT)


def look_at_customer_and_case(
    recipient: Recipient, *, needs_attention: bool, case_state: CaseState
) -> Iterator[Finding]:
    """Yield what stands in the way of any reminder for an open case, whenever it is to go."""
    yield from look_at_opt_out(recipient)
    if needs_attention:
        name = words_of(recipient.kind).name_within
        sentence = f"The carrier refuses the account. It goes when {name} is connected again."
        yield held(Check.INTEGRATION, sentence)
    yield passed(Check.INTEGRATION)
    if case_state is CaseState.PAUSED:
        yield held(Check.CASE, "The case is paused. It goes when the case is resumed.")
    yield passed(Check.CASE)


def _in_time(situation: Situation, findings: Sequence[Finding], now: datetime) -> Go | Cancel | Wait:
    timing = _timing(situation, situation.reminded, now)
    if timing.moment is not None and timing.moment <= now:
        return _within_budget(situation, (*findings, *timing.findings))
    # Who must wait lines up behind what is planned; who may go does not wait for it.
    timing = _timing(situation, sorted((*situation.reminded, *situation.planned)), now)
    findings = (*findings, *timing.findings)
    if timing.moment is None:
        return Cancel(findings[-1].sentence, needs_attention=True, findings=findings)
    return Wait(timing.moment, reason_to_wait(timing, situation.hours), findings)


def _within_budget(situation: Situation, findings: tuple[Finding, ...]) -> Go | Wait:
    budget, cost = situation.budget, situation.cost
    if budget is None:
        return Go(findings)
    if budget.has_room_for(cost):
        return Go((*findings, passed(Check.SPENDING_LIMIT)))
    # Whoever waits for the next month goes within its hours, in its turn.
    others = sorted((*situation.reminded, *situation.planned))
    goes_at = _timing(situation, others, budget.ends_at).moment or budget.ends_at
    finding = held(Check.SPENDING_LIMIT, why_no_room(budget, cost, goes_at))
    return Wait(goes_at if waits_for_month(budget, cost) else None, finding.sentence, (*findings, finding))


def _timing(situation: Situation, others: Sequence[datetime], now: datetime) -> Timing:
    return time_for(now, situation.hours, situation.limits, others)
