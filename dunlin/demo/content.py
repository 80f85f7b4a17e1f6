"""What the demo consists of: accounts, their organizations, and how these collect. Every name is invented."""

from collections.abc import Mapping
from dataclasses import dataclass

from dunlin.demo import texts
from dunlin.domain.choices import CaseOrigin, Weekday
from dunlin.domain.rules.schedule import SendWindow


@dataclass(frozen=True, slots=True)
class DemoStep:
    name: str
    trigger_days: int
    sms: texts.Texts


@dataclass(frozen=True, slots=True)
class DemoCycle:
    """`amounts`: the least and the most that a case of this cycle is about."""

    name: str
    origin: CaseOrigin
    amounts: tuple[int, int]
    steps: tuple[DemoStep, ...]


@dataclass(frozen=True, slots=True)
class DemoOrganization:
    """`languages`: how many of ten customers speak what. `phones`: how many of ten have a number of which country.

    `reference`: a pattern for {number} or, in Belgium, the {structured} communication of banks.
    `former_sender`: the sender of the time when SMS was connected; None if it never was.
    """

    name: str
    country: str
    time_zone: str
    default_language: str
    currency: str
    window: SendWindow
    reference: str  # how a customer knows a case
    languages: Mapping[str | None, int]
    phones: Mapping[str, int]
    customers: int
    cases: int
    cycles: tuple[DemoCycle, ...]
    former_sender: str | None


@dataclass(frozen=True, slots=True)
class DemoAccount:
    name: str
    organizations: tuple[DemoOrganization, ...]


# A visitor shall see a reminder leave at any hour; who really texts people at night should not copy this.
AROUND_THE_CLOCK = SendWindow("00:00", "24:00", frozenset(Weekday))
DAYTIME = SendWindow("08:00", "20:00", frozenset(Weekday) - {Weekday.SUNDAY})


def _invoices(name: str, low: int, high: int) -> DemoCycle:
    return DemoCycle(
        name,
        CaseOrigin.OVERDUE_INVOICE,
        (low, high),
        (
            DemoStep("Friendly reminder", 7, texts.INVOICE_FRIENDLY),
            DemoStep("Second reminder", 10, texts.INVOICE_SECOND),
            DemoStep("Last reminder", 14, texts.INVOICE_LAST),
            DemoStep("Notice of default", 15, texts.INVOICE_DEFAULT),
        ),
    )


def _debits(name: str, low: int, high: int) -> DemoCycle:
    return DemoCycle(
        name,
        CaseOrigin.DIRECT_DEBIT_RETURN,
        (low, high),
        (
            DemoStep("Friendly reminder", 5, texts.DEBIT_FRIENDLY),
            DemoStep("Second reminder", 10, texts.DEBIT_SECOND),
            DemoStep("Notice of default", 14, texts.DEBIT_DEFAULT),
        ),
    )


_RENT = DemoCycle(
    "Returned rent debits",
    CaseOrigin.DIRECT_DEBIT_RETURN,
    (420, 1450),
    (
        DemoStep("Friendly reminder", 5, texts.RENT_FRIENDLY),
        DemoStep("Second reminder", 10, texts.RENT_SECOND),
        DemoStep("Notice of default", 14, texts.DEBIT_DEFAULT),
    ),
)
_MEMBERSHIP = DemoCycle(
    "Membership fees",
    CaseOrigin.OVERDUE_INVOICE,
    (25, 190),
    (
        DemoStep("Friendly reminder", 10, texts.MEMBERSHIP_FRIENDLY),
        DemoStep("Second reminder", 14, texts.MEMBERSHIP_SECOND),
        DemoStep("Notice of default", 14, texts.MEMBERSHIP_DEFAULT),
    ),
)

ACCOUNTS = (
    DemoAccount(
        "Noordlicht Utilities Group",
        (
            DemoOrganization(
                name="Helderstroom Energie",
                country="BE",
                time_zone="Europe/Brussels",
                default_language="nl",
                currency="EUR",
                window=AROUND_THE_CLOCK,
                reference="{structured}",
                languages={"nl": 5, "nl-BE": 1, "fr": 2, "de": 1, None: 1},
                phones={"FR": 6, "DE": 2, "GB": 2},
                customers=72,
                cases=56,
                cycles=(
                    _invoices("Energy invoices", 45, 480),
                    _debits("Returned direct debits", 60, 240),
                ),
                former_sender="HELDER",
            ),
            DemoOrganization(
                name="Harbourlight Water",
                country="GB",
                time_zone="Europe/London",
                default_language="en",
                currency="GBP",
                window=AROUND_THE_CLOCK,
                reference="HW-{number}",
                languages={"en": 6, "en-GB": 1, "fr": 1, "de": 1, None: 1},
                phones={"GB": 10},
                customers=64,
                cases=44,
                cycles=(_invoices("Water bills", 38, 310),),
                former_sender=None,
            ),
            DemoOrganization(
                name="Revontuli District Heat",
                country="FI",
                time_zone="Europe/Helsinki",
                default_language="en",
                currency="EUR",
                window=AROUND_THE_CLOCK,
                reference="RDH {number}",
                languages={"en": 3, "fi": 3, "sv": 2, "de": 1, None: 1},  # no text in fi and sv: default language
                phones={"SE": 9, "GB": 1},
                customers=60,
                cases=40,
                cycles=(_invoices("Heating bills", 70, 520),),
                former_sender=None,
            ),
        ),
    ),
    DemoAccount(
        "Lindenhain Living & Sports",
        (
            DemoOrganization(
                name="Lindenhain Wohnen",
                country="DE",
                time_zone="Europe/Berlin",
                default_language="de",
                currency="EUR",
                window=DAYTIME,
                reference="M-{number}",
                languages={"de": 7, "en": 1, "fr": 1, None: 1},
                phones={"DE": 9, "FR": 1},
                customers=72,
                cases=60,
                cycles=(_RENT, _invoices("Service charges", 90, 620)),
                former_sender="LINDENHAIN",
            ),
            DemoOrganization(
                name="Club Belle-Rive",
                country="FR",
                time_zone="Europe/Paris",
                default_language="fr",
                currency="EUR",
                window=DAYTIME,
                reference="CBR-{number}",
                languages={"fr": 7, "en": 1, "nl": 1, None: 1},
                phones={"FR": 9, "GB": 1},
                customers=66,
                cases=48,
                cycles=(_MEMBERSHIP, _debits("Returned direct debits", 25, 75)),
                former_sender=None,
            ),
        ),
    ),
)
