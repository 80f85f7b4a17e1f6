"""In which time zones a customer may be: the one that was given, or those that the phone number may belong to."""

from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import timezone
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from dunlin.domain.rules import phone


def possible_zones(given: str | None, number: str | None, organization: str) -> tuple[str, ...]:
    """Return the IANA name of every zone in which the customer may be, sorted; never none.

    `given` counts alone. Otherwise `number` (E.164) tells: one without an area code tells all zones of its country.
    Where it tells nothing, the zone of the `organization` stands in.
    """
    if given is not None and _is_known(given):
        return (given,)
    return (zones_of_number(number) if number is not None else ()) or (organization,)


def widest_zones(given: str | None, number: str | None, organization: str) -> tuple[str, ...]:
    """Return the zones of `possible_zones` among others, told in a tenth of the time: nobody asks of which kind it is.

    A `number` is taken to belong to the zones of all that it begins with, and to that of the `organization`.
    """
    if given is not None and _is_known(given):
        return (given,)
    names = {organization}
    if number is not None:
        for end in range(2, TIMEZONE_LONGEST_PREFIX + 2):  # behind the plus
            names.update(TIMEZONE_DATA.get(number[1:end], ()))
    return tuple(sorted(name for name in names if _is_known(name)))


@lru_cache(maxsize=4_096)  # whoever plans for a number sends to it soon
def zones_of_number(number: str) -> tuple[str, ...]:
    """Return the IANA names of the zones that `number` (E.164) may belong to, sorted; none if it tells none.

    A number of a range that is not in use may be in any zone of the numbers beside it.
    """
    known = phone.parsed(number)
    if known is None or known.country_code is None:
        return ()
    names = timezone.time_zones_for_geographical_number(known)
    if names != _zones_of_country(known.country_code):  # else it does not matter of which kind the number is
        by_kind = timezone.time_zones_for_number(known)
        names = names if timezone.UNKNOWN_TIMEZONE in by_kind else by_kind
    return tuple(sorted(name for name in names if name != timezone.UNKNOWN_TIMEZONE and _is_known(name)))


@cache  # some two hundred calling codes
def _zones_of_country(calling_code: int) -> tuple[str, ...]:
    """Return the zones of a calling code; no number behind it begins with 0."""
    nobody = phonenumbers.PhoneNumber(country_code=calling_code, national_number=0)
    return tuple(timezone.time_zones_for_geographical_number(nobody))


@cache  # some hundred names
def _is_known(name: str) -> bool:
    """Return whether there are rules for this zone: names come from elsewhere, and may be newer or gone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True
