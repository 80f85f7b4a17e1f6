"""How languages, currencies, zones, dates and amounts are written, wherever they are read."""

import re
from datetime import date
from decimal import Decimal
from zoneinfo import available_timezones

from babel.numbers import list_currencies

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")  # BCP 47, as far as texts need it
CURRENCIES = frozenset(list_currencies())  # ISO 4217
TIME_ZONES = frozenset(available_timezones())  # IANA

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def read_date(text: str) -> date | None:
    """Return the day that `text` names as YYYY-MM-DD; None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_decimal(text: str) -> Decimal | None:
    """Return the number that `text` writes with digits and at most one dot; None for anything else."""
    return Decimal(text) if _DECIMAL.fullmatch(text) else None
