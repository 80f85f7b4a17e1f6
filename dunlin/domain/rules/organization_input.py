"""What an organization may be. An empty list of problems means good."""

from dataclasses import dataclass

from babel import Locale, UnknownLocaleError
from phonenumbers import SUPPORTED_REGIONS

from dunlin.domain.errors import Problem, ProblemCode
from dunlin.domain.rules.notation import LANGUAGE, TIME_ZONES
from dunlin.domain.rules.step_input import check_name


@dataclass(frozen=True, slots=True)
class NewOrganization:
    name: str
    country: str  # ISO 3166-1 alpha-2
    time_zone: str  # IANA name
    default_language: str  # BCP 47


def check_organization(given: NewOrganization) -> list[Problem]:
    problems = check_name(given.name)
    if given.country not in SUPPORTED_REGIONS:
        message = "A country is two capital letters of ISO 3166-1, such as BE."
        problems.append(Problem(ProblemCode.INVALID, message, ("country",)))
    if given.time_zone not in TIME_ZONES:
        message = "A time zone is an IANA name such as Europe/Brussels."
        problems.append(Problem(ProblemCode.INVALID, message, ("timeZone",)))
    if not _is_language(given.default_language):
        message = "A language is a BCP 47 tag such as nl or fr-BE."
        problems.append(Problem(ProblemCode.INVALID, message, ("defaultLanguage",)))
    return problems


def _is_language(tag: str) -> bool:
    if not LANGUAGE.fullmatch(tag):
        return False
    try:
        Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True
