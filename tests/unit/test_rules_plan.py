from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from dunlin.domain.choices import CommunicationMethod, IntegrationKind, IntegrationStatus, SmsEncoding, Weekday
from dunlin.domain.rules.moments import Hours, never_opens
from dunlin.domain.rules.plan import DueStep, Remind, Skip, decide
from dunlin.domain.rules.recipient import Recipient
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.rules.segments import Encoded
from dunlin.domain.rules.texts import Filling
from dunlin.domain.rules.writing import Wording

NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)  # a Wednesday, noon in Brussels
DEAR = "Dear {{ customer.name }}, {{ amount }} is due."
ADA = Recipient(IntegrationKind.SMS, "+447700900001")
NOWHERE = Recipient(IntegrationKind.SMS, None)
STEP = DueStep(
    communication_method=CommunicationMethod.SMS,
    integration_status=IntegrationStatus.CONNECTED,
    never_because=None,
    recipient=ADA,
    texts={"en": Wording(DEAR), "nl": Wording("Beste {{ customer.name }}")},
    customer_language="en",
    default_language="nl",
    filling=Filling("Ada Reyes", "Waterworks", Decimal("84.50"), "EUR", date(2026, 2, 1), "INV-1"),
    hours=Hours(SendWindow("08:00", "20:00", frozenset(Weekday) - {Weekday.SUNDAY}), ("Europe/Brussels",)),
    reset_reason=None,
)
NONE = replace(STEP, communication_method=CommunicationMethod.NONE, integration_status=None)
DISCONNECTED = replace(STEP, integration_status=IntegrationStatus.DISCONNECTED)
NEVER_OPEN = replace(
    STEP, hours=Hours(SendWindow("08:00", "10:00", frozenset(Weekday)), ("Asia/Tokyo", "Europe/Brussels"))
)
DIED = "The debtor has died (MD07): no reminder is sent, and a person must look."
RESET = "SMS was disconnected."
NOT_CONNECTED = "SMS is not connected."

SKIPPED = {
    "the step has no method": (NONE, "This step has no communication method.", False),
    "a disconnect took the step's method": (replace(NONE, reset_reason=RESET), RESET, False),
    "SMS is not connected": (DISCONNECTED, NOT_CONNECTED, False),
    "SMS has never been connected": (replace(STEP, integration_status=None), NOT_CONNECTED, False),
    "there is no e-mail yet": (
        replace(STEP, communication_method=CommunicationMethod.EMAIL, integration_status=None),
        "E-mail is not connected.",
        False,
    ),
    "the customer has opted out": (
        replace(STEP, recipient=replace(ADA, opted_out=True)),
        "The customer has opted out of SMS.",
        True,
    ),
    "the customer has no phone": (replace(STEP, recipient=NOWHERE), "The customer has no phone number.", True),
    "the carrier says that the number cannot be texted": (
        replace(STEP, recipient=replace(ADA, problem="This is a landline number.")),
        "The phone number must be corrected: this is a landline number.",
        True,
    ),
    "the customer has opted out of a number that cannot be texted": (
        replace(STEP, recipient=replace(ADA, problem="This is a landline number.", opted_out=True)),
        "The customer has opted out of SMS.",
        True,
    ),
    "no text is in the customer's language": (
        replace(STEP, customer_language="de", default_language="fr"),
        "The step has no text in de nor in fr.",
        True,
    ),
    "no text is in the default language": (
        replace(STEP, customer_language=None, default_language="fr"),
        "The step has no text in fr nor in fr.",
        True,
    ),
    "the text names what does not exist": (
        replace(STEP, texts={"en": Wording("Dear {{ nickname }}")}),
        "The text in en cannot be sent. The text is not a valid template: 'nickname' is undefined.",
        True,
    ),
    "the text becomes longer than a carrier takes": (
        replace(
            STEP,
            texts={"en": Wording("{{ customer.name }}" * 9)},
            filling=replace(STEP.filling, customer_name="A" * 200),
        ),
        "The text in en cannot be sent. Filled in, it has 1,800 characters; a text message has at most 1,600.",
        True,
    ),
    "no hour suits all clocks that may be the customer's": (
        NEVER_OPEN,
        never_opens(NEVER_OPEN.hours),
        True,
    ),
    "the text comes to nothing": (
        replace(STEP, texts={"en": Wording("{% if reference == 'other' %}Dear{% endif %}")}),
        "The text in en is empty once filled in.",
        True,
    ),
}


