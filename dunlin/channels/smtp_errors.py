"""What can go wrong with a mail server, and what its replies mean, for a person and for what follows.

    MailFailed
    ├── NotReached   no connection, no TLS or no greeting: nothing of a message was said
    ├── Unfit        the server is not one that may be given keys or mails, until somebody changes something
    └── Rejected     the server said no, with a code: nothing of a message's content was said

A server's own words name people and addresses, so nothing of them is kept but the codes.

Sources: RFC 5321 (reply codes), RFC 3463 and its registry (enhanced codes), RFC 4954 (login), and for sending limits
https://support.google.com/a/answer/3726730 and
https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from dunlin.domain.carrier import Answer, Fault, Refused, Throttled, Unknown, Unreached

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")
_LIMIT_WORDS = re.compile(
    r"(?:daily|hourly|sending|submission|message|recipient|outbound|rate)[\w ]{0,30}(?:limit|quota)|quota ?exceeded",
    re.IGNORECASE,
)
_LIMIT_CODES = frozenset({"5.4.5", "5.7.232", "5.7.233", "5.7.705"})
_CLOSING = 421
_LOGIN_CODES = frozenset({530, 534, 535, 538})

_ASK_AGAIN = timedelta(minutes=5)
_LIMIT_LASTS = timedelta(hours=1)  # limits count 24 hours back, so a little of them renews itself all the time
_FULL_LASTS = timedelta(days=1)
_PASSES = timedelta(hours=3)


class MailFailed(Exception):
    """A step that did not succeed. Its text names no address, no key and no word of the server's."""


class NotReached(MailFailed):
    pass


class Unfit(MailFailed):
    pass


class Rejected(MailFailed):
    def __init__(self, stage: "Stage", reply: "Reply") -> None:
        super().__init__(f"The mail server refused ({reply}).")
        self.stage = stage
        self.reply = reply


class Stage(Enum):
    """What a reply answers. Up to CONTENT nothing of the message's content has left; MESSAGE is what follows it."""

    GREETING = auto()
    LOGIN = auto()
    SENDER = auto()
    RECIPIENT = auto()
    CONTENT = auto()
    MESSAGE = auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply code, its enhanced code ("5.1.1") if there is one, and whether the words speak of a sending limit."""

    code: int
    enhanced: str = ""
    names_limit: bool = False

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_refusal(self) -> bool:
        return 400 <= self.code < 600

    @property
    def is_consent(self) -> bool:
        return 200 <= self.code < 300

    @property
    def leaves_open(self) -> bool:
        """Whether it refuses, and the connection is in order all the same."""
        return self.is_refusal and not self.closes

    @property
    def closes(self) -> bool:
        return self.code == _CLOSING

    def __str__(self) -> str:
        return f"{self.code or ''} {self.enhanced}".strip() or "no code"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`lasts` is how long it stands in the way, where it passes by itself."""

    fault: Fault
    sentence: str
    lasts: timedelta | None = None


def read_reply(code: int, words: str) -> Reply:
    found = _ENHANCED.match(words)
    enhanced = found[1] if found and found[1][0] == str(code)[0] else ""
    return Reply(code, enhanced, bool(_LIMIT_WORDS.search(words)))


def answer_of(stage: Stage, reply: Reply) -> Answer:
    """Return what a reply that is no consent says of the message."""
    if not reply.is_refusal:
        if stage is Stage.MESSAGE:
            return Unknown("The mail server gave no clear answer.")
        return Unreached("The mail server answered in an unexpected form.")
    if reply.is_temporary:
        return _later(stage, reply)
    if stage is Stage.GREETING:
        return Unreached(f"The mail server takes no connections ({reply}).")
    meaning = explain(stage, reply)
    return Refused(reply.code, meaning.fault, meaning.sentence, meaning.lasts)


def _later(stage: Stage, reply: Reply) -> Answer:
    # One full mailbox must not hold up the whole account, as "too many at once" does.
    if stage is Stage.RECIPIENT and reply.enhanced.startswith("4.2."):
        meaning = explain_recipient(reply)
        return Refused(reply.code, meaning.fault, meaning.sentence, meaning.lasts)
    return Throttled(None if reply.closes or stage is Stage.GREETING else _ASK_AGAIN)


