"""Destroy keys that nothing needs any more."""

from dunlin.domain.store import Store, Transaction


async def destroy_credentials(store: Store) -> int:
    """Destroy the keys of former connections and return how many.

    They are kept only for checking the callbacks of what is still with the carrier, and no longer than
    `keys_kept`: carriers report within minutes, and who has not reported by then never will.
    """

    async def destroy(transaction: Transaction) -> int:
        return len(await transaction.rows(_DESTROY, store.times.keys_kept))

    return await store.transact(destroy)


# A connection has ended with its disconnect, or when the next one of its integration was made. What is just being
# disconnected is left for the next time, so that nobody waits for it.
_DESTROY = """
WITH ended AS (
  SELECT k.id, coalesce(k.disconnected_at, (SELECT min(next.created_at) FROM connection next
                                            WHERE next.integration_id = k.integration_id AND next.id > k.id)) AS at
  FROM connection k
  WHERE k.sealed_credentials IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM integration i WHERE i.id = k.integration_id AND i.connection_id = k.id)
)
UPDATE connection SET sealed_credentials = NULL
WHERE id IN (
  SELECT k.id FROM connection k JOIN ended ON k.id = ended.id
  WHERE ended.at < clock_timestamp() - $1::interval
     OR NOT EXISTS (SELECT 1 FROM send_attempt a JOIN reminder r ON r.id = a.reminder_id
                    WHERE a.connection_id = k.id AND r.status IN ('SENDING', 'SENT', 'UNCONFIRMED'))
  ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED)
RETURNING id
"""
