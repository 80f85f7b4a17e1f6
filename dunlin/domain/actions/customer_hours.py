"""When reminders to a customer may leave, out of a row of customer and organization."""

import json
from typing import Any

from dunlin.domain.rules.moments import Hours
from dunlin.domain.rules.phone import country_of
from dunlin.domain.rules.schedule import window_of
from dunlin.domain.rules.zones import possible_zones

# Of the tables `customer` and `organization o`.
HOURS_COLUMNS = """customer.phone, customer.time_zone AS customer_zone, o.time_zone, o.country, o.window_start,
  o.window_end, o.window_days, o.skip_holidays"""


def hours_of(row: dict[str, Any]) -> Hours:
    """Return the hours of a row with `HOURS_COLUMNS`; holidays are those of the number's country, if it tells one."""
    phone = row["phone"]
    country = (country_of(phone) if phone else None) or row["country"]
    return Hours(
        window_of(row["window_start"], row["window_end"], json.loads(row["window_days"])),
        possible_zones(row["customer_zone"], phone, row["time_zone"]),
        holidays_in=country if row["skip_holidays"] else None,
    )
