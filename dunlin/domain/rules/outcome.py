"""What an answer of the carrier makes of a reminder."""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from dunlin.domain.carrier import Accepted, Answer, Fault, Refused, Throttled, Unknown, Unreached
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.backoff import backoff

_THROTTLED_WAIT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The reminder's next status; with SCHEDULED it goes again after `wait`.

    `burns_try`: whether this counts as a failed try. `flags_integration`: the carrier refused the account
    itself, so the integration needs attention and all its reminders wait. `opted_out`: the customer refuses texts.
    """

    status: ReminderStatus
    reason: str | None = None
    error_code: int | None = None
    wait: timedelta | None = None
    burns_try: bool = False
    flags_integration: bool = False
    opted_out: bool = False


def outcome_of(answer: Answer, *, tries: int, jitter: float) -> Outcome:
    match answer:
        case Accepted():
            return Outcome(ReminderStatus.SENT)
        case Refused(code, Fault.CREDENTIALS, reason):
            return Outcome(ReminderStatus.SCHEDULED, reason, code, wait=timedelta(0), flags_integration=True)
        case Refused(code, fault, reason):
            return Outcome(ReminderStatus.FAILED, reason, code, opted_out=fault is Fault.OPTED_OUT)
        case Throttled(retry_after):
            wait = max(retry_after or timedelta(0), _THROTTLED_WAIT * (0.5 + jitter / 2))
            return Outcome(ReminderStatus.SCHEDULED, "The carrier asked to wait.", wait=wait)
        case Unreached(reason):
            return Outcome(ReminderStatus.SCHEDULED, reason, wait=backoff(tries + 1, jitter), burns_try=True)
        case Unknown(reason):
            return Outcome(ReminderStatus.UNCONFIRMED, reason)
        case _ as never:
            assert_never(never)
