"""How many texts may be on the way to one account at once."""

from datetime import timedelta

import pytest

from dunlin.domain.carrier import Accepted, Answer, Fault, Refused, Throttled, Unknown, Unreached
from dunlin.domain.rules.account_pace import FIRST, AccountPace

GOOD = Accepted("SM1")


def after(*answers: Answer, pace: AccountPace | None = None, now: float = 0.0, took: float = 1.0) -> AccountPace:
    pace = pace or AccountPace()
    for answer in answers:
        pace.ready += 1
        pace.begins()
        pace.answered(answer, now, took)
    return pace


def test_an_account_begins_with_room_for_many() -> None:
    assert AccountPace().room(0) == FIRST


def test_what_is_under_way_takes_room_and_a_quarter_must_be_free() -> None:
    assert AccountPace(on_the_way=FIRST * 3 // 4).room(0) == FIRST // 4
    assert AccountPace(on_the_way=FIRST // 2, ready=FIRST // 4 + 1).room(0) == 0


def test_where_answers_come_soon_three_times_as_many_are_made_ready_and_no_more_go_at_once() -> None:
    pace = after(*[GOOD] * 20, pace=AccountPace(soon=FIRST), took=0.1)

    assert pace.room(0) == 4 * FIRST
    pace.ready = 4 * FIRST
    while pace.has_place:
        pace.begins()
    assert (pace.on_the_way, pace.ready, pace.room(0)) == (FIRST, 3 * FIRST, 0)


def test_one_late_answer_is_no_slow_account_and_many_are() -> None:
    pace = after(*[GOOD] * 100, pace=AccountPace(soon=FIRST), took=0.02)

    assert after(GOOD, pace=pace, took=1.0).room(0) > FIRST * 4
    assert after(*[GOOD] * 3, pace=pace, took=1.0).room(0) < FIRST * 2


@pytest.mark.parametrize("bad", [Unknown("No answer."), Unreached("No way."), Throttled(timedelta(0))])
def test_bad_answers_halve_the_room_down_to_one(bad: Answer) -> None:
    assert after(bad).most == FIRST / 2
    assert after(*[bad] * 20).room(60) == 1


@pytest.mark.parametrize("good", [GOOD, Refused(21211, Fault.INVALID_NUMBER, "No such number.")])
def test_good_answers_bring_it_back_and_further_up_to_a_limit(good: Answer) -> None:
    slow = after(*[Unknown("No answer.")] * 20)

    assert after(*[good] * 1_000, pace=slow).room(0) > FIRST
    assert after(*[good] * 100_000).room(0) == 64


def test_it_grows_fast_at_first_and_slowly_once_it_has_been_too_fast() -> None:
    assert after(*[GOOD] * 10).most == FIRST + 10

    halved = after(*[GOOD] * 8, Unknown("No answer.")).most
    assert halved == (FIRST + 8) / 2
    assert halved < after(*[GOOD] * 8, Unknown("No answer."), *[GOOD] * 10).most < halved + 1


def test_an_account_that_asks_to_wait_is_left_alone_for_as_long() -> None:
    pace = after(Throttled(timedelta(seconds=30)), now=100.0)

    assert pace.room(129.9) == 0
    assert pace.room(130.0) == FIRST // 2


def test_a_shorter_wait_does_not_end_a_longer_one() -> None:
    pace = after(Throttled(timedelta(seconds=30)), Throttled(None), now=100.0)

    assert pace.room(120.0) == 0


def test_nothing_need_be_remembered_of_an_account_that_does_well_and_has_been_idle() -> None:
    assert not after(GOOD).is_fresh(59)
    assert after(GOOD).is_fresh(60)
    assert not after(Unknown("No answer.")).is_fresh(60)
    assert not AccountPace(ready=1).is_fresh(60)
