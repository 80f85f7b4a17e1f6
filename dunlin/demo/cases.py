"""Think up the cases of an organization: what each is about and how far it has come. Nothing is stored here."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, auto
from itertools import accumulate, cycle
from random import Random
from zoneinfo import ZoneInfo

from dunlin.demo.content import DemoCycle, DemoOrganization
from dunlin.demo.customers import SCRIPTED, DemoCustomer
from dunlin.domain.choices import CaseClosedReason, CaseOrigin
from dunlin.domain.rules.return_reason import DECEASED

QUIET = timedelta(hours=1)  # a fresh demo has nothing due for so long
_OPENING_LAG = {CaseOrigin.OVERDUE_INVOICE: 1, CaseOrigin.DIRECT_DEBIT_RETURN: 2}  # days after the due date
_LONGEST_AGO = 60
_SECOND_CASES = 4  # so many customers have two cases


class Fate(Enum):
    """Where a case stands."""

    WAITING = auto()
    PAUSED = auto()
    PAID = auto()
    MANUALLY_CLOSED = auto()
    COMPLETED = auto()


# The mix, over and over: a good half is open.
_FATES = (
    *(Fate.WAITING, Fate.WAITING, Fate.PAID, Fate.WAITING, Fate.COMPLETED, Fate.WAITING, Fate.PAID, Fate.WAITING),
    *(
        Fate.PAUSED,
        Fate.WAITING,
        Fate.COMPLETED,
        Fate.WAITING,
        Fate.PAID,
        Fate.MANUALLY_CLOSED,
        Fate.WAITING,
        Fate.PAID,
    ),
)
# Insufficient funds is by far the commonest.
_RETURN_REASONS = ("AM04", "MD01", "AM04", "MS02", "AM04", "AM04", "MS03", "AC04")


@dataclass(frozen=True, slots=True)
class DemoCase:
    """One case with its whole calendar.

    `reached`: the last step that may have come due. Later ones come only when the case still waits.
    """

    customer: int  # place in the list of customers
    cycle: DemoCycle
    return_reason_code: str | None
    external_reference: str
    amount: Decimal
    due_on: date
    opened_at: datetime
    step_days: tuple[date, ...]
    reached: int
    is_paused: bool
    closed_reason: CaseClosedReason | None  # COMPLETED is found out by playing the case


@dataclass(frozen=True, slots=True)
class _Place:
    """A case on the calendar: the step `position` (from 0) is due on `day`."""

    customer: int
    cycle: DemoCycle
    fate: Fate
    position: int
    day: date
    reason: str | None


def think_up_cases(
    organization: DemoOrganization,
    customers: list[DemoCustomer],
    interrupted_on: date | None,
    now: datetime,
    random: Random,
) -> list[DemoCase]:
    """Return cases in the order in which they were opened.

    On `interrupted_on` some have a step due: reminders that were scheduled when SMS was disconnected.
    """
    # Whatever is due "tomorrow" by this calendar is due later than the quiet time, at any hour and in any zone.
    today = (now + QUIET).astimezone(ZoneInfo(organization.time_zone)).date()
    places = _scripted(organization, customers, interrupted_on, today)
    busy = {place.customer for place in places}
    free = [place for place in range(len(customers)) if place not in busy]
    chosen = [*free[: organization.cases - len(places) - _SECOND_CASES], *free[:_SECOND_CASES]]
    reasons = cycle(_RETURN_REASONS)
    for number, customer in enumerate(chosen):
        plan = organization.cycles[number % len(organization.cycles)]
        reason = next(reasons) if plan.origin is CaseOrigin.DIRECT_DEBIT_RETURN else None
        fate = _FATES[number % len(_FATES)]
        places.append(_Place(customer, plan, fate, *_stand(plan, fate, today, random), reason))
    cases = [_case(place, number, organization, random) for number, place in enumerate(places)]
    return sorted(cases, key=lambda case: (case.opened_at, case.external_reference))


def _scripted(
    organization: DemoOrganization, customers: list[DemoCustomer], interrupted_on: date | None, today: date
) -> list[_Place]:
    """Return the cases that every demo has: failing numbers, a death, and an interrupted reminder or two."""
    places = []
    for customer in range(SCRIPTED):
        plan = organization.cycles[customer % len(organization.cycles)]
        last, reason = len(plan.steps) - 1, None
        if plan.origin is CaseOrigin.DIRECT_DEBIT_RETURN:
            reason = "AM04"
        places.append(_Place(customer, plan, Fate.WAITING, last, today + timedelta(days=1 + customer), reason))
    texted = (place for place, customer in enumerate(customers) if customer.can_be_texted)
    for plan in organization.cycles:
        if plan.origin is CaseOrigin.DIRECT_DEBIT_RETURN:
            places.append(_Place(next(texted), plan, Fate.WAITING, 1, today + timedelta(days=4), DECEASED))
        elif interrupted_on is not None:
            places += [_Place(next(texted), plan, Fate.WAITING, at, interrupted_on, None) for at in (1, 2)]
    return places


def _stand(plan: DemoCycle, fate: Fate, today: date, random: Random) -> tuple[int, date]:
    """Return a position and the day of its step, such that everything before lies in the past."""
    last = len(plan.steps) - 1
    match fate:
        case Fate.WAITING | Fate.PAUSED:
            position = random.randint(0, last)
            gap = plan.steps[position].trigger_days
            latest = gap - 1 - (0 if position else _OPENING_LAG[plan.origin])
            return position, today + timedelta(days=random.randint(1, latest))
        case Fate.PAID | Fate.MANUALLY_CLOSED:
            return random.randint(0, last - 1), today - timedelta(days=random.randint(1, _LONGEST_AGO))
        case Fate.COMPLETED:
            return last, today - timedelta(days=random.randint(1, _LONGEST_AGO))


def _case(place: _Place, number: int, organization: DemoOrganization, random: Random) -> DemoCase:
    gaps = [step.trigger_days for step in place.cycle.steps]
    days_in = list(accumulate(gaps))
    due_on = place.day - timedelta(days=days_in[place.position])
    opening = due_on + timedelta(days=_OPENING_LAG[place.cycle.origin])
    zone = ZoneInfo(organization.time_zone)
    opened_at = datetime.combine(opening, time(6), zone) + timedelta(seconds=random.randint(0, 3 * 3600))
    low, high = place.cycle.amounts
    closed = {Fate.PAID: CaseClosedReason.PAID, Fate.MANUALLY_CLOSED: CaseClosedReason.MANUAL}.get(place.fate)
    return DemoCase(
        customer=place.customer,
        cycle=place.cycle,
        return_reason_code=place.reason,
        external_reference=_reference(organization, due_on, number),
        amount=Decimal(random.randint(low * 100, high * 100)) / 100,
        due_on=due_on,
        opened_at=opened_at.astimezone(ZoneInfo("UTC")),
        step_days=tuple(due_on + timedelta(days=days) for days in days_in),
        reached=place.position if closed else len(gaps) - 1,
        is_paused=place.fate is Fate.PAUSED,
        closed_reason=closed,
    )


def _reference(organization: DemoOrganization, due_on: date, number: int) -> str:
    serial = int(f"{due_on:%y%m}{41_000 + number}")
    return organization.reference.format(number=serial, structured=structured_communication(serial))


def structured_communication(serial: int) -> str:
    """Return Belgium's payment reference +++123/4567/89002+++: ten digits, and two that are their rest by 97."""
    digits = f"{serial:010}{serial % 97 or 97:02}"
    return f"+++{digits[:3]}/{digits[3:7]}/{digits[7:]}+++"
