"""Find again what a dead worker left behind. Expired claims need nothing: they can be claimed as they are."""

from datetime import datetime

from dunlin.domain.actions.change_status import StatusChange, change_status
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Store, Transaction

_REASON = "The connection to the carrier broke off while this text was handed over; whether it went out is not known."


async def sweep_sending(store: Store, now: datetime, *, limit: int = 500) -> int:
    """Turn SENDING reminders whose lease has run out into UNCONFIRMED; return how many."""

    async def sweep(transaction: Transaction) -> int:
        left = await transaction.rows(
            "SELECT id, organization_id, case_id, case_step_id FROM reminder WHERE status = 'SENDING'"
            " AND lease_until < clock_timestamp() ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
            limit,
        )
        changes = [
            StatusChange(
                row["organization_id"],
                row["case_id"],
                row["case_step_id"],
                row["id"],
                ReminderStatus.UNCONFIRMED,
                _REASON,
            )
            for row in left
        ]
        await change_status(transaction, changes, now)
        return len(left)

    return await store.transact(sweep)
