"""Claim what is due: the first step of a handing over. Nothing is sent yet, so a claim that is lost costs nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from dunlin.domain.carrier import Sender, SenderKind
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.store import Store, Transaction, rows

A_MOMENT = timedelta(seconds=1)  # until what could not go just now is looked at again


@dataclass(frozen=True, slots=True)
class Claim:
    """One reminder that this worker holds until its lease ends. Who sends it, and how many segments, paces texts.

    Organizations without an account of their own share the operator's, and its sender.
    """

    reminder_id: int
    fence: int
    integration_id: int
    provider: IntegrationProvider
    account_sid: str | None
    sender: Sender
    segments: int | None


async def claim_reminders(
    store: Store, *, limit: int, room: int | None = None, rooms: Mapping[int, int] | None = None
) -> list[Claim]:
    """Claim at most `limit` due reminders of connected integrations in one statement.

    At most `room` of an integration, or what `rooms` has for it by its id. Integrations come in random order, anew
    each time, so that a large one starves nobody.
    """
    rooms = rooms or {}
    # By itself, so that it is committed at once: it also locks for a moment what others have claimed just now, and who
    # marks that meanwhile has to pass over it.
    claimed = await rows(
        _CLAIM, limit, store.times.claim, limit if room is None else room, list(rooms), list(rooms.values())
    )
    return [
        Claim(
            row["id"],
            row["fence"],
            row["integration_id"],
            IntegrationProvider(row["provider"]),
            row["account_sid"],
            Sender(SenderKind(row["sender_kind"]), row["sender"]),
            row["segments"],
        )
        for row in claimed
    ]


async def give_back(store: Store, claims: Sequence[tuple[Claim, timedelta]]) -> None:
    """Let go of claims; each may be claimed again after its wait."""

    async def release(transaction: Transaction) -> None:
        await transaction.rows(
            RELEASE, *zip(*((claim.reminder_id, claim.fence, wait) for claim, wait in claims), strict=True)
        )

    if claims:
        await store.transact(release)


_CLAIM = """
WITH picked AS MATERIALIZED (
  SELECT due.id FROM (
    SELECT i.id, coalesce(busy.room, $3::int) AS room
    FROM integration i LEFT JOIN unnest($4::bigint[], $5::int[]) AS busy(id, room) ON busy.id = i.id
    WHERE i.status = 'CONNECTED' AND (i.held_until IS NULL OR i.held_until <= clock_timestamp()) ORDER BY random()
  ) i
  CROSS JOIN LATERAL (
    SELECT r.id FROM reminder r
    WHERE r.integration_id = i.id AND r.status = 'SCHEDULED' AND r.scheduled_for <= (SELECT clock_timestamp())
      AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp())
    ORDER BY r.scheduled_for, r.id LIMIT i.room FOR UPDATE SKIP LOCKED
  ) due WHERE i.room > 0 LIMIT $1
), claimed AS (
  UPDATE reminder r SET fence = r.fence + 1, lease_until = clock_timestamp() + $2::interval
  FROM picked WHERE r.id = picked.id RETURNING r.id, r.fence, r.segments, r.integration_id
)
SELECT claimed.*, k.provider, k.account_sid, k.sender_kind, k.sender
FROM claimed JOIN integration i ON i.id = claimed.integration_id JOIN connection k ON k.id = i.connection_id
"""

# Of what has been claimed: whoever holds another fence by now keeps it.
RELEASE = """
UPDATE reminder SET lease_until = clock_timestamp() + t.wait
FROM unnest($1::bigint[], $2::int[], $3::interval[]) AS t(id, fence, wait)
WHERE reminder.id IN (
  SELECT r.id FROM unnest($1::bigint[], $2::int[]) AS mine(id, fence)
  JOIN reminder r ON r.id = mine.id AND r.fence = mine.fence AND r.status = 'SCHEDULED'
  ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED)
AND reminder.id = t.id
"""
