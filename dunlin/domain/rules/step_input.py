"""What may be set on a step. Each check returns problems; an empty list means good."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from dunlin.domain.choices import CommunicationMethod
from dunlin.domain.errors import Problem, ProblemCode
from dunlin.domain.rules import texts as template
from dunlin.domain.rules.texts import BadText, Filling

MAX_NAME = 200
MAX_TRIGGER_DAYS = 3650

_SAMPLE = Filling(
    "Name", "Organization", Decimal("1.00"), "EUR", date(2026, 1, 1), "Reference", payment_link="https://example.com"
)


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step to be added. `sms_texts` are (language, text), `email_texts` (language, subject, body)."""

    name: str
    trigger_days: int
    communication_method: CommunicationMethod
    sms_texts: list[tuple[str, str]]
    email_texts: list[tuple[str, str, str]] = field(default_factory=list)


def check_step(step: NewStep) -> list[Problem]:
    return [
        *check_name(step.name),
        *check_trigger_days(step.trigger_days),
        *check_sms_texts(step.sms_texts),
        *check_email_texts(step.email_texts),
        *check_has_text(step.communication_method, sms=step.sms_texts, email=step.email_texts),
    ]


def by_language(email_texts: list[tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    """Return e-mails as they are stored."""
    return {language: {"subject": subject, "body": body} for language, subject, body in email_texts}


def under(problems: list[Problem], *path: str) -> list[Problem]:
    """Return the problems of a part of the input, under the part's path."""
    return [Problem(problem.code, problem.message, (*path, *problem.path)) for problem in problems]


def check_name(name: str) -> list[Problem]:
    if name.strip() and len(name) <= MAX_NAME and name.isprintable():
        return []
    return [Problem(ProblemCode.INVALID, f"A name has 1 to {MAX_NAME} printable characters.", ("name",))]


def check_trigger_days(days: int) -> list[Problem]:
    if 0 <= days <= MAX_TRIGGER_DAYS:
        return []
    return [Problem(ProblemCode.INVALID, f"Trigger days are 0 to {MAX_TRIGGER_DAYS}.", ("triggerDays",))]


def check_sms_texts(texts: list[tuple[str, str]]) -> list[Problem]:
    """Check (language, text) pairs in the order given."""
    problems = _check_languages([language for language, _ in texts], "smsTexts")
    for place, (_, text) in enumerate(texts):
        problems += under(check_sms_text(text), "smsTexts", str(place))
    return problems


def check_email_texts(texts: list[tuple[str, str, str]]) -> list[Problem]:
    """Check (language, subject, body) in the order given."""
    problems = _check_languages([language for language, _, _ in texts], "emailTexts")
    for place, (_, subject, body) in enumerate(texts):
        found = _check_template(subject, _SUBJECT, ("subject",)) + _check_template(body, _BODY, ("body",))
        problems += under(found, "emailTexts", str(place))
    return problems


def _check_languages(languages: list[str], name: str) -> list[Problem]:
    return [
        Problem(ProblemCode.DUPLICATE, f"There are two texts in {language}.", (name, str(place), "language"))
        for place, language in enumerate(languages)
        if language in languages[:place]
    ]


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    most: int  # characters as written
    made: template.Kind
    is_one_line: bool = False


_TEXT = _Part("A text", template.MAX_LENGTH, template.TEXT)
_SUBJECT = _Part("A subject", template.MAX_SUBJECT, template.SUBJECT, is_one_line=True)
_BODY = _Part("A body", template.MAX_BODY, template.BODY)


def check_sms_text(text: str) -> list[Problem]:
    """Check one text; an unknown placeholder is the only problem of a text that can be read."""
    return _check_template(text, _TEXT, ("text",))


def _check_template(text: str, part: _Part, path: tuple[str, ...]) -> list[Problem]:
    if not text.strip():
        return [Problem(ProblemCode.REQUIRED, f"{part.name} may not be empty.", path)]
    if len(text) > part.most:
        message = f"{part.name} has at most {part.most} characters; this one has {len(text)}."
        return [Problem(ProblemCode.TEXT_TOO_LONG, message, path)]
    if part.is_one_line and not text.isprintable():
        return [Problem(ProblemCode.INVALID, f"{part.name} is one line of printable characters.", path)]
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r" for character in text):
        return [Problem(ProblemCode.INVALID, f"{part.name} may not hold control characters.", path)]
    try:
        unknown = template.unknown_placeholders(text)
        if not unknown:
            template.render(text, _SAMPLE, "en", part.made)
    except BadText as error:
        return [Problem(ProblemCode.INVALID, str(error), path)]
    if not unknown:
        return []
    message = f"Unknown: {', '.join(unknown)}. {part.name} may name {', '.join(template.PLACEHOLDERS)}."
    return [Problem(ProblemCode.UNKNOWN_PLACEHOLDER, message, path)]


def check_has_text(method: CommunicationMethod, *, sms: Collection[object], email: Collection[object]) -> list[Problem]:
    """Check that a step has something to say by its method."""
    if method is CommunicationMethod.SMS and not sms:
        return [Problem(ProblemCode.REQUIRED, "An SMS step needs a text in at least one language.", ("smsTexts",))]
    if method is CommunicationMethod.EMAIL and not email:
        message = "An EMAIL step needs a subject and a body in at least one language."
        return [Problem(ProblemCode.REQUIRED, message, ("emailTexts",))]
    return []
