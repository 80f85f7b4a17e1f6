"""Find again what a dead worker left behind. Expired claims need nothing: they can be claimed as they are."""

from datetime import datetime

from dunlin.domain.actions.change_status import change_of, change_status
from dunlin.domain.actions.hold_due import hold_due
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Store, Transaction

LEFT_BEHIND = (
    "The connection to the carrier broke off while this text was handed over; whether it went out is not known."
)


async def sweep_sending(store: Store, now: datetime, *, limit: int = 500) -> int:
    """Turn SENDING reminders whose lease has run out into UNCONFIRMED; return how many.

    Those of an integration that is just being changed are left for the next time, so that nobody waits for it.
    """

    async def sweep(transaction: Transaction) -> int:
        organizations = await hold_due(transaction, _LEFT, limit)
        left = await transaction.rows(_SELECT_LEFT, organizations, limit)
        changes = [change_of(row, ReminderStatus.UNCONFIRMED, LEFT_BEHIND) for row in left]
        await change_status(transaction, changes, now)
        return len(left)

    return await store.transact(sweep)


_LEFT = """
SELECT organization_id FROM reminder
WHERE status = 'SENDING' AND lease_until < clock_timestamp() AND organization_id <> ALL($1) ORDER BY id LIMIT $2
"""

_SELECT_LEFT = """
SELECT id, organization_id, case_id, case_step_id FROM reminder
WHERE status = 'SENDING' AND lease_until < clock_timestamp() AND organization_id = ANY($1)
ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
"""
