"""What a status callback says, how it is signed, and how patiently it is tried.

https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""
# mypy: disable-error-code="import-untyped"

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urldefrag, urlencode

from twilio.request_validator import RequestValidator

from dunlin.sandbox.message import Message, Status

_REASONS = frozenset({"4xx", "5xx", "ct", "rt"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a callback waits and how often, after which kinds of failure, it is tried again."""

    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 15.0
    retries: int = 1
    after: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, fragment: str) -> Self:
        """Return what the fragment of a callback URL asks for. What it says wrongly stays as usual."""
        asked = dict(parse_qsl(fragment))
        after = frozenset(asked.get("rp", "ct").split(","))
        return cls(
            connect_s=_number(asked, "ct", 100, 10_000, usual=5_000) / 1000,
            read_s=_number(asked, "rt", 100, 15_000, usual=15_000) / 1000,
            total_s=_number(asked, "tt", 100, 15_000, usual=15_000) / 1000,
            retries=_number(asked, "rc", 0, 5, usual=1),
            after=_REASONS if "all" in after else after & _REASONS or frozenset({"ct"}),
        )


@dataclass(frozen=True, slots=True)
class StatusCallback:
    """One request to make: `url` has no fragment, `signature` covers it and the fields in `body`."""

    url: str
    body: bytes
    signature: str
    patience: Patience


def status_callback(message: Message, url: str, auth_token: str) -> StatusCallback:
    """Return the report of the present status of `message` to `url`, signed with its account's token."""
    address, fragment = urldefrag(url)
    fields = _fields(message)
    signature: str = RequestValidator(auth_token).compute_signature(address, fields)
    return StatusCallback(address, urlencode(fields).encode(), signature, Patience.of(fragment))


def _fields(message: Message) -> dict[str, str]:
    fields = {
        "AccountSid": message.account_sid,
        "From": message.sender or "",
        "MessageSid": message.sid,
        "MessageStatus": message.status.value,
        "SmsSid": message.sid,
        "SmsStatus": message.status.value,
        "To": message.to,
        "ApiVersion": "2010-04-01",
    }
    if message.service_sid:
        fields["MessagingServiceSid"] = message.service_sid
    if message.error_code:
        fields["ErrorCode"] = str(message.error_code)
    if message.status in (Status.DELIVERED, Status.UNDELIVERED):
        fields["RawDlrDoneDate"] = f"{message.updated_at:%y%m%d%H%M}"
    return fields


def _number(asked: Mapping[str, str], name: str, low: int, high: int, usual: int) -> int:
    text = asked.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        return usual
    return int(text) if low <= int(text) <= high else usual
