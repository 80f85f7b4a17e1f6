"""Wait for what is being handed to a carrier right now, so that what was ended can be reported ended."""

import asyncio

from dunlin.domain.store import Store, rows

_GLANCE_S = 0.05

# Which attempts to wait for, as conditions of SQL; their parameters count from $2.
OF_FORMER_CONNECTIONS = (
    "connection_id IN (SELECT k.id FROM connection k JOIN integration i ON i.id = k.integration_id"
    " WHERE i.organization_id = $2 AND k.disconnected_at IS NOT NULL)"
)
OF_CUSTOMERS = (
    "reminder_id IN (SELECT r.id FROM reminder r JOIN collection_case c ON c.id = r.case_id"
    " WHERE c.customer_id = ANY($2))"
)
OF_CASES = "reminder_id IN (SELECT id FROM reminder WHERE case_id = ANY($2))"


async def until_nothing_is_under_way(store: Store, which: str, *parameters: object) -> None:
    """Return when each handing over of `which` that has begun is answered and recorded.

    Bounded, because each of them is. Call it after the commit that lets none begin any more.
    """
    while True:
        under_way = await rows(
            "SELECT 1 FROM send_attempt WHERE outcome = 'Open' AND began_at > clock_timestamp() - $1::interval"
            f" AND {which} LIMIT 1",
            store.times.longest_handover,
            *parameters,
        )
        if not under_way:
            return
        await asyncio.sleep(_GLANCE_S)
