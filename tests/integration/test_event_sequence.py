"""Events are numbered as they are committed, however many transactions append to the same organizations at once."""

import asyncio
from contextvars import copy_context

from tortoise.transactions import in_transaction

from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Change, Transaction, rows
from dunlin.domain.tables import DeliveryEvent, DeliverySequence, Reminder
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_collecting_organization, open_one
from tests.delivery import plan

AT_ONCE = 10  # as many as there are connections


async def test_transactions_at_once_over_the_same_organizations_leave_no_gap_and_lock_nobody_out(
    services: Services,
) -> None:
    for name in ("Waterworks", "Gasworks"):
        _, cycle = await a_collecting_organization(services, name=name)
        await open_one(services, cycle)
    await plan(services, NOW)
    planned = await DeliveryEvent.all().count()
    changes = [
        Change(one.organization_id, one.case_id, one.id, ReminderStatus.SCHEDULED, NOW)
        for one in await Reminder.all().order_by("organization_id")
    ]

    async def append(place: int) -> None:
        async def work(transaction: Transaction) -> None:
            transaction.record(changes if place % 2 else changes[::-1])
            transaction.record(changes[: place % 3])

        await services.store.transact(work)

    await asyncio.gather(*(append(place) for place in range(AT_ONCE * 5)))

    for counter in await DeliverySequence.all():
        events = await DeliveryEvent.filter(organization_id=counter.organization_id).order_by("sequence")
        assert [event.sequence for event in events] == list(range(1, counter.last_sequence + 1))
    assert await DeliveryEvent.all().count() == planned + sum(2 + place % 3 for place in range(AT_ONCE * 5))


async def test_who_has_waited_for_another_transaction_is_numbered_behind_what_that_one_appended(
    services: Services,
) -> None:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)
    one, planned = await Reminder.get(), (await DeliverySequence.get()).last_sequence

    async def append(transaction: Transaction) -> None:
        transaction.record([Change(one.organization_id, one.case_id, one.id, ReminderStatus.SENDING, NOW)])

    outside = copy_context()  # or the task would be of the transaction
    async with in_transaction() as other:
        await other.execute_query("UPDATE delivery_sequence SET last_sequence = last_sequence + 5")
        waiting = asyncio.create_task(services.store.transact(append), context=outside)
        async with asyncio.timeout(5):
            while not await rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await waiting

    event = await DeliveryEvent.get(status=ReminderStatus.SENDING)
    assert event.sequence == planned + 6
