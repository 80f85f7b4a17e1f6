"""What Twilio says of messages that it has: their states, and its list of them."""

# The SDK ships no types.
# mypy: disable-error-code="import-untyped"

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from twilio.base.exceptions import TwilioException

from dunlin.channels.twilio_errors import explain
from dunlin.channels.twilio_transport import CallFailed, CallRefused, Transport, sending_client
from dunlin.domain.carrier import (
    CarrierUnavailable,
    LostMessage,
    NoSuchMessage,
    SenderKind,
    StatusReport,
    Traces,
    TwilioCredentials,
)
from dunlin.domain.reminder_status import ReminderStatus

MESSAGE_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")

_NOT_FOUND = 20404
_PAGE = 50
_LONGEST_STATE = 32
_MOST_PAGES = 20  # to one number since a moment ago: more is no list that we can trust

_STATUS = {
    "accepted": ReminderStatus.SENT,
    "scheduled": ReminderStatus.SENT,
    "queued": ReminderStatus.SENT,
    "sending": ReminderStatus.SENT,
    "sent": ReminderStatus.SENT,
    "delivered": ReminderStatus.DELIVERED,
    "read": ReminderStatus.DELIVERED,
    "undelivered": ReminderStatus.UNDELIVERED,
    "failed": ReminderStatus.FAILED,
    "canceled": ReminderStatus.FAILED,
}


def status_report(account_sid: str, message_sid: str, state: str, error_code: str) -> StatusReport:
    """Return what a message's state means. States that say nothing of the way, or are new, have no status."""
    code = _error_code(error_code)
    meaning = explain(code) if code is not None else None
    reason = "The message was canceled at the carrier." if state == "canceled" else None
    return StatusReport(
        account_sid=account_sid,
        provider_message_id=message_sid,
        status=_STATUS.get(state),
        error_code=code,
        reason=meaning.sentence if meaning else reason,
        fault=meaning.fault if meaning else None,
        retry_after=meaning.retry_after(datetime.now(UTC)) if meaning else None,
        state=state[:_LONGEST_STATE],
    )


def _error_code(value: str) -> int | None:
    # At most nine digits, so that it fits an integer column.
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        return None
    return int(value) or None


async def fetch(
    credentials: TwilioCredentials, message_sid: str, transport: Transport
) -> StatusReport | NoSuchMessage | CarrierUnavailable:
    """Ask for one message."""
    try:
        found = await sending_client(credentials, transport).messages(message_sid).fetch_async()
    except CallRefused as error:
        return NoSuchMessage() if error.code == _NOT_FOUND else CarrierUnavailable(explain(error.code).sentence)
    except CallFailed as error:
        return CarrierUnavailable(str(error))
    except Exception as error:  # the SDK's own reading of an answer that is none
        return CarrierUnavailable(_unreadable(error))
    if found.sid != message_sid:
        return CarrierUnavailable("The carrier answered with another message.")
    return _report(credentials, found)


async def look_up(lost: LostMessage, transport: Transport) -> Traces | CarrierUnavailable:
    """Search the messages to a number, newest first, as far back as the lost one can be."""
    same: list[StatusReport] = []
    other: list[str] = []
    try:
        async for found in _listed(lost, transport):
            if not (isinstance(found.sid, str) and MESSAGE_SID.fullmatch(found.sid)):
                return CarrierUnavailable("The carrier's list holds what is no message.")
            if _is_same(found, lost):
                same.append(_report(lost.credentials, found))
            else:
                other.append(found.sid)
    except CallRefused as error:
        return CarrierUnavailable(explain(error.code).sentence)
    except CallFailed as error:
        return CarrierUnavailable(str(error))
    except _TooMany:
        return CarrierUnavailable("The carrier's list of texts to this number has no end.")
    except Exception as error:
        return CarrierUnavailable(_unreadable(error))
    return Traces(tuple(same), tuple(other))


class _TooMany(Exception):
    """The list goes on and on."""


async def _listed(lost: LostMessage, transport: Transport) -> AsyncIterator[Any]:
    """Yield the outbound messages since the lost one, and raise rather than leave any out.

    No filter by day: that goes by the day of sending, which a message that waits does not have yet.
    """
    messages = sending_client(lost.credentials, transport).messages
    page = await messages.page_async(to=lost.to, page_size=_PAGE)
    for _ in range(_MOST_PAGES):
        for found in page:
            if found.date_created < lost.since:
                return  # newest first
            if found.direction.startswith("outbound"):
                yield found
        page = await page.next_page_async()
        if page is None:
            return
    raise _TooMany


def _is_same(found: Any, lost: LostMessage) -> bool:
    if found.body != lost.text or found.date_created > lost.until:
        return False
    if lost.sender.kind is SenderKind.MESSAGING_SERVICE:
        return bool(found.messaging_service_sid == lost.sender.value)
    return bool(found.from_ == lost.sender.value)


def _report(credentials: TwilioCredentials, found: Any) -> StatusReport:
    return status_report(credentials.account_sid, found.sid, str(found.status), str(found.error_code or ""))


def _unreadable(error: Exception) -> str:
    # Not the error's own words: the SDK's hold numbers and addresses.
    kind = (
        "an unexpected form"
        if isinstance(error, TwilioException)
        else f"a form that cannot be read ({type(error).__name__})"
    )
    return f"The carrier answered in {kind}."
