"""How far behind the service is, over all organizations."""

from collections.abc import Mapping
from decimal import Decimal

from dunlin.domain.store import rows


async def backlog() -> Mapping[str, int | float | Decimal]:
    """Return seconds that the oldest due case and the oldest due reminder wait, and how many are under way."""
    return (await rows(_BACKLOG))[0]


# Each from an index of its own: it is asked every few seconds. Who waits for a person, or for its turn, is not due.
_BACKLOG = """
SELECT
  coalesce((SELECT greatest(extract(epoch FROM clock_timestamp() - min(next_action_at)), 0)
            FROM collection_case WHERE state = 'ACTIVE' AND next_action_at <= clock_timestamp()), 0)
    AS oldest_due_case_seconds,
  coalesce((SELECT greatest(extract(epoch FROM clock_timestamp() - min(due.scheduled_for)), 0)
            FROM integration i CROSS JOIN LATERAL (
              SELECT r.scheduled_for FROM reminder r
              WHERE r.integration_id = i.id AND r.status = 'SCHEDULED' AND r.scheduled_for <= clock_timestamp()
                AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp())
              ORDER BY r.scheduled_for LIMIT 1) due
            WHERE i.status = 'CONNECTED' AND (i.held_until IS NULL OR i.held_until <= clock_timestamp())), 0)
    AS oldest_due_reminder_seconds,
  (SELECT count(*) FROM reminder WHERE status = 'SENDING') AS reminders_sending,
  (SELECT count(*) FROM reminder WHERE status = 'UNCONFIRMED') AS reminders_unconfirmed
"""
