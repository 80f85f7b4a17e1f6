"""A signed request to a customer of the carrier, and how patiently it is tried.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""
# mypy: disable-error-code="import-untyped"

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit

from twilio.request_validator import RequestValidator

_REASONS = frozenset({"4xx", "5xx", "ct", "rt"})
_LONGEST_URL = 4_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a webhook waits and how often, after which kinds of failure, it is tried again."""

    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 15.0
    retries: int = 1
    after: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, fragment: str) -> Self:
        """Return what the fragment of a webhook's URL asks for. What it says wrongly stays as usual."""
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
class Webhook:
    """One request to make: `url` has no fragment, `signature` covers it and the fields in `body`."""

    url: str
    body: bytes
    signature: str
    patience: Patience


def signed_webhook(url: str, fields: Mapping[str, str], auth_token: str) -> Webhook:
    """Return the request that tells `fields` to `url`, signed with an account's token."""
    address, fragment = urldefrag(url)
    signature: str = RequestValidator(auth_token).compute_signature(address, dict(fields))
    return Webhook(address, urlencode(fields).encode(), signature, Patience.of(fragment))


def is_web_address(url: str) -> bool:
    """Return whether Twilio would call this URL."""
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        has_underscore = "_" in (parts.hostname or "")
    except ValueError:
        return False
    # The address is sent as it stands, so that the signature fits: no line ends, no other alphabets.
    is_printable = url.isascii() and url.isprintable() and " " not in url
    return is_address and not has_underscore and is_printable and len(url) <= _LONGEST_URL


def _number(asked: Mapping[str, str], name: str, low: int, high: int, usual: int) -> int:
    text = asked.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        return usual
    return int(text) if low <= int(text) <= high else usual
