"""What an answer of the carrier, or a report of its, makes of a reminder."""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from dunlin.domain.carrier import Absent, Accepted, Answer, Fault, Refused, StatusReport, Throttled, Unknown, Unreached
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.backoff import backoff
from dunlin.domain.rules.consequence import consequence_of

_NEVER_HAD = "The carrier was asked twice and never had it, so it goes again."
_THROTTLED_WAIT = timedelta(seconds=1)
_FAILED = {ReminderStatus.FAILED, ReminderStatus.UNDELIVERED}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The reminder's next status; with SCHEDULED it goes again after `wait`.

    `burns_try`: whether this counts as a failed try. `fault`: what the failure is about, see `consequence_of`.
    `lasts`: how long it stands in the way, where it passes by itself.
    """

    status: ReminderStatus
    reason: str | None = None
    error_code: int | None = None
    wait: timedelta | None = None
    burns_try: bool = False
    fault: Fault | None = None
    lasts: timedelta | None = None


def outcome_of(answer: Answer | Absent, *, tries: int, jitter: float) -> Outcome:
    match answer:
        case Accepted():
            return Outcome(ReminderStatus.SENT)
        case Refused(code, fault, reason, lasts):
            if consequence_of(fault).blocks or consequence_of(fault).holds:
                wait = lasts or timedelta(0)
                return Outcome(ReminderStatus.SCHEDULED, reason, code, wait=wait, fault=fault, lasts=lasts)
            return Outcome(ReminderStatus.FAILED, reason, code, fault=fault, lasts=lasts)
        case Throttled(retry_after):
            wait = max(retry_after or timedelta(0), _THROTTLED_WAIT * (0.5 + jitter / 2))
            return Outcome(ReminderStatus.SCHEDULED, "The carrier asked to wait.", wait=wait)
        case Unreached(reason):
            return Outcome(ReminderStatus.SCHEDULED, reason, wait=backoff(tries + 1, jitter), burns_try=True)
        case Absent():
            return Outcome(ReminderStatus.SCHEDULED, _NEVER_HAD, wait=timedelta(0), burns_try=True)
        case Unknown(reason):
            return Outcome(ReminderStatus.UNCONFIRMED, reason)
        case _ as never:
            assert_never(never)


def outcome_of_report(status: ReminderStatus, report: StatusReport) -> Outcome:
    """Return what a report of `status` makes of its reminder. A code beside a good status says nothing."""
    if status not in _FAILED:
        return Outcome(status, report.reason, report.error_code)
    return Outcome(status, report.reason, report.error_code, fault=report.fault, lasts=report.retry_after)
