from random import Random

import pytest

from dunlin.sandbox.behaviour import Behaviour, BehaviourRefused, Fault, changed

REFUSED: dict[str, tuple[dict[str, object], str, str]] = {
    "an unknown key": ({"sent_delay": 1}, "sent_delay", "unknown; there are seed, answer_delay_s, "),
    "a text for a number": ({"sent_delay_s": "1"}, "sent_delay_s", "valid number"),
    "a truth value for a number": ({"failure_rate": True}, "failure_rate", "valid number"),
    "a share above one": ({"hang_rate": 1.5}, "hang_rate", "less than or equal to 1"),
    "a delay below zero": ({"answer_delay_s": -1}, "answer_delay_s", "greater than or equal to 0"),
    "a number for a truth value": ({"shuffle_callbacks": 1}, "shuffle_callbacks", "valid boolean"),
    "no callback at all": ({"repeat_callbacks": 0}, "repeat_callbacks", "greater than or equal to 1"),
    "faults of more than all": ({"hang_rate": 0.6, "throttle_rate": 0.6}, "rates", "more than 1"),
}


@pytest.mark.parametrize(("wanted", "key", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_wanted_behaviour_that_cannot_be_is_refused_by_name(wanted: dict[str, object], key: str, sentence: str) -> None:
    with pytest.raises(BehaviourRefused) as refused:
        changed(Behaviour(), wanted)
    assert sentence in refused.value.faults[key]


def test_what_is_not_named_stays() -> None:
    behaviour = changed(Behaviour(failure_rate=0.5), {"sent_delay_s": 2})
    assert (behaviour.failure_rate, behaviour.sent_delay_s) == (0.5, 2)


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_with_a_share_of_one_always_happens(fault: Fault) -> None:
    behaviour = changed(Behaviour(), {f"{fault}_rate": 1.0})
    assert {behaviour.draw_fault(Random(seed)) for seed in range(20)} == {fault}


def test_usually_there_is_no_fault() -> None:
    assert {Behaviour().draw_fault(Random(seed)) for seed in range(20)} == {None}


def test_the_same_seed_brings_the_same_faults() -> None:
    behaviour = Behaviour(throttle_rate=0.3, hang_rate=0.3)
    first, second = Random(7), Random(7)
    faults = [behaviour.draw_fault(first) for _ in range(50)]
    assert faults == [behaviour.draw_fault(second) for _ in range(50)]
    assert set(faults) == {None, Fault.THROTTLE, Fault.HANG}
