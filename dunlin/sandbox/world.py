"""What the sandbox pretends: its accounts, how it behaves, and the texts and mails it has taken and brought."""

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from random import Random

from dunlin.sandbox.account import Account
from dunlin.sandbox.behaviour import USUAL, Behaviour
from dunlin.sandbox.inbound_text import InboundText
from dunlin.sandbox.ledger import Ledger
from dunlin.sandbox.magic import FATE_OF_MAIL_TO, FATE_OF_TO, ORDINARY_BOUNCE, magic_name
from dunlin.sandbox.mail import Mail, MailFate, MailStatus
from dunlin.sandbox.message import Fate, Message, Status
from dunlin.sandbox.switchboard import Switchboard

_RECEIVED_KEPT = 1_000


class World:
    """The state of one sandbox. It reads the ledger at once; the application closes it at the end.

    `reports_to` is the web address that is brought what comes back for mails; empty if nobody wants it.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        behaviour: Behaviour = USUAL,
        ledger: Path | None = None,
        reports_to: str = "",
    ) -> None:
        self.accounts = {account.sid: account for account in accounts}
        self.ledger = Ledger(ledger)
        self.switchboard = Switchboard(ledger.with_suffix(".switchboard.json") if ledger else None)
        self.received: deque[InboundText] = deque(maxlen=_RECEIVED_KEPT)  # newest last
        self.reports_to = reports_to
        self.behave(behaviour)

    def behave(self, behaviour: Behaviour) -> None:
        """Behave like this from now on, with the random numbers of its seed from their beginning."""
        self.behaviour = behaviour
        # Repeatable on purpose: nothing here is a secret.
        self.chance = Random(behaviour.seed)

    def draw_fate(self, message: Message) -> Fate:
        """Return the end of `message`: as its number says, what its recipient wants, or the rate of failures."""
        if message.to in FATE_OF_TO:
            return FATE_OF_TO[message.to]
        if message.service_sid and self.switchboard.refuses(message.account_sid, message.service_sid, message.to):
            return Fate(Status.FAILED, 21610)
        if self.chance.random() < self.behaviour.failure_rate:
            return Fate(Status.UNDELIVERED, 30003)
        return Fate(Status.DELIVERED, None)

    def draw_fate_of_mail(self, mail: Mail) -> MailFate:
        """Return the end of `mail`: as its address says, or the rate of failures. That it arrived is not reported."""
        name = magic_name(mail.to)
        if name in FATE_OF_MAIL_TO:
            return FATE_OF_MAIL_TO[name]
        if self.chance.random() < self.behaviour.failure_rate:
            return ORDINARY_BOUNCE
        return MailFate(MailStatus.DELIVERED, "250 2.0.0 Delivered", is_reported=False)

    def chosen_sender(self, message: Message) -> str | None:
        """Return who sends `message`: its From, or else the first sender of its messaging service."""
        if message.sender or not message.service_sid:
            return message.sender
        service = self.accounts[message.account_sid].service(message.service_sid)
        return service.senders[0] if service and service.senders else None
