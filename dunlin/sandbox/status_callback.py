"""What a status callback says.

https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
"""

from dunlin.sandbox.message import Message, Status
from dunlin.sandbox.webhook import Webhook, signed_webhook


def status_callback(message: Message, url: str, auth_token: str) -> Webhook:
    """Return the report of the present status of `message` to `url`, signed with its account's token."""
    return signed_webhook(url, _fields(message), auth_token)


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
