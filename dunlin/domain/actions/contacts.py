"""When customers were reminded lately, and when they will be as it is planned."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dunlin.domain.rules.caps import WEEK, Limits
from dunlin.domain.store import rows

# Of the tables `customer` and `organization o`.
LIMITS_COLUMNS = "customer.id AS customer_id, o.minimum_gap_hours, o.maximum_per_week"


def limits_of(row: dict[str, Any]) -> Limits:
    return Limits(row["minimum_gap_hours"], row["maximum_per_week"])


@dataclass(slots=True)
class Contacts:
    """Of one customer. `planned` is by case step: reminders scheduled in cases that run."""

    reminded: list[datetime] = field(default_factory=list)
    planned: dict[int, datetime] = field(default_factory=dict)

    def all_from(self, now: datetime) -> list[datetime]:
        """Return all of them, sorted. What is due is on its way, so it counts as of `now`."""
        return sorted((*self.reminded, *(max(moment, now) for moment in self.planned.values())))

    def planned_after(self, now: datetime) -> list[datetime]:
        return sorted(moment for moment in self.planned.values() if moment > now)


async def contacts_of(customer_ids: Collection[int], now: datetime) -> defaultdict[int, Contacts]:
    """Return the contacts of each customer; `reminded` goes back for a week.

    What did not arrive does not count. What may have arrived does, and so does what is being handed over.
    """
    contacts: defaultdict[int, Contacts] = defaultdict(Contacts)
    if customer_ids:
        for row in await rows(_SELECT, sorted(customer_ids), now - WEEK):
            one = contacts[row["customer_id"]]
            if row["status"] == "SCHEDULED":
                one.planned[row["case_step_id"]] = row["moment"]
            else:
                one.reminded.append(row["moment"])
    return contacts


# Customer by customer, whatever the planner knows of statuses: there are a few reminders of each, and many of a status.
_SELECT = """
SELECT c.customer_id, r.case_step_id, r.status, r.moment
FROM unnest($1::bigint[]) AS customer(id)
CROSS JOIN LATERAL (
  SELECT c.id, c.customer_id, c.state FROM collection_case c WHERE c.customer_id = customer.id OFFSET 0
) c
CROSS JOIN LATERAL (
  SELECT r.case_step_id, r.status,
         CASE WHEN r.status = 'SCHEDULED' THEN r.scheduled_for ELSE coalesce(r.handed_over_at, r.sent_at) END AS moment
  FROM reminder r WHERE r.case_id = c.id AND (
    r.status = 'SCHEDULED' AND c.state = 'ACTIVE'
    OR r.status IN ('SENDING', 'UNCONFIRMED', 'SENT', 'DELIVERED') AND coalesce(r.handed_over_at, r.sent_at) > $2)
  OFFSET 0
) r
"""
