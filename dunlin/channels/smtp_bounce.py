"""Reads the mails in which mail servers say what became of ours (RFC 3464, and RFC 6533 for other scripts).

Anybody may write such a mail. What it says counts for the one e-mail whose correlation it holds, which nobody knows
but us, the recipient and the servers on the way; so it can never speak of the sender's account.
"""

import re
from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.policy import compat32

from dunlin.channels.smtp_errors import Reply, explain_recipient
from dunlin.channels.smtp_letter import message_id
from dunlin.domain.carrier import Bounce, StatusReport
from dunlin.domain.reminder_status import ReminderStatus

_LONGEST = 128 * 1024  # what is said of the delivery comes before what is returned
_MOST_BOUNDARIES = 30  # the parser tries each of those that are open on every line
_MOST_PARTS = 50
_MOST_REPORTS = 20
_DEEPEST = 3
_UNSAID = 550  # a failure for which no reply code is given

_STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_MAIL = frozenset({"message/rfc822", "message/global"})
_RETURNED_HEADERS = frozenset({"text/rfc822-headers", "message/global-headers", "message/rfc822-headers"})
_RECIPIENT_HEADERS = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Forwarded-To", "Cc")

_TAG = re.compile(r"\+([A-Za-z0-9_-]{20,64})@")
_UNSUBSCRIBE = re.compile(r"/unsubscribe/([A-Za-z0-9_-]{20,64})\s*>")
_MESSAGE_ID = re.compile(r"<\s*([1-9][0-9]{0,18})\.[0-9a-f]{16}@")
_ACTION = re.compile(r"\s*(failed|delayed|delivered|relayed|expanded)\b", re.IGNORECASE)
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_REPLY_CODE = re.compile(r"\s*[\w-]{1,40}\s*;\s*([45]\d\d)(?!\d)")

_STATUS_OF = {"failed": ReminderStatus.UNDELIVERED, "delivered": ReminderStatus.DELIVERED}


def read_bounces(mail: bytes) -> tuple[Bounce, ...]:
    """Return what a mail says of an e-mail of ours, one for each recipient; nothing for any other mail."""
    mail = mail[:_LONGEST]
    if mail.lower().count(b"boundary") > _MOST_BOUNDARIES:
        return ()
    try:
        parts = list(_parts(BytesParser(policy=compat32).parsebytes(mail)))
    except Exception:
        # Strangers write these mails, and the parser knows more ways to fail than it tells.
        return ()
    fields = [one for part in parts if part.get_content_type() in _STATUS_PARTS for one in _blocks(part)]
    returned = next((found for part in parts if (found := _returned(part)) is not None), None)
    correlation = _correlation(parts[0], returned)
    if correlation is None:
        return ()
    provider_message_id = _provider_message_id(returned, correlation)
    reports = dict.fromkeys(report for one in fields if (report := _report(one, provider_message_id)) is not None)
    return tuple(Bounce(correlation, report) for report in list(reports)[:_MOST_REPORTS])


def _parts(mail: Message, depth: int = 0) -> Iterator[Message]:
    """Yield a mail and its parts, but nothing of what is inside a returned one."""
    yield mail
    if depth < _DEEPEST and mail.get_content_maintype() == "multipart" and mail.is_multipart():
        for part in _payload(mail)[:_MOST_PARTS]:
            yield from _parts(part, depth + 1)


def _payload(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _blocks(part: Message) -> Iterable[Message]:
    """Return the groups of fields in a part that says what became of each recipient."""
    blocks = _payload(part)
    if not blocks:
        blocks = [HeaderParser().parsestr(_text(part))]
    # Of the newer kind of part, the parser reads the first group only and leaves the others as text.
    rest = [text for block in blocks if not block.is_multipart() for text in re.split(r"\r?\n\r?\n", _text(block))]
    return [*blocks, *(HeaderParser().parsestr(text.lstrip()) for text in rest[:_MOST_PARTS] if text.strip())]


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode(errors="replace") if isinstance(payload, bytes) else ""


def _returned(part: Message) -> Message | None:
    """Return the header of the e-mail that a part gives back."""
    kind = part.get_content_type()
    if kind in _RETURNED_MAIL:
        return next(iter(_payload(part)), None) or HeaderParser().parsestr(_text(part))
    if kind in _RETURNED_HEADERS:
        inner = next(iter(_payload(part)), None)
        return inner if inner is not None and inner.keys() else HeaderParser().parsestr(_text(part).lstrip())
    return None


def _correlation(mail: Message, returned: Message | None) -> str | None:
    """Return it from where the mail went to, else from what it gives back."""
    tags: list[str] = [
        tag for name in _RECIPIENT_HEADERS for value in _values(mail, name) for tag in _TAG.findall(value)
    ]
    links: list[str] = [link for value in _values(returned, "List-Unsubscribe") for link in _UNSUBSCRIBE.findall(value)]
    paths: list[str] = [tag for value in _values(returned, "Return-Path") for tag in _TAG.findall(value)]
    # Some servers write addresses in small letters.
    for tag in tags:
        for link in links:
            if link.casefold() == tag.casefold():
                return link
    return next(iter([*tags, *links, *paths]), None)


def _values(mail: Message | None, name: str) -> list[str]:
    return [str(value)[:4096] for value in mail.get_all(name, [])[:_MOST_PARTS]] if mail is not None else []


def _provider_message_id(returned: Message | None, correlation: str) -> str:
    """Return the one that the e-mail was accepted with, or nothing where it does not stand in what is given back."""
    for value in _values(returned, "Message-ID"):
        if (found := _MESSAGE_ID.search(value)) and f"<{message_id(int(found[1]), correlation)}@" in value:
            return message_id(int(found[1]), correlation)
    return ""


def _report(fields: Message, provider_message_id: str) -> StatusReport | None:
    action = _ACTION.match("".join(_values(fields, "Action")[:1]))
    if action is None:
        return None
    state = action[1].lower()
    status = _STATUS_OF.get(state)
    if status is not ReminderStatus.UNDELIVERED:
        return StatusReport("", provider_message_id, status, None, None, state=state)
    reply = _reply(fields)
    meaning = explain_recipient(reply)
    return StatusReport(
        account_sid="",
        provider_message_id=provider_message_id,
        status=status,
        error_code=reply.code or _UNSAID,
        reason=meaning.sentence,
        fault=meaning.fault,
        retry_after=meaning.lasts,
        state=state,
    )


def _reply(fields: Message) -> Reply:
    """Return the codes of a failure, the code 0 where none is given."""
    diagnostic = "".join(_values(fields, "Diagnostic-Code")[:1])
    code = _REPLY_CODE.match(diagnostic)
    given = _ENHANCED.search("".join(_values(fields, "Status")[:1]))
    said = _ENHANCED.search(diagnostic)
    # x.0.0 says nothing; the server that refused may have said more.
    is_vague = given is None or given[0][1:] == ".0.0"
    enhanced = said if is_vague and said else given
    return Reply(int(code[1]) if code else 0, enhanced[0] if enhanced else "")
