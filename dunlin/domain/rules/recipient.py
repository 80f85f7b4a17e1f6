"""Where a customer is reached by each kind of message, and why not, in the words that users read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dunlin.domain.choices import Check, CommunicationMethod, IntegrationKind
from dunlin.domain.rules.finding import Finding, failed, passed

ANSWERED = "The customer has answered by SMS."


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of one kind of message and its addresses. `check` looks whether there is a usable one."""

    name: str  # where a sentence begins
    name_within: str  # within a sentence
    other: str  # what it never falls back to
    check: Check
    missing: str
    bad: str  # the beginning of a sentence that a carrier's words complete
    opted_out: str
    unreachable: str
    moved: str
    unusable: str


_WORDS: Mapping[IntegrationKind, Words] = {
    IntegrationKind.SMS: Words(
        name="SMS",
        name_within="SMS",
        other="e-mail",
        check=Check.NUMBER,
        missing="The customer has no phone number.",
        bad="The phone number must be corrected: ",
        opted_out="The customer has opted out of SMS.",
        unreachable="The last three texts to it did not arrive.",
        moved="the customer has another number now.",
        unusable="the customer cannot be texted.",
    ),
    IntegrationKind.EMAIL: Words(
        name="E-mail",
        name_within="e-mail",
        other="SMS",
        check=Check.EMAIL_ADDRESS,
        missing="The customer has no e-mail address.",
        bad="The e-mail address must be corrected: ",
        opted_out="The customer has opted out of e-mail.",
        unreachable="The last three e-mails to it did not arrive.",
        moved="the customer has another e-mail address now.",
        unusable="the customer cannot be reached by e-mail.",
    ),
}


def words_of(kind: IntegrationKind) -> Words:
    return _WORDS[kind]


def kind_of(method: CommunicationMethod) -> IntegrationKind:
    """Return the integration that a method goes by. NONE goes by none, and is not asked about."""
    return IntegrationKind.EMAIL if method is CommunicationMethod.EMAIL else IntegrationKind.SMS


@dataclass(frozen=True, slots=True)
class Recipient:
    """One customer, as a kind of message reaches them: a number in E.164, or an e-mail address.

    `problem` is what a carrier says of the address, where it cannot be used.
    """

    kind: IntegrationKind
    address: str | None
    problem: str | None = None
    opted_out: bool = False


def bad_address(kind: IntegrationKind, problem: str) -> str:
    """Return the reason for an address of which a carrier says `problem`, a sentence."""
    return words_of(kind).bad + problem[:1].lower() + problem[1:]


def look_at_opt_out(recipient: Recipient) -> Iterator[Finding]:
    if recipient.opted_out:
        yield failed(Check.OPT_OUT, words_of(recipient.kind).opted_out)
    yield passed(Check.OPT_OUT)


def failed_address(recipient: Recipient) -> Finding | None:
    """Return what is wrong with the address, if anything."""
    words = words_of(recipient.kind)
    if recipient.address is None:
        return failed(words.check, words.missing)
    if recipient.problem is not None:
        return failed(words.check, bad_address(recipient.kind, recipient.problem))
    return None