@pytest.mark.parametrize(("step", "reason", "needs_attention"), SKIPPED.values(), ids=SKIPPED.keys())
def test_a_step_is_skipped_with_its_reason_when(step: DueStep, reason: str, needs_attention: bool) -> None:
    assert decide(step, NOW) == Skip(reason, needs_attention)


@pytest.mark.parametrize(
    "step", [STEP, *(row[0] for row in SKIPPED.values())], ids=["nothing else is wrong", *SKIPPED.keys()]
)
def test_a_debtor_who_has_died_is_never_reminded_and_a_person_must_look_also_when(step: DueStep) -> None:
    assert decide(replace(step, never_because=DIED), NOW) == Skip(DIED)


FIRST = {
    "a missing method before a missing phone": (
        replace(NONE, recipient=NOWHERE),
        "This step has no communication method.",
    ),
    "a missing integration before an opt-out": (
        replace(DISCONNECTED, recipient=replace(ADA, opted_out=True)),
        NOT_CONNECTED,
    ),
    "an opt-out before a missing phone": (
        replace(STEP, recipient=Recipient(IntegrationKind.SMS, None, opted_out=True)),
        "The customer has opted out of SMS.",
    ),
    "a missing phone before a missing text": (
        replace(STEP, recipient=NOWHERE, texts={}),
        "The customer has no phone number.",
    ),
}


@pytest.mark.parametrize(("step", "reason"), FIRST.values(), ids=FIRST.keys())
def test_of_several_reasons_one_is_given(step: DueStep, reason: str) -> None:
    decision = decide(step, NOW)

    assert isinstance(decision, Skip)
    assert decision.reason == reason


def test_a_due_step_becomes_a_reminder_that_may_leave_at_once() -> None:
    assert decide(STEP, NOW) == Remind(
        to="+447700900001",
        text="Dear Ada Reyes, €84.50 is due.",
        language="en",
        encoded=Encoded(SmsEncoding.GSM_7, 1, ()),
        scheduled_for=NOW,
    )


def test_an_integration_that_needs_attention_still_plans_because_a_person_may_mend_it_in_time() -> None:
    assert decide(replace(STEP, integration_status=IntegrationStatus.NEEDS_ATTENTION), NOW) == decide(STEP, NOW)


CLOCK = {
    "within the window": ("2026-03-04T19:59+01:00", "2026-03-04T19:59+01:00"),
    "before it opens": ("2026-03-04T06:00+01:00", "2026-03-04T08:00+01:00"),
    "at its end": ("2026-03-04T20:00+01:00", "2026-03-05T08:00+01:00"),
    "before a closed day": ("2026-03-07T21:00+01:00", "2026-03-09T08:00+01:00"),
    "over the change to summer time": ("2026-03-28T21:00+01:00", "2026-03-30T08:00+02:00"),
}


@pytest.mark.parametrize(("now", "leaves"), CLOCK.values(), ids=CLOCK.keys())
def test_a_reminder_is_scheduled_within_the_window(now: str, leaves: str) -> None:
    decision = decide(STEP, datetime.fromisoformat(now).astimezone(UTC))

    assert isinstance(decision, Remind)
    assert decision.scheduled_for == datetime.fromisoformat(leaves)


LANGUAGES = {
    "in the customer's": ("en", "Dear Ada Reyes, €84.50 is due."),
    "in the organization's where the customer's is not known": (None, "Beste Ada Reyes"),
    "in the base language of the customer's": ("en-GB", "Dear Ada Reyes, €84.50 is due."),
}


@pytest.mark.parametrize(("language", "text"), LANGUAGES.values(), ids=LANGUAGES.keys())
def test_a_reminder_is_written(language: str | None, text: str) -> None:
    decision = decide(replace(STEP, customer_language=language), NOW)

    assert isinstance(decision, Remind)
    assert decision.text == text


def test_a_reminder_counts_the_segments_of_the_text_as_filled_in() -> None:
    filling = replace(STEP.filling, customer_name="Łukasz " + "a" * 60)

    decision = decide(replace(STEP, filling=filling), NOW)

    assert isinstance(decision, Remind)
    assert decision.encoded == Encoded(SmsEncoding.UCS_2, 2, ("Ł",))
