from dataclasses import replace

import pytest

from dunlin.domain.rules.impact import Impact

IMPACT = Impact(connection_id=7, steps=3, cases=12, reminders=5)

CHANGES = {
    "another connection": replace(IMPACT, connection_id=8),
    "a connection where there was one": replace(IMPACT, connection_id=None),
    "a step more": replace(IMPACT, steps=4),
    "a case less": replace(IMPACT, cases=11),
    "a reminder sent meanwhile": replace(IMPACT, reminders=4),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_the_token_changes_with_each_figure(changed: Impact) -> None:
    assert changed.token != IMPACT.token


def test_the_token_stays_while_the_figures_do() -> None:
    assert Impact(connection_id=7, steps=3, cases=12, reminders=5).token == IMPACT.token
    assert len(IMPACT.token) == 32


def test_figures_do_not_run_into_each_other_in_the_token() -> None:
    shifted = [Impact(1, 11, 1, 1), Impact(11, 1, 1, 1), Impact(1, 1, 11, 1), Impact(1, 1, 1, 11)]

    assert len({impact.token for impact in shifted}) == 4


FIGURES = {
    "several of each": (
        Impact(7, 3, 12, 5),
        [
            "3 steps of collection cycles will have no communication method.",
            "12 open cases will not send the SMS reminders still ahead.",
            "5 scheduled reminders will not be sent.",
        ],
    ),
    "some at the carrier": (
        Impact(7, 3, 12, 5, 2),
        [
            "3 steps of collection cycles will have no communication method.",
            "12 open cases will not send the SMS reminders still ahead.",
            "5 scheduled reminders will not be sent.",
            "2 reminders are with the carrier at this moment and may still arrive.",
        ],
    ),
    "one of each": (
        Impact(7, 1, 1, 1),
        [
            "1 step of collection cycles will have no communication method.",
            "1 open case will not send the SMS reminders still ahead.",
            "1 scheduled reminder will not be sent.",
        ],
    ),
    "nothing": (
        Impact(None, 0, 0, 0),
        [
            "0 steps of collection cycles will have no communication method.",
            "0 open cases will not send the SMS reminders still ahead.",
            "0 scheduled reminders will not be sent.",
        ],
    ),
    "thousands": (
        Impact(7, 1_000, 12_345, 1_234_567),
        [
            "1,000 steps of collection cycles will have no communication method.",
            "12,345 open cases will not send the SMS reminders still ahead.",
            "1,234,567 scheduled reminders will not be sent.",
        ],
    ),
}


@pytest.mark.parametrize(("impact", "sentences"), FIGURES.values(), ids=FIGURES.keys())
def test_the_consequences_are_counted_in_plain_sentences(impact: Impact, sentences: list[str]) -> None:
    assert impact.consequences[: len(sentences)] == sentences


def test_the_consequences_say_that_nothing_falls_back_to_e_mail_and_nothing_comes_back() -> None:
    said = IMPACT.consequences

    assert any("Nothing falls back to e-mail" in sentence for sentence in said)
    assert any("connected again at any time, but nothing of this comes back" in sentence for sentence in said)
    assert all(sentence.endswith(".") for sentence in said)


def test_what_is_under_way_does_not_change_the_token() -> None:
    assert Impact(7, 3, 12, 5, 9).token == IMPACT.token
