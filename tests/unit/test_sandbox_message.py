from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.magic import FATE_OF_TO
from dunlin.sandbox.message import Fate, Message, Status, Step, advanced, steps_ahead

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DELIVERED = Fate(Status.DELIVERED, None)
QUEUED = Message(
    sid="SM" + "0" * 32,
    account_sid="AC" + "a" * 32,
    to="+3725550001",
    sender="+15005550006",
    service_sid=None,
    body="A" * 161,
    status=Status.QUEUED,
    num_segments=2,
    created_at=NOW,
    updated_at=NOW,
)
ACCEPTED = replace(QUEUED, sender=None, service_sid="MG" + "1" * 32, status=Status.ACCEPTED, num_segments=0)


def ahead(message: Message, fate: Fate = DELIVERED) -> list[str]:
    return [step.status.value for step in steps_ahead(message, fate, Behaviour(), NOW)]


def test_a_message_from_a_number_is_sent_then_delivered() -> None:
    assert ahead(QUEUED) == ["sent", "delivered"]


def test_a_message_from_a_service_is_queued_first() -> None:
    assert ahead(ACCEPTED) == ["queued", "sent", "delivered"]


def test_a_message_that_fails_is_never_sent() -> None:
    assert ahead(QUEUED, FATE_OF_TO["+15005550010"]) == ["failed"]


def test_a_message_without_a_receipt_stays_sent() -> None:
    assert ahead(QUEUED, FATE_OF_TO["+15005550090"]) == ["sent"]


def test_a_message_that_was_sent_before_a_restart_only_gets_its_receipt() -> None:
    assert ahead(replace(QUEUED, status=Status.SENT)) == ["delivered"]


def test_nothing_happens_to_a_final_message() -> None:
    assert ahead(replace(QUEUED, status=Status.CANCELED)) == []


def test_a_message_that_waits_longer_than_it_is_valid_fails() -> None:
    behaviour = Behaviour(sent_delay_s=10)
    steps = steps_ahead(replace(QUEUED, validity_s=5), DELIVERED, behaviour, NOW)
    assert steps == [Step(timedelta(seconds=5), Status.FAILED, 30036)]


def test_a_scheduled_message_waits_for_its_time() -> None:
    message = replace(ACCEPTED, status=Status.SCHEDULED, send_at=NOW + timedelta(hours=1))
    assert steps_ahead(message, DELIVERED, Behaviour(), NOW)[0].wait == timedelta(hours=1)


def test_a_service_names_its_sender_and_counts_when_it_queues() -> None:
    message = advanced(ACCEPTED, Step(timedelta(), Status.QUEUED), "+15005550006", NOW)
    assert (message.sender, message.num_segments) == ("+15005550006", 2)


def test_a_delivered_message_costs_its_segments_as_a_negative_amount() -> None:
    message = advanced(QUEUED, Step(timedelta(), Status.DELIVERED), None, NOW)
    assert message.price == Decimal("-0.19000")
