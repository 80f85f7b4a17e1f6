"""When reminders to a customer may leave, out of a row of customer and organization."""

import json
from functools import lru_cache
from typing import Any

from dunlin.domain.rules.moments import Hours
from dunlin.domain.rules.phone import country_of
from dunlin.domain.rules.schedule import SendWindow, window_of
from dunlin.domain.rules.zones import possible_zones, widest_zones

# Of the tables `customer` and `organization o`.
HOURS_COLUMNS = """customer.phone, customer.time_zone AS customer_zone, o.time_zone, o.country, o.window_start,
  o.window_end, o.window_days, o.skip_holidays"""


def hours_of(row: dict[str, Any]) -> Hours:
    """Return the hours of a row with `HOURS_COLUMNS`; holidays are those of the number's country, if it tells one."""
    return _hours(row, possible_zones(row["customer_zone"], row["phone"], row["time_zone"]))


def narrowest_hours_of(row: dict[str, Any]) -> Hours:
    """Return hours that lie within those of `hours_of`, told far sooner: by more clocks than may be the customer's."""
    return _hours(row, widest_zones(row["customer_zone"], row["phone"], row["time_zone"]))


def _hours(row: dict[str, Any], zones: tuple[str, ...]) -> Hours:
    phone = row["phone"]
    country = (country_of(phone) if phone else None) or row["country"] if row["skip_holidays"] else None
    return Hours(_window(row["window_start"], row["window_end"], row["window_days"]), zones, holidays_in=country)


@lru_cache(maxsize=1_024)  # an organization has one for all of its reminders
def _window(start: str, end: str, days: str) -> SendWindow:
    return window_of(start, end, json.loads(days))
