"""A mail as a JSON object. Its fields are named like a text's where they say the same."""

from email.utils import format_datetime

from dunlin.sandbox.mail import Mail
from dunlin.sandbox.mail_content import kept_content


def mail_resource(mail: Mail) -> dict[str, object]:
    """Return what the envelope, the message and the journey of `mail` say; dates as in RFC 2822."""
    content = kept_content(mail.raw)
    return {
        "account_sid": mail.account_sid,
        "body": content.text,
        "date_created": format_datetime(mail.created_at),
        "date_updated": format_datetime(mail.updated_at),
        "diagnosis": mail.diagnosis,
        "envelope_from": mail.sender,
        "from": content.from_address,
        "from_name": content.from_name,
        "headers": [list(header) for header in content.headers],
        "html": content.html,
        "is_answered": mail.is_answered,
        "is_one_click": content.is_one_click,
        "message_id": content.message_id,
        "reply_to": content.reply_to,
        "sid": mail.sid,
        "status": mail.status.value,
        "subject": content.subject,
        "to": mail.to,
        "unsubscribe_url": content.unsubscribe_url,
    }
