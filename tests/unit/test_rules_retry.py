from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dunlin.domain.carrier import Fault
from dunlin.domain.choices import CaseState, IntegrationKind
from dunlin.domain.rules.retry import Failure, GiveUp, Retry, is_given_up, may_retry

NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
HOURS = timedelta(hours=3)
PASSING = Failure(
    kind=IntegrationKind.SMS,
    lasts=HOURS,
    retries=0,
    case_state=CaseState.ACTIVE,
    next_step_at=NOW + timedelta(days=7),
    is_connected=True,
    is_same_address=True,
    is_resent=False,
    may_be_reached=True,
)
AGAIN = Retry(NOW + HOURS)
TABLE = {
    "nothing speaks against it": (PASSING, AGAIN),
    "no step is ahead": (replace(PASSING, next_step_at=None), AGAIN),
    "the case is paused, which is asked again before it goes": (replace(PASSING, case_state=CaseState.PAUSED), AGAIN),
    "the next step comes right behind it": (replace(PASSING, next_step_at=NOW + HOURS + timedelta(seconds=1)), AGAIN),
    "the next step comes at that moment": (
        replace(PASSING, next_step_at=NOW + HOURS),
        GiveUp("the next step comes first."),
    ),
    "it has gone again already": (replace(PASSING, retries=1), GiveUp("it has been sent twice.")),
    "the carrier leaves it to a person": (replace(PASSING, lasts=None), GiveUp("the carrier advises against it.")),
    "the case has ended": (replace(PASSING, case_state=CaseState.CLOSED), GiveUp("the case is closed.")),
    "SMS was disconnected": (replace(PASSING, is_connected=False), GiveUp("SMS is not connected.")),
    "the number was corrected": (
        replace(PASSING, is_same_address=False),
        GiveUp("the customer has another number now."),
    ),
    "a person has sent it again": (replace(PASSING, is_resent=True), GiveUp("it has been sent again already.")),
    "the customer has opted out": (replace(PASSING, may_be_reached=False), GiveUp("the customer cannot be texted.")),
}


@pytest.mark.parametrize(("failure", "expected"), TABLE.values(), ids=TABLE.keys())
def test_what_failed_for_a_reason_that_passes_goes_once_more_or_says_why_not(
    failure: Failure, expected: Retry | GiveUp
) -> None:
    assert may_retry(failure, NOW) == expected


OFF, OTHER = Fault.UNREACHABLE, Fault.CONTENT


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        pytest.param([OFF], False, id="once"),
        pytest.param([OFF, OFF], False, id="twice"),
        pytest.param([OFF, OFF, OFF], True, id="three times"),
        pytest.param([OFF, OFF, OFF, None], True, id="three times since one arrived"),
        pytest.param([OFF, None, OFF, OFF], False, id="one arrived in between"),
        pytest.param([OFF, OFF, OTHER], False, id="another failure in between"),
    ],
)
def test_a_number_counts_as_unreachable_after_three_texts_in_a_row(faults: list[Fault | None], expected: bool) -> None:
    assert is_given_up(faults) is expected
