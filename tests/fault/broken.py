"""Faults of the code that can be switched in, to see that the gates catch them. Each replaces one protection."""

from collections.abc import Callable
from datetime import datetime

from dunlin.domain.store import Store, Transaction
from dunlin.jobs import worker
from tests.fault.switch import switch


def _requeue_expired_sending() -> None:
    """What was being handed over when a worker died goes again, as if nothing had left."""

    async def requeue(store: Store, now: datetime, *, limit: int = 500) -> int:
        async def work(transaction: Transaction) -> int:
            return len(
                await transaction.rows(
                    "UPDATE reminder SET status = 'SCHEDULED', lease_until = NULL"
                    " WHERE status = 'SENDING' AND lease_until < clock_timestamp() RETURNING id"
                )
            )

        return await store.transact(work)

    switch(worker, "sweep_sending", requeue)


VARIANTS: dict[str, Callable[[], None]] = {
    "requeue-expired-sending": _requeue_expired_sending,
}
