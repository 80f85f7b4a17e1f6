from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from dunlin.sandbox.message import Message, Status
from dunlin.sandbox.status_callback import status_callback
from dunlin.sandbox.webhook import Patience

ONLY_CONNECT = frozenset({"ct"})
PATIENCE = {
    "nothing said": ("", Patience()),
    "more tries, after anything": (
        "rc=5&rp=all&rt=5000",
        Patience(read_s=5, retries=5, after=frozenset({"4xx", "5xx", "ct", "rt"})),
    ),
    "a list of reasons": ("rp=4xx,rt", Patience(after=frozenset({"4xx", "rt"}))),
    "all limits": ("ct=100&rt=200&tt=300&rc=0", Patience(0.1, 0.2, 0.3, 0, ONLY_CONNECT)),
    "an unknown reason": ("rp=never", Patience()),
    "out of range": ("rc=6&ct=99&tt=15001&rt=-1", Patience()),
    "no number": ("rc=x&rt=²", Patience()),
    "another key": ("e=dublin", Patience()),
}


@pytest.mark.parametrize(("fragment", "patience"), PATIENCE.values(), ids=PATIENCE.keys())
def test_the_fragment_of_a_callback_address_sets_its_patience(fragment: str, patience: Patience) -> None:
    assert Patience.of(fragment) == patience


DELIVERED = Message(
    sid="SM" + "b" * 32,
    account_sid="AC" + "a" * 32,
    to="+15558675310",
    sender="+15005550006",
    service_sid=None,
    body="Please pay",
    status=Status.DELIVERED,
    num_segments=1,
    created_at=datetime(2026, 11, 22, 13, 29, tzinfo=UTC),
    updated_at=datetime(2026, 11, 22, 13, 30, tzinfo=UTC),
)
URL = "https://hooks.example.com/v1/twilio/status?rid=rem_42&t=7"


def test_a_callback_is_signed_over_its_address_without_the_fragment() -> None:
    callback = status_callback(DELIVERED, URL + "#rc=5&rp=all", "12345")
    assert callback.url == URL
    assert callback.signature == "02yRQ6IYZSIsPZcOg8ZRHPsn9N4="


def test_a_callback_has_the_fields_of_twilio_in_its_order() -> None:
    callback = status_callback(DELIVERED, URL, "12345")
    assert parse_qsl(callback.body.decode()) == [
        ("AccountSid", "AC" + "a" * 32),
        ("From", "+15005550006"),
        ("MessageSid", "SM" + "b" * 32),
        ("MessageStatus", "delivered"),
        ("SmsSid", "SM" + "b" * 32),
        ("SmsStatus", "delivered"),
        ("To", "+15558675310"),
        ("ApiVersion", "2010-04-01"),
        ("RawDlrDoneDate", "2611221330"),
    ]


def test_a_callback_about_a_failure_names_its_code() -> None:
    message = replace(DELIVERED, status=Status.UNDELIVERED, error_code=30003, service_sid="MG" + "1" * 32)
    fields = dict(parse_qsl(status_callback(message, URL, "12345").body.decode()))
    assert (fields["ErrorCode"], fields["MessagingServiceSid"]) == ("30003", "MG" + "1" * 32)
