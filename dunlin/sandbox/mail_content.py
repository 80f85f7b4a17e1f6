"""What a mail says, read from its bytes."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Literal

# The standard library takes minutes for a list of addresses of the size that a mail may have.
_LONGEST_HEADERS = 32_000  # bytes

_WEB_ADDRESS = re.compile(r"<\s*(https?://[^<>\s]+)\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MailContent:
    """The parts that are shown; what is missing is empty, a missing HTML part is None.

    `unsubscribe_url` is the web address of List-Unsubscribe, and `is_one_click` says that it may be asked to do it
    without a person (RFC 8058).
    """

    headers: tuple[tuple[str, str], ...]
    from_name: str
    from_address: str
    reply_to: str
    subject: str
    message_id: str
    text: str
    html: str | None
    unsubscribe_url: str
    is_one_click: bool


class UnreadableMail(Exception):
    """These bytes are no message, or one with more headers than any sensible mail has."""


def read_content(raw: bytes) -> MailContent:
    """Return what the message `raw` says, or raise `UnreadableMail`."""
    if _has_too_long_headers(raw):
        raise UnreadableMail
    try:
        message = message_from_bytes(raw, policy=policy.default)
        headers = tuple((name, _clean(value)) for name, value in message.items())
        return _content(message, headers)
    except (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as e:
        # The standard library's parser trips over some of what is no mail, in various ways.
        raise UnreadableMail from e


def kept_content(raw: bytes) -> MailContent:
    """Return what a message says that could be read when it was taken; if it no longer can, its bytes as its text."""
    try:
        return read_content(raw)
    except UnreadableMail:
        text = raw.decode(errors="replace")
        return MailContent((), "", "", "", "", "", text=text, html=None, unsubscribe_url="", is_one_click=False)


def _has_too_long_headers(raw: bytes) -> bool:
    return len(re.split(rb"\r?\n\r?\n", raw[: _LONGEST_HEADERS + 4], maxsplit=1)[0]) > _LONGEST_HEADERS


def _content(message: EmailMessage, headers: tuple[tuple[str, str], ...]) -> MailContent:
    address = _first_address(message, "From")
    reply_to = _first_address(message, "Reply-To")
    unsubscribe = _WEB_ADDRESS.search(_clean(message.get("List-Unsubscribe", "")))
    post = _clean(message.get("List-Unsubscribe-Post", "")).replace(" ", "")
    return MailContent(
        headers=headers,
        from_name=_clean(address.display_name) if address else "",
        from_address=_clean(address.addr_spec) if address else "",
        reply_to=_clean(reply_to.addr_spec) if reply_to else "",
        subject=_clean(message.get("Subject", "")),
        message_id=_clean(message.get("Message-ID", "")).strip(),
        text=_body(message, "plain") or "",
        html=_body(message, "html"),
        unsubscribe_url=unsubscribe[1] if unsubscribe else "",
        is_one_click=bool(unsubscribe) and post.lower() == "list-unsubscribe=one-click",
    )


def _first_address(message: EmailMessage, name: str) -> Address | None:
    header = message.get(name)
    return header.addresses[0] if header is not None and header.addresses else None


def _body(message: EmailMessage, subtype: Literal["plain", "html"]) -> str | None:
    part = message.get_body((subtype,))
    return _clean(part.get_content()).replace("\r\n", "\n") if part is not None else None


def _clean(text: object) -> str:
    # Bytes that are not ASCII come as halves of surrogate pairs; most of them are UTF-8.
    return str(text).encode(errors="surrogateescape").decode(errors="replace")
