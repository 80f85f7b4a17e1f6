"""What becomes of a step that is due: a reminder, or nothing with the reason in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dunlin.domain.choices import Check, CheckOutcome, CommunicationMethod, IntegrationStatus
from dunlin.domain.rules.caps import NO_LIMITS, Limits
from dunlin.domain.rules.finding import Finding, failed, passed
from dunlin.domain.rules.moments import Hours
from dunlin.domain.rules.recipient import Recipient, failed_address, kind_of, look_at_opt_out, words_of
from dunlin.domain.rules.segments import Encoded
from dunlin.domain.rules.texts import BadText, Filling
from dunlin.domain.rules.timing import reason_to_wait, time_for
from dunlin.domain.rules.writing import Draft, Wording, write


@dataclass(frozen=True, slots=True)
class DueStep:
    """Everything that decides about one due step.

    `others` are sorted: when the customer is reminded otherwise, lately or ahead.
    """

    communication_method: CommunicationMethod
    integration_status: IntegrationStatus | None  # of the step's method; None where it has none
    never_because: str | None  # why nothing may ever be sent
    recipient: Recipient
    texts: Mapping[str, Wording]
    customer_language: str | None
    default_language: str
    filling: Filling
    hours: Hours
    reset_reason: str | None  # why the method was set to NONE, if a disconnect did it
    limits: Limits = NO_LIMITS
    others: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Remind:
    """`waits_because` says why it does not go at once, if it does not. `findings` are those of all checks. Only a
    text is `encoded`, and only an e-mail has a `subject`.

    `is_fallback`: the customer's own language has no text.
    """

    to: str
    text: str
    language: str
    encoded: Encoded | None
    scheduled_for: datetime
    waits_because: str | None = None
    is_fallback: bool = False
    subject: str | None = None
    findings: tuple[Finding, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing is sent. `needs_attention`: a person should look at the case. The last of `findings` failed."""

    reason: str
    needs_attention: bool = True
    findings: tuple[Finding, ...] = field(default=(), compare=False)


def decide(step: DueStep, now: datetime) -> Remind | Skip:
    """Return what becomes of `step` at `now`."""
    findings: list[Finding] = []
    for finding in _look_at(step):
        findings.append(finding)
        if finding.outcome is CheckOutcome.FAILED:
            return Skip(finding.sentence, finding.check not in _NO_SURPRISE, tuple(findings))
    return _remind(step, findings, now)


# Somebody has chosen it so: nobody need look.
_NO_SURPRISE = {Check.METHOD, Check.INTEGRATION}


def _look_at(step: DueStep) -> Iterator[Finding]:
    """Yield what each check finds, in their order. Nobody asks on after the first that fails."""
    method = step.communication_method
    if step.never_because is not None:
        yield failed(Check.DEBTOR, step.never_because)
    yield passed(Check.DEBTOR)
    if method is CommunicationMethod.NONE:
        yield failed(Check.METHOD, step.reset_reason or "This step has no communication method.")
    yield passed(Check.METHOD)
    if step.integration_status in (None, IntegrationStatus.DISCONNECTED):
        yield failed(Check.INTEGRATION, f"{words_of(kind_of(method)).name} is not connected.")
    yield passed(Check.INTEGRATION)
    yield from look_at_opt_out(step.recipient)
    yield failed_address(step.recipient) or passed(words_of(step.recipient.kind).check)


def _remind(step: DueStep, findings: Sequence[Finding], now: datetime) -> Remind | Skip:
    assert step.recipient.address is not None, "it has been looked at"
    try:
        written = write(Draft(step.texts, step.customer_language, step.default_language, step.filling))
    except BadText as error:
        return Skip(str(error), findings=(*findings, failed(Check.TEXT, str(error))))
    timing = time_for(now, step.hours, step.limits, step.others)
    findings = (*findings, passed(Check.TEXT), *timing.findings)
    if timing.moment is None:
        return Skip(findings[-1].sentence, findings=findings)
    waits_because = reason_to_wait(timing, step.hours)
    return Remind(
        step.recipient.address,
        written.text,
        written.language,
        written.encoded,
        timing.moment,
        waits_because,
        written.is_fallback,
        written.subject,
        findings,
    )
