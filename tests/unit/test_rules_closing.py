import pytest

from dunlin.domain.choices import CaseClosedReason
from dunlin.domain.rules.closing import why_closed

SENTENCES = {
    "paid": (CaseClosedReason.PAID, None, "The amount due has been paid."),
    "at its end": (CaseClosedReason.COMPLETED, None, "The case is completed."),
    "by a person": (CaseClosedReason.MANUAL, None, "A person closed the case."),
    "by a person, with a note": (CaseClosedReason.MANUAL, "Written off", "A person closed the case: Written off"),
}


@pytest.mark.parametrize(("reason", "note", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_what_was_not_sent_says_why_the_case_had_ended(
    reason: CaseClosedReason, note: str | None, sentence: str
) -> None:
    assert why_closed(reason, note) == sentence
