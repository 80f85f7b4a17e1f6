"""Status callbacks as Twilio would send them, signed with the account's token."""

from collections.abc import Sequence
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from bench.account import CREDENTIALS, PUBLIC_URL, SENDER
from bench.cases import message_sid
from bench.load import request

_validator = RequestValidator(CREDENTIALS.auth_token)


def delivered(address: str, correlations: Sequence[str]) -> list[bytes]:
    """Return a request for each attempt that `send_many` has put in: its message was delivered."""
    first = int(correlations[1]) - 1 if len(correlations) > 1 else 1
    return [
        _delivered(address, correlation, message_sid(first + place)) for place, correlation in enumerate(correlations)
    ]


def _delivered(address: str, correlation: str, sid: str) -> bytes:
    fields = {
        "AccountSid": CREDENTIALS.account_sid,
        "ApiVersion": "2010-04-01",
        "From": SENDER,
        "MessageSid": sid,
        "MessageStatus": "delivered",
        "SmsSid": sid,
        "SmsStatus": "delivered",
        "To": "+447700900123",
    }
    path = f"/webhooks/twilio/{correlation}"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": _validator.compute_signature(PUBLIC_URL + path, fields),
    }
    return request(address, "POST", path, headers, urlencode(fields).encode())