def explain(stage: Stage, reply: Reply) -> Meaning:
    """Return whom a permanent refusal (5xx) is about and a sentence for a clerk."""
    if stage is Stage.LOGIN:
        return Meaning(Fault.CREDENTIALS, f"The mail server did not accept the user name and password ({reply}).")
    if reply.code in _LOGIN_CODES:
        return Meaning(Fault.CREDENTIALS, f"The mail server wants a login that it accepts ({reply}).")
    if _speaks_of_limit(reply):
        return Meaning(Fault.LIMIT, f"The account at the mail server has reached its limit ({reply}).", _LIMIT_LASTS)
    if stage is Stage.SENDER and _is_about_sender(reply):
        return Meaning(Fault.SENDER, f"The mail server does not accept the sender's address ({reply}).")
    if stage is not Stage.RECIPIENT and (not reply.enhanced or reply.enhanced.startswith(("5.0.", "5.5.", "5.7."))):
        return Meaning(Fault.CONTENT, f"The mail server does not accept this e-mail ({reply}).")
    if reply.enhanced in ("5.1.7", "5.1.8"):
        return Meaning(Fault.SENDER, f"The mail server does not accept the sender's address ({reply}).")
    return explain_recipient(reply)


def _is_about_sender(reply: Reply) -> bool:
    # The size of the e-mail is told to the server together with the sender, and refused there.
    is_about_size = reply.enhanced.startswith(("5.3.", "5.6.")) or (reply.code == 552 and not reply.enhanced)
    return not is_about_size


def _speaks_of_limit(reply: Reply) -> bool:
    if reply.enhanced in _LIMIT_CODES:
        return True
    # Elsewhere a quota is that of the recipient's mailbox.
    return reply.names_limit and reply.enhanced.startswith("5.7.")


def explain_recipient(reply: Reply) -> Meaning:
    """Return what a refusal says of the recipient or the e-mail. It never speaks of the sender's account."""
    kind, _, rest = reply.enhanced.partition(".")
    subject, _, detail = rest.partition(".")
    if subject in ("", "0"):
        return _by_code(reply)
    if kind == "4" and (subject, detail) != ("2", "2"):
        return _meaning(_OTHER_TEMPORARY, reply)
    for about, details, fault, sentence, lasts in _ABOUT_RECIPIENT:
        if subject == about and (details is None or detail in details):
            return Meaning(fault, f"{sentence} ({reply}).", lasts)
    return _meaning(_OTHER, reply)


def _by_code(reply: Reply) -> Meaning:
    is_temporary = reply.is_temporary or (not reply.code and reply.enhanced.startswith("4"))
    return _meaning(_WITHOUT_ENHANCED.get(reply.code, _OTHER_TEMPORARY if is_temporary else _OTHER), reply)


def _meaning(found: tuple[Fault, str, timedelta | None], reply: Reply) -> Meaning:
    fault, sentence, lasts = found
    return Meaning(fault, f"{sentence} ({reply}).", lasts)


_NO_ADDRESS = "The mail server says that this address does not exist"
_NO_SUCH_LETTERS = "The mail server takes no address with such letters before the @"
_FULL = "The recipient's mailbox is full"
_NOT_ACCEPTED = "The recipient's mail server does not accept e-mail from this sender"
_NOT_IN_TIME = "The recipient's mail server could not be reached in time"
_TOO_LARGE = "The e-mail is too large for the recipient's mail server"

_ABOUT_RECIPIENT: tuple[tuple[str, frozenset[str] | None, Fault, str, timedelta | None], ...] = (
    ("1", frozenset({"7", "8"}), Fault.RECIPIENT, _NOT_ACCEPTED, None),
    ("1", None, Fault.INVALID_ADDRESS, _NO_ADDRESS, None),
    ("2", frozenset({"1"}), Fault.INVALID_ADDRESS, "The recipient's mailbox has been closed", None),
    ("2", frozenset({"2"}), Fault.UNREACHABLE, _FULL, _FULL_LASTS),
    ("2", frozenset({"3"}), Fault.CONTENT, _TOO_LARGE, None),
    ("2", None, Fault.RECIPIENT, "The recipient's mailbox does not accept e-mail", None),
    ("3", frozenset({"4"}), Fault.CONTENT, _TOO_LARGE, None),
    ("4", frozenset({"4"}), Fault.INVALID_ADDRESS, "The domain of this address has no mail server", None),
    ("4", frozenset({"1", "2", "3", "7"}), Fault.UNREACHABLE, _NOT_IN_TIME, _PASSES),
    ("6", frozenset({"7"}), Fault.INVALID_ADDRESS, _NO_SUCH_LETTERS, None),
    ("6", None, Fault.CONTENT, "The recipient's mail server does not accept the form of the e-mail", None),
    ("7", None, Fault.RECIPIENT, _NOT_ACCEPTED, None),
)
_OTHER = (Fault.OTHER, "The mail server refused the e-mail", None)
_OTHER_TEMPORARY = (Fault.UNREACHABLE, "The recipient's mail server did not take the e-mail", _PASSES)
_WITHOUT_ENHANCED: dict[int, tuple[Fault, str, timedelta | None]] = {
    **dict.fromkeys((550, 551, 553), (Fault.INVALID_ADDRESS, _NO_ADDRESS, None)),
    552: (Fault.UNREACHABLE, _FULL, _FULL_LASTS),
    554: (Fault.RECIPIENT, _NOT_ACCEPTED, None),
}
