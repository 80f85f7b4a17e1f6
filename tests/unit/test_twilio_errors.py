import pytest

from dunlin.channels.twilio_errors import THROTTLE_CODES, explain
from dunlin.domain.carrier import Fault

FAULTS = {
    Fault.CREDENTIALS: (20003, 20005, 20006, 20008, 20404, 30002, 30037, 30454, 63038, 70051, 90010),
    Fault.SENDER: (21212, 21408, 21603, 21606, 21660, 21701, 21704, 21711, 30018, 30023, 30032, 30034),
    Fault.RECIPIENT: (21211, 21214, 21265, 21266, 21268, 21612, 21614, 21635, 30004, 30005, 30006),
    Fault.OPTED_OUT: (21610, 30630),
    Fault.CONTENT: (21617, 21658, 30007, 30011, 30019, 30620, 30640),
    Fault.OTHER: (14107, 20429, 20500, 21602, 21611, 30001, 30003, 30008, 30036, 30410, 30450, 35114),
}


@pytest.mark.parametrize(
    ("code", "fault"),
    [pytest.param(code, fault, id=f"{code}-{fault}") for fault, codes in FAULTS.items() for code in codes],
)
def test_a_known_code_says_whom_it_is_about_in_a_plain_sentence(code: int, fault: Fault) -> None:
    meaning = explain(code)

    assert meaning.fault is fault
    assert meaning.sentence.endswith(".")
    assert not any(character.isdigit() for character in meaning.sentence)


def test_an_unknown_code_is_named_and_blames_nobody() -> None:
    meaning = explain(99999)

    assert meaning.fault is Fault.OTHER
    assert meaning.sentence == "The carrier reported error 99999."


def test_every_throttling_code_has_a_sentence_because_callbacks_bring_them_too() -> None:
    assert all(str(code) not in explain(code).sentence for code in THROTTLE_CODES)
