"""What a create request asks for, checked as Twilio checks it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dunlin.sandbox.account import Account
from dunlin.sandbox.magic import GOOD_SENDER, REFUSED_FROM, REFUSED_TO
from dunlin.sandbox.message import FULL_VALIDITY_S, Message, Status
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.segment import count_segments
from dunlin.sandbox.webhook import is_web_address

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}")
_SERVICE_SID = re.compile(r"MG[0-9a-fA-F]{32}")
_LONGEST_BODY = 1_600
_SCHEDULE_FROM, _SCHEDULE_UNTIL = timedelta(seconds=300), timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Draft:
    """A create request that is in order. Exactly one of `sender` and `service_sid` decides who sends."""

    to: str
    sender: str | None
    service_sid: str | None
    body: str
    callback_url: str | None
    validity_s: int
    send_at: datetime | None

    def message(self, sid: str, account: Account, now: datetime) -> Message:
        """Return the message as it is before anything happened to it."""
        return Message(
            sid=sid,
            account_sid=account.sid,
            to=self.to,
            sender=self.sender,
            service_sid=self.service_sid,
            body=self.body,
            status=self._first_status(),
            # A service counts when it has chosen a sender.
            num_segments=0 if self.service_sid else count_segments(self.body),
            created_at=now,
            updated_at=now,
            callback_url=self.callback_url,
            validity_s=self.validity_s,
            send_at=self.send_at,
        )

    def _first_status(self) -> Status:
        if self.send_at:
            return Status.SCHEDULED
        return Status.ACCEPTED if self.service_sid else Status.QUEUED


def read_draft(form: Mapping[str, str], account: Account, all_accounts: Collection[Account], now: datetime) -> Draft:
    """Return the draft in the fields of a create request, or raise the `Refusal` that Twilio would send."""
    to, sender, service_sid = (
        form.get("To", ""),
        form.get("From") or None,
        form.get("MessagingServiceSid") or None,
    )
    if not to:
        raise Refusal(21604)
    if not sender and not service_sid:
        raise Refusal(21603)
    body = _body(form)
    if service_sid:
        _check_service(service_sid, sender, account)
    elif sender:
        _check_sender(sender, account, all_accounts)
    _check_recipient(to, sender)
    return Draft(
        to=to,
        sender=sender,
        service_sid=service_sid,
        body=body,
        callback_url=_callback_url(form),
        validity_s=_validity_s(form),
        send_at=_send_at(form, service_sid, now),
    )


def _body(form: Mapping[str, str]) -> str:
    body = form.get("Body", "")
    if not body:
        raise Refusal(21602)
    if len(body) > _LONGEST_BODY:
        raise Refusal(21617)
    return body


def _check_service(service_sid: str, sender: str | None, account: Account) -> None:
    if not _SERVICE_SID.fullmatch(service_sid):
        raise Refusal(21705, service=service_sid)
    service = account.service(service_sid)
    if service is None:
        raise Refusal(21701, service=service_sid)
    if not service.senders:
        raise Refusal(21704)
    if sender and sender not in service.senders:
        raise Refusal(21711, sender=sender)


def _check_sender(sender: str, account: Account, all_accounts: Collection[Account]) -> None:
    if sender in REFUSED_FROM:
        raise Refusal(REFUSED_FROM[sender], sender=sender)
    if sender == GOOD_SENDER:
        return
    if account.is_test:
        raise Refusal(21606, sender=sender)
    if _E164.fullmatch(sender) or _SHORT_CODE.fullmatch(sender):
        _check_owner(sender, account, all_accounts)
    elif not _ALPHANUMERIC.fullmatch(sender):
        raise Refusal(21212, sender=sender)
    elif not account.alphanumeric:
        raise Refusal(21606, sender=sender)


def _check_owner(number: str, account: Account, all_accounts: Collection[Account]) -> None:
    if number in account.phone_numbers or number in account.short_codes:
        return
    if any(number in other.phone_numbers or number in other.short_codes for other in all_accounts):
        raise Refusal(21660, sender=number, account=account.sid)
    raise Refusal(21659, sender=number)


def _check_recipient(to: str, sender: str | None) -> None:
    if not _E164.fullmatch(to):
        raise Refusal(21211, to=to)
    if to == sender:
        raise Refusal(21266, to=to)
    if to in REFUSED_TO:
        raise Refusal(REFUSED_TO[to], to=to, sender=sender or "of the Messaging Service")


def _callback_url(form: Mapping[str, str]) -> str | None:
    url = form.get("StatusCallback", "")
    if not url:
        return None
    if not is_web_address(url):
        raise Refusal(21609, url=url)
    return url


def _validity_s(form: Mapping[str, str]) -> int:
    text = form.get("ValidityPeriod", str(FULL_VALIDITY_S))
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= FULL_VALIDITY_S:
        raise Refusal(21624, validity=text)
    return int(text)


def _send_at(form: Mapping[str, str], service_sid: str | None, now: datetime) -> datetime | None:
    if form.get("ScheduleType") != "fixed":
        return None
    if not service_sid:
        raise Refusal(35118)
    if not form.get("SendAt"):
        raise Refusal(35111)
    try:
        send_at = datetime.strptime(form["SendAt"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(35114) from None
    if not _SCHEDULE_FROM < send_at - now <= _SCHEDULE_UNTIL:
        raise Refusal(35114)
    return send_at
