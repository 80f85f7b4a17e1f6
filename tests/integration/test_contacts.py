"""When customers were reminded is found customer by customer, however many others were reminded."""

from datetime import timedelta

from dunlin.domain.actions.contacts import contacts_of
from dunlin.domain.store import Transaction, rows
from dunlin.domain.tables import Customer
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_collecting_organization, multiplied, open_one
from tests.delivery import plan

MANY, SOME = 2_000, 20


async def test_who_was_reminded_is_found_without_looking_at_everybody_else(services: Services) -> None:
    """The planner knows of nothing sent: statistics are from before, as they are when thousands go out in a minute."""
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)
    await multiplied("customer", MANY, external_reference="'X-' || n")
    await multiplied(
        "collection_case", MANY, number="'X-' || n", external_reference="n", customer_id="t.customer_id + n"
    )
    await multiplied("case_step", MANY, case_id="t.case_id + n")
    await multiplied("reminder", MANY, case_id="t.case_id + n", case_step_id="t.case_step_id + n")
    await rows("VACUUM ANALYZE")
    await rows("UPDATE reminder SET status = 'SENT', sent_at = $1 WHERE id % 2 = 0", NOW)
    customers = [customer.pk for customer in await Customer.all().order_by("-id").limit(SOME)]

    async def look(transaction: Transaction) -> int:
        before = await _looked_at(transaction)
        found = await contacts_of(customers, NOW + timedelta(days=1))
        assert sum(len(one.reminded) for one in found.values()) == SOME // 2
        assert sum(len(one.planned) for one in found.values()) == SOME // 2
        return await _looked_at(transaction) - before

    assert await services.store.transact(look) <= 3 * SOME


async def _looked_at(transaction: Transaction) -> int:
    """Return how many rows were read so far in a transaction, of all that `contacts_of` reads."""
    found = await transaction.rows(
        "SELECT sum(seq_tup_read + idx_tup_fetch)::int AS looked_at FROM pg_stat_xact_user_tables"
        " WHERE relname IN ('reminder', 'collection_case')"
    )
    looked_at: int = found[0]["looked_at"]
    return looked_at
