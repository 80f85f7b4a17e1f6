"""A text that a pretended person sends to a sender of an account, and how the account is told of it.

https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from dunlin.sandbox.account import Account
from dunlin.sandbox.message import Message
from dunlin.sandbox.segment import count_segments
from dunlin.sandbox.webhook import Webhook, signed_webhook

_LONGEST_BODY = 1_600

# What Twilio heeds by itself, as the whole text: https://support.twilio.com/hc/en-us/articles/223134027
_STOP = frozenset({"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"})
_START = frozenset({"start", "yes", "unstop"})


@dataclass(frozen=True, slots=True)
class InboundText:
    """One text to `to`, a number of the account, which may belong to a messaging service."""

    sid: str
    account_sid: str
    service_sid: str | None
    sender: str
    to: str
    body: str
    received_at: datetime

    @property
    def stops(self) -> bool:
        return self.body.strip().casefold() in _STOP

    @property
    def starts(self) -> bool:
        return self.body.strip().casefold() in _START


class Unanswerable(Exception):
    """There is nothing that could be sent; the text says why."""


def read_text(
    form: Mapping[str, str], answered: Message | None, accounts: Collection[Account], sid: str, now: datetime
) -> InboundText:
    """Return the text that a form asks for: an answer to a message, or one `from` a number `to` a sender.

    Raises `Unanswerable`.
    """
    sender = answered.to if answered else _number(form.get("from", ""))
    to = (answered.sender or "") if answered else _number(form.get("to", ""))
    body = form.get("body", "")
    if not sender:
        raise Unanswerable("Say from which number, or which message of the outbox is answered (reply_to).")
    if not body or len(body) > _LONGEST_BODY:
        raise Unanswerable(f"A text has 1 to {_LONGEST_BODY} characters.")
    account = _owner_of(to, answered, accounts)
    if account is None:
        raise Unanswerable(f"No account has the number {to}: a name cannot be answered, nor a message not sent yet.")
    service = answered.service_sid if answered else None
    return InboundText(sid, account.sid, service or _service_of(to, account), sender, to, body, now)


def _number(text: str) -> str:
    # A plus that is not written as %2B arrives as a space.
    return f"+{text.strip()}" if text.startswith(" ") else text.strip()


def _owner_of(number: str, answered: Message | None, accounts: Collection[Account]) -> Account | None:
    owners = [account for account in accounts if number in account.phone_numbers or number in account.short_codes]
    if answered:
        owners = [account for account in owners if account.sid == answered.account_sid]
    return owners[0] if owners else None


def _service_of(number: str, account: Account) -> str | None:
    return next((service.sid for service in account.messaging_services if number in service.senders), None)


def inbound_webhook(text: InboundText, url: str, auth_token: str) -> Webhook:
    """Return the request that brings `text` to `url`, signed with the account's token."""
    return signed_webhook(url, _fields(text), auth_token)


def _fields(text: InboundText) -> dict[str, str]:
    places = {f"{end}{part}": "" for end in ("From", "To") for part in ("City", "State", "Zip", "Country")}
    fields = places | {
        "MessageSid": text.sid,
        "SmsSid": text.sid,
        "SmsMessageSid": text.sid,
        "AccountSid": text.account_sid,
        "From": text.sender,
        "To": text.to,
        "Body": text.body,
        "NumMedia": "0",
        "NumSegments": str(count_segments(text.body)),
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    return fields | ({"MessagingServiceSid": text.service_sid} if text.service_sid else {})
