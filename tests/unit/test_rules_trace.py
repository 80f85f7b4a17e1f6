import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunlin.domain.choices import Check, CheckOutcome
from dunlin.domain.rules.finding import PASSED, Finding, failed, held, passed
from dunlin.domain.rules.trace import MOST_DECISIONS, Decision, checks_of, decision, followed_by

NOW = datetime(2026, 3, 4, 11, 0, 0, 123000, tzinfo=UTC)
CLOSED = held(Check.WINDOW, "The send window is closed.")
FULL = (passed(Check.METHOD), passed(Check.WINDOW))
REFUSED = failed(Check.OPT_OUT, "The customer has opted out of SMS.")


def test_every_check_has_a_sentence_for_when_it_passes() -> None:
    assert set(PASSED) == set(Check)


findings = st.lists(
    st.one_of(
        st.sampled_from([passed(check) for check in Check]),
        st.builds(Finding, st.sampled_from(Check), st.sampled_from(CheckOutcome), st.text(max_size=20)),
    ),
    unique_by=lambda finding: finding.check,
)


@settings(max_examples=200, derandomize=True, database=None)
@given(findings, st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_was_stored_is_read_back_in_the_order_of_the_checks(made: list[Finding], now: datetime) -> None:
    stored = json.loads(json.dumps([decision(made, now)]))

    read = list(checks_of(stored))

    places = {check: place for place, check in enumerate(Check)}
    assert [one.finding for one in read] == sorted(made, key=lambda finding: places[finding.check])
    assert all(abs(one.decided_at - now) <= timedelta(milliseconds=1) for one in read)


def test_a_decision_without_surprise_is_small() -> None:
    everything = [passed(check) for check in Check]

    assert len(json.dumps(decision(everything, NOW))) < 50


PLANNED: list[Decision] = [decision(FULL, NOW)]
HELD: list[Decision] = [*PLANNED, decision([CLOSED], NOW)]
FOLLOWING = {
    "that it is held": (PLANNED, [CLOSED], 2),
    "that it is held by something else": (HELD, [held(Check.CASE, "The case is paused.")], 3),
    "that it goes after it was held": (HELD, [*FULL], 3),
    "that it is stopped": (HELD, [REFUSED], 3),
    "not that it is still held by the same": (HELD, [CLOSED], None),
    "not that it goes as planned": (PLANNED, [*FULL], None),
    "not that it goes where nothing is known of planning": ([], [*FULL], None),
    "that it is held where nothing is known of planning": ([], [CLOSED], 1),
}


@pytest.mark.parametrize(("trace", "new", "length"), FOLLOWING.values(), ids=FOLLOWING.keys())
def test_a_later_decision_is_kept_when_it_says(trace: list[Decision], new: list[Finding], length: int | None) -> None:
    followed = followed_by(trace, new, NOW + timedelta(hours=1))

    assert (followed and len(followed)) == length


def test_of_very_many_decisions_planning_and_the_latest_are_kept() -> None:
    trace = PLANNED
    for place in range(100):
        trace = followed_by(trace, [held(Check.WINDOW, f"Reason {place}.")], NOW) or []

    assert len(trace) == MOST_DECISIONS
    assert trace[0] == PLANNED[0]
    assert [one.finding.sentence for one in checks_of(trace[1:])] == [f"Reason {place}." for place in range(81, 100)]
