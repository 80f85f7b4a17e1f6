"""The sending loop of a worker, with a carrier that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from dunlin.domain.actions.deliver import Marked, mark_sending
from dunlin.domain.carrier import Fault as CarrierFault
from dunlin.domain.carrier import Refused, Throttled
from dunlin.domain.choices import IntegrationKind, IntegrationStatus
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCycle, Integration, Reminder
from dunlin.jobs.deliverer import Deliverer
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_cycle, a_new_case, an_organization, connect_sms, open_one
from tests.delivery import plan
from tests.scripted_channel import ScriptedChannel, texting

Status = ReminderStatus


async def schedule(services: Services, count: int) -> CollectionCycle:
    organization = await an_organization()
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    await schedule_more(services, cycle, range(count))
    return cycle


async def schedule_more(services: Services, cycle: CollectionCycle, places: range) -> None:
    for place in places:
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
    await plan(services, NOW)


@asynccontextmanager
async def delivering(services: Services, channel: ScriptedChannel, *, concurrency: int = 8) -> AsyncIterator[Deliverer]:
    """Run the loop; it is stopped at the end, and must end by itself then."""
    deliverer = Deliverer(replace(services, channels=texting(channel)), concurrency=concurrency)
    running = asyncio.create_task(deliverer.run())
    try:
        yield deliverer
    finally:
        deliverer.stop()
        async with asyncio.timeout(10):
            await running


async def until(status: ReminderStatus, count: int) -> None:
    async with asyncio.timeout(10):
        while await Reminder.filter(status=status).count() < count:
            pass


async def test_more_reminders_than_fit_at_once_all_go_out_once(services: Services) -> None:
    await schedule(services, 30)
    channel = ScriptedChannel()

    async with delivering(services, channel):
        await until(Status.SENT, 30)

    assert len({message.correlation for message in channel.taken}) == len(channel.taken) == 30


async def test_a_text_is_handed_over_to_the_number_with_the_keys_of_its_connection(services: Services) -> None:
    await schedule(services, 1)
    channel = ScriptedChannel()

    async with delivering(services, channel):
        await until(Status.SENT, 1)

    (message,) = channel.taken
    assert message.credentials == services.default_accounts[IntegrationKind.SMS].credentials
    assert (message.to, message.text) == ("+447700900001", "Dear Ada Reyes, €84.50 is due.")


async def test_stopping_waits_for_what_is_under_way_and_takes_nothing_new(services: Services) -> None:
    await schedule(services, 2)
    channel = ScriptedChannel()
    channel.may_answer.clear()

    async with delivering(services, channel, concurrency=1) as deliverer:
        await channel.called.wait()
        deliverer.stop()
        channel.may_answer.set()

    assert len(channel.taken) == 1
    assert sorted(reminder.status for reminder in await Reminder.all()) == [Status.SCHEDULED, Status.SENT]


async def test_an_answer_that_cannot_be_stored_holds_up_no_other(services: Services) -> None:
    await schedule(services, 5)
    too_large = Refused(10**12, CarrierFault.OTHER, "A code that fits no column.")

    async with delivering(services, ScriptedChannel(too_large)):
        await until(Status.SENT, 4)

    assert await Reminder.filter(status=Status.SENDING).count() == 1  # its lease will run out: UNCONFIRMED


async def test_a_throttled_text_goes_again_after_its_wait(services: Services) -> None:
    await schedule(services, 1)
    channel = ScriptedChannel(Throttled(None))

    async with delivering(services, channel) as deliverer:
        async with asyncio.timeout(10):
            while await Reminder.filter(status=Status.SENT).count() < 1:
                deliverer.wake()

    assert len(channel.taken) == 2


async def test_who_is_throttled_is_not_asked_again_for_those_that_are_marked_already(services: Services) -> None:
    cycle = await schedule(services, 20)
    channel = ScriptedChannel()

    async with delivering(services, channel, concurrency=512) as deliverer:
        await until(Status.SENT, 20)  # of an account that answers so soon, more are marked than may go at once
        channel.may_answer.clear()
        await schedule_more(services, cycle, range(20, 80))
        deliverer.wake()
        await until(Status.SENDING, 60)
        async with asyncio.timeout(10):
            while len(channel.taken) < 20 + 52:  # noqa: ASYNC110
                await asyncio.sleep(0)
        channel.script = [Throttled(timedelta(minutes=5))] * 60
        channel.may_answer.set()
        await until(Status.SCHEDULED, 60)

    assert len(channel.taken) == 20 + 52  # 32 at first, and one more for each good answer
    assert await Reminder.filter(status_reason="The carrier asked to wait.").count() == 60


async def test_keys_that_cannot_be_opened_hold_the_integration_and_send_nothing(services: Services) -> None:
    await schedule(services, 1)
    await rows("UPDATE connection SET sealed_credentials = '\\x00'::bytea")
    channel = ScriptedChannel()

    async with delivering(services, channel):
        async with asyncio.timeout(10):
            while (await Integration.get(kind=IntegrationKind.SMS)).status is IntegrationStatus.CONNECTED:
                pass

    assert channel.taken == []
    assert (await Reminder.get()).status is Status.SCHEDULED


async def test_a_worker_held_up_between_marking_and_sending_gives_the_row_back(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schedule(services, 1)
    channel = ScriptedChannel()
    monkeypatch.setattr(services.store, "times", replace(services.store.times, start_window=NOW - NOW))

    async with delivering(services, channel):
        async with asyncio.timeout(10):
            while (await Reminder.get()).tries == 0:
                pass

    assert channel.taken == []
    assert (await Reminder.get()).status is Status.SCHEDULED


def held_by_another(monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[int]:
    """Have another process hold all reminders the first times that a batch is marked; return how many were marked."""
    found: list[int] = []

    async def mark(*arguments: Any) -> Marked:
        if len(found) >= times:
            marked = await mark_sending(*arguments)
        else:
            async with in_transaction() as other:
                await other.execute_query("SELECT 1 FROM reminder FOR UPDATE")
                marked = await asyncio.create_task(mark_sending(*arguments), context=Context())
        found.append(len(marked.handovers))
        return marked

    monkeypatch.setattr("dunlin.jobs.deliverer.mark_sending", mark)
    return found


async def test_what_another_worker_locks_while_it_looks_for_work_is_marked_right_behind_that(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schedule(services, 3)
    marked = held_by_another(monkeypatch, times=1)

    async with delivering(services, ScriptedChannel()):
        await until(Status.SENT, 3)

    assert marked == [0, 3]
    assert {reminder.fence for reminder in await Reminder.all()} == {1}, "no claim of it ran out"


async def test_what_somebody_holds_for_longer_is_let_go_of_and_claimed_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schedule(services, 3)
    marked = held_by_another(monkeypatch, times=2)

    async with delivering(services, ScriptedChannel()) as deliverer:
        async with asyncio.timeout(5):  # a claim that runs out takes twice as long
            while await rows("SELECT 1 FROM reminder WHERE lease_until > clock_timestamp()") or len(marked) < 2:
                pass
        deliverer.wake()
        await until(Status.SENT, 3)

    assert marked == [0, 0, 3]


async def test_what_is_held_after_the_second_try_too_does_not_wait_for_the_end_of_its_claim(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schedule(services, 3)
    is_held, is_passed_over = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with in_transaction() as other:
            await other.execute_query("SELECT 1 FROM reminder FOR UPDATE")
            is_held.set()
            await is_passed_over.wait()
            await asyncio.sleep(0.3)  # for longer than whoever has passed over it takes to let go of it

    marked: list[int] = []

    async def mark(*arguments: Any) -> Marked:
        await is_held.wait()
        result = await mark_sending(*arguments)
        marked.append(len(result.handovers))
        if len(marked) == 2:
            is_passed_over.set()
        return result

    monkeypatch.setattr("dunlin.jobs.deliverer.mark_sending", mark)

    async with delivering(services, ScriptedChannel()), asyncio.timeout(5):  # a claim that runs out takes twice as long
        while not await rows("SELECT 1 FROM reminder WHERE lease_until IS NOT NULL"):
            pass
        await hold()
        await until(Status.SENT, 3)

    assert marked == [0, 0, 3]


async def test_an_account_that_does_not_answer_holds_up_nobody_else(services: Services) -> None:
    await schedule(services, 100)
    stuck = ScriptedChannel()
    stuck.may_answer.clear()
    organization = await an_organization(name="Next door")
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)

    async with delivering(services, stuck, concurrency=512) as deliverer:
        async with asyncio.timeout(10):
            while len(stuck.taken) < 32:
                await stuck.called.wait()
                await asyncio.sleep(0)
        case = await open_one(services, cycle, a_new_case("INV-next-door", customer="C-next-door"))
        await plan(services, NOW)
        deliverer.wake()
        async with asyncio.timeout(10):
            while not await Reminder.exists(case_id=case.id, status=Status.SENDING):
                pass
            while len(stuck.taken) < 33:  # noqa: ASYNC110
                await asyncio.sleep(0)
        stuck.may_answer.set()
        await until(Status.SENT, 101)


async def test_a_sender_with_a_rate_is_not_overrun_and_everything_goes_in_the_end(services: Services) -> None:
    for _ in range(2):  # two organizations share the sender, and its rate
        await schedule(services, 12)
    await rows("UPDATE connection SET provider = 'TWILIO', sender = '+447700900123'")  # 8 segments a second
    channel = ScriptedChannel()
    began = asyncio.get_running_loop().time()

    async with delivering(services, channel) as deliverer:
        while len(channel.taken) < 20:
            at_most = 8 * (asyncio.get_running_loop().time() - began + 1) + 2
            assert len(channel.taken) <= at_most
            deliverer.wake()
            await asyncio.sleep(0.01)

    assert asyncio.get_running_loop().time() - began >= 1
    assert len({message.correlation for message in channel.taken}) == len(channel.taken)
