"""Make up the customers of an organization, the same ones each time."""

import unicodedata
from dataclasses import dataclass
from random import Random

from dunlin.demo.content import DemoOrganization
from dunlin.demo.numbers import TEST_NUMBERS, draw_numbers
from dunlin.demo.people import COUNTRY_LANGUAGE, NAMES, Names

SCRIPTED = len(TEST_NUMBERS)  # the first customers have the test numbers
_MAIL_DOMAINS = ("example.com", "example.org", "example.net")
_FIRST_REFERENCE = 10_001
# Every so many customers one; without common factors, so that it is seldom the same one.
_WITHOUT_MAIL, _FIRMS, _WITHOUT_PHONE, _OPTED_OUT = 7, 11, 13, 17


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    external_reference: str
    name: str
    language: str | None
    phone: str | None
    email: str | None
    is_opted_out: bool
    time_zone: str | None

    @property
    def can_be_texted(self) -> bool:
        return self.phone is not None and self.phone not in TEST_NUMBERS and not self.is_opted_out


def make_customers(organization: DemoOrganization, random: Random) -> list[DemoCustomer]:
    shares = {country: -(-organization.customers * share // 10) for country, share in organization.phones.items()}
    numbers = [*TEST_NUMBERS, *draw_numbers(shares, random)]
    languages = random.choices(
        list(organization.languages), list(organization.languages.values()), k=organization.customers
    )
    names = _different_names(languages, organization.country, random)
    return [
        _make(place, name, language, number, organization)
        for place, (name, language, number) in enumerate(zip(names, languages, numbers, strict=False))
    ]


def _different_names(languages: list[str | None], country: str, random: Random) -> list[str]:
    names: list[str] = []
    for place, language in enumerate(languages):
        pool = NAMES[(language or COUNTRY_LANGUAGE[country]).split("-")[0]]
        name = _draw(pool, place, random)
        while name in names:
            name = _draw(pool, place, random)
        names.append(name)
    return names


def _draw(pool: Names, place: int, random: Random) -> str:
    family = random.choice(pool.family)
    if _is_one_of(place, _FIRMS):
        return random.choice(pool.firms).format(family)
    return f"{random.choice(pool.given)} {family}"


def _make(place: int, name: str, language: str | None, number: str, organization: DemoOrganization) -> DemoCustomer:
    return DemoCustomer(
        external_reference=f"{organization.country}{_FIRST_REFERENCE + place}",
        name=name,
        language=language,
        phone=None if _is_one_of(place, _WITHOUT_PHONE) else number,
        email=None
        if _is_one_of(place, _WITHOUT_MAIL)
        else f"{_mailbox(name)}@{_MAIL_DOMAINS[place % len(_MAIL_DOMAINS)]}",
        is_opted_out=_is_one_of(place, _OPTED_OUT),
        # The test numbers are American ones without an area code, which may be in any of some forty zones.
        time_zone=organization.time_zone if number in TEST_NUMBERS else None,
    )


def _is_one_of(place: int, every: int) -> bool:
    return place % every == every - 1


def _mailbox(name: str) -> str:
    folded = unicodedata.normalize("NFD", name.lower().replace("ß", "ss"))
    words = "".join(c if c.isascii() and c.isalnum() else " " if c.isspace() else "" for c in folded).split()
    return ".".join(words)
