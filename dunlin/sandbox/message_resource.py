"""A message as the JSON object of Twilio's API."""

from email.utils import format_datetime

from dunlin.sandbox.message import Message

CORE = "/2010-04-01/Accounts"

_ERROR_MESSAGES = {
    21610: "Attempt to send to unsubscribed recipient",
    30001: "Queue overflow",
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
    30007: "Message filtered",
    30008: "Unknown error",
    30036: "Validity period expired",
}


def message_resource(message: Message) -> dict[str, object]:
    """Return the fields with Twilio's names and types: numbers as strings, dates as in RFC 2822."""
    uri = f"{CORE}/{message.account_sid}/Messages/{message.sid}"
    return {
        "account_sid": message.account_sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": format_datetime(message.created_at),
        "date_sent": format_datetime(message.sent_at) if message.sent_at else None,
        "date_updated": format_datetime(message.updated_at),
        "direction": "outbound-api",
        "error_code": message.error_code,
        "error_message": _ERROR_MESSAGES.get(message.error_code or 0),
        "from": message.sender,
        "messaging_service_sid": message.service_sid,
        "num_media": "0",
        "num_segments": str(message.num_segments),
        "price": None if message.price is None else f"{message.price:.5f}",
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status.value,
        "subresource_uris": {"feedback": f"{uri}/Feedback.json", "media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }
