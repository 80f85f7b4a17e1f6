"""E-mail over SMTP: hands letters to an organization's own mail server, and reads what bounces."""

from datetime import UTC, datetime

from dunlin.channels import smtp_check
from dunlin.channels.smtp_address import Address, BadAddress, read_address, tagged
from dunlin.channels.smtp_bounce import read_bounces
from dunlin.channels.smtp_handover import Mail, hand_over
from dunlin.channels.smtp_letter import Draft, message_id, write_letter
from dunlin.channels.smtp_transport import SmtpTransport
from dunlin.domain.carrier import (
    Answer,
    Bounce,
    Credentials,
    CredentialsRejected,
    Fault,
    Letter,
    Message,
    Refused,
    Sender,
    SmtpCredentials,
    Unreached,
    Verdict,
)

_UNSUBSCRIBE = "unsubscribe"

# RFC 3463: what a server would say of such an address. These are our words before it is asked.
_BAD_RECIPIENT = Refused(553, Fault.INVALID_ADDRESS, "This is not a valid e-mail address (553 5.1.3).")
_BAD_SENDER = Refused(553, Fault.SENDER, "The sender is not a valid e-mail address (553 5.1.7).")
_BAD_REPLY_TO = Refused(553, Fault.CONTENT, "The address for answers is not a valid e-mail address (553 5.1.7).")


class SmtpChannel:
    """The `MailChannel` to any mail server.

    `public_url`, without a slash at its end, is where recipients find us to take themselves out. To `bounce_address`,
    with the attempt's correlation behind a plus, mail servers send what they cannot deliver; without one they send it
    to the sender's address, and we do not hear of it.
    """

    def __init__(self, public_url: str, transport: SmtpTransport, bounce_address: str | None) -> None:
        self._public_url = public_url
        self._transport = transport
        self._bounce_address = read_address(bounce_address) if bounce_address else None

    async def send(self, message: Message) -> Answer:
        if not isinstance(message.credentials, SmtpCredentials):
            return Unreached("The stored keys are not those of a mail server.")
        if message.letter is None:
            return Unreached("There is no subject, so this is no e-mail.")
        mail = self._mail(message, message.letter, message.credentials)
        return mail if isinstance(mail, Refused) else await hand_over(mail, self._transport)

    def _mail(self, message: Message, letter: Letter, credentials: SmtpCredentials) -> Mail | Refused:
        if (to := _address(message.to)) is None:
            return _BAD_RECIPIENT
        if (sender := _address(message.sender.value)) is None:
            return _BAD_SENDER
        reply_to = _address(letter.reply_to) if letter.reply_to else None
        if letter.reply_to and reply_to is None:
            return _BAD_REPLY_TO
        draft = Draft(
            message_id=message_id(letter.reminder_id, message.correlation),
            sender=sender,
            sender_name=letter.sender_name,
            to=to,
            reply_to=reply_to,
            subject=letter.subject,
            text=message.text,
            language=letter.language,
            unsubscribe_url=f"{self._public_url}/{_UNSUBSCRIBE}/{message.correlation}",
        )
        returns = tagged(self._bounce_address, message.correlation) if self._bounce_address else sender
        return Mail(
            credentials=credentials,
            sender=returns,
            to=to,
            content=write_letter(draft, datetime.now(UTC)),
            needs_utf8=draft.needs_utf8 or returns.needs_utf8,
            message_id=draft.message_id,
            begin_by=message.begin_by,
        )

    async def check(self, credentials: Credentials, sender: Sender) -> Verdict:
        if not isinstance(credentials, SmtpCredentials):
            return CredentialsRejected("These are not the keys of a mail server.")
        return await smtp_check.check(credentials, sender, self._transport)

    def read_bounce(self, mail: bytes) -> tuple[Bounce, ...]:
        return read_bounces(mail)


def _address(text: str) -> Address | None:
    try:
        return read_address(text)
    except BadAddress:
        return None
