import pytest

from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.reminder_acts import why_not_cancel, why_not_confirm, why_not_resend

Status = ReminderStatus


@pytest.mark.parametrize("status", Status)
def test_only_a_scheduled_reminder_can_be_canceled_and_the_others_say_why_not(status: ReminderStatus) -> None:
    assert (why_not_cancel(status) is None) is (status is Status.SCHEDULED)


@pytest.mark.parametrize("status", Status)
def test_only_what_may_not_have_arrived_can_be_sent_again_and_the_others_say_why_not(status: ReminderStatus) -> None:
    assert (why_not_resend(status) is None) is (status in {Status.FAILED, Status.UNDELIVERED, Status.UNCONFIRMED})


@pytest.mark.parametrize("status", Status)
def test_only_what_is_unconfirmed_can_be_confirmed_and_the_others_say_why_not(status: ReminderStatus) -> None:
    assert (why_not_confirm(status) is None) is (status is Status.UNCONFIRMED)


@pytest.mark.parametrize("why_not", [why_not_cancel, why_not_confirm, why_not_resend])
def test_the_reason_is_a_plain_sentence(why_not: object) -> None:
    assert callable(why_not)
    sentences = {sentence for status in Status if (sentence := why_not(status)) is not None}

    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)
