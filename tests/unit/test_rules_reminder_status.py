import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunlin.domain.reminder_status import ReminderStatus, moves_forward

S = ReminderStatus
REPORTED = (S.SENDING, S.SENT, S.FAILED, S.UNDELIVERED, S.DELIVERED)  # what a carrier can say of a message it has
REPLACED_BY = {
    S.SCHEDULED: {S.SENDING, S.UNCONFIRMED, S.SENT, S.FAILED, S.UNDELIVERED, S.DELIVERED},
    S.CANCELED: {S.SENDING, S.UNCONFIRMED, S.SENT, S.FAILED, S.UNDELIVERED, S.DELIVERED},
    S.SENDING: {S.UNCONFIRMED, S.SENT, S.FAILED, S.UNDELIVERED, S.DELIVERED},
    S.UNCONFIRMED: {S.SENT, S.FAILED, S.UNDELIVERED, S.DELIVERED},
    S.SENT: {S.FAILED, S.UNDELIVERED, S.DELIVERED},
    S.FAILED: {S.UNDELIVERED, S.DELIVERED},
    S.UNDELIVERED: {S.DELIVERED},
    S.DELIVERED: set[ReminderStatus](),
}


@pytest.mark.parametrize("current", S)
def test_a_report_replaces_only_what_it_knows_more_than(current: ReminderStatus) -> None:
    assert {reported for reported in S if moves_forward(current, reported)} == REPLACED_BY[current]


def test_a_delivered_reminder_stays_delivered_when_the_answer_comes_late() -> None:
    assert not any(moves_forward(S.DELIVERED, reported) for reported in S)


def test_a_report_lifts_a_canceled_reminder_because_a_message_that_exists_is_a_fact() -> None:
    assert all(moves_forward(S.CANCELED, reported) for reported in REPORTED)


def end_of(start: ReminderStatus, reports: list[ReminderStatus]) -> ReminderStatus:
    for reported in reports:
        start = reported if moves_forward(start, reported) else start
    return start


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(
    start=st.sampled_from([S.SCHEDULED, S.CANCELED, S.SENDING, S.UNCONFIRMED, S.SENT]),
    reports=st.lists(st.sampled_from(REPORTED), min_size=1, max_size=8),
    shuffled=st.data(),
)
def test_reports_end_the_same_in_any_order_and_however_often_they_come(
    start: ReminderStatus, reports: list[ReminderStatus], shuffled: st.DataObject
) -> None:
    other_order = shuffled.draw(st.permutations(reports))

    end = end_of(start, reports)

    assert end_of(start, other_order) == end
    assert end_of(start, other_order + reports) == end
    assert end == max([start, *reports], key=lambda status: len(S) - len(REPLACED_BY[status]))
