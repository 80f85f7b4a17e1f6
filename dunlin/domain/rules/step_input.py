"""What may be set on a step. Each check returns problems; an empty list means good."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
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
    """A step to be added. `sms_texts` are (language, text)."""

    name: str
    trigger_days: int
    communication_method: CommunicationMethod
    sms_texts: list[tuple[str, str]]


def check_step(step: NewStep) -> list[Problem]:
    problems = check_name(step.name) + check_trigger_days(step.trigger_days) + check_sms_texts(step.sms_texts)
    if step.communication_method is CommunicationMethod.SMS:
        problems += check_has_text(dict(step.sms_texts))
    return problems


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
    problems: list[Problem] = []
    for place, (language, text) in enumerate(texts):
        if language in [earlier for earlier, _ in texts[:place]]:
            problem = Problem(ProblemCode.DUPLICATE, f"There are two texts in {language}.", ("language",))
            problems += under([problem], "smsTexts", str(place))
        problems += under(check_sms_text(text), "smsTexts", str(place))
    return problems


def check_sms_text(text: str) -> list[Problem]:
    """Check one text; an unknown placeholder is the only problem of a text that can be read."""
    path = ("text",)
    if not text.strip():
        return [Problem(ProblemCode.REQUIRED, "A text may not be empty.", path)]
    if len(text) > template.MAX_LENGTH:
        message = f"A text has at most {template.MAX_LENGTH} characters; this one has {len(text)}."
        return [Problem(ProblemCode.TEXT_TOO_LONG, message, path)]
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r" for character in text):
        return [Problem(ProblemCode.INVALID, "A text may not hold control characters.", path)]
    try:
        unknown = template.unknown_placeholders(text)
        if not unknown:
            template.render(text, _SAMPLE, "en")
    except BadText as error:
        return [Problem(ProblemCode.INVALID, str(error), path)]
    if not unknown:
        return []
    message = f"Unknown: {', '.join(unknown)}. A text may name {', '.join(template.PLACEHOLDERS)}."
    return [Problem(ProblemCode.UNKNOWN_PLACEHOLDER, message, path)]


def check_has_text(texts: Mapping[str, str]) -> list[Problem]:
    if texts:
        return []
    return [Problem(ProblemCode.REQUIRED, "An SMS step needs a text in at least one language.", ("smsTexts",))]
