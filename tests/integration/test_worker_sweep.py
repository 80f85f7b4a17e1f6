"""What a worker does by time alone, with the clock of today."""

import asyncio
import gc
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arq.connections import RedisSettings
from arq.cron import CronJob, cron

from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.choices import CaseState
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Store
from dunlin.domain.tables import CollectionCase, IdempotencyKey, Reminder
from dunlin.jobs.worker import WorkerProcess
from dunlin.runtime.bell import RedisBell
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_cycle, an_organization, open_one
from tests.delivery import plan
from tests.scripted_channel import ScriptedChannel, texting


@pytest.fixture
def worker(services: Services) -> WorkerProcess:
    assert services.settings.redis_url is not None
    return WorkerProcess(services, RedisSettings.from_dsn(services.settings.redis_url))


async def test_a_case_whose_pause_is_over_is_resumed(services: Services, worker: WorkerProcess) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    next_year = yesterday.replace(year=yesterday.year + 1, day=1)
    cycle = await a_cycle(await an_organization(), days=[3650])
    case = await open_one(services, cycle)
    await CollectionCase.all().update(state=CaseState.PAUSED, paused_until=next_year, next_action_at=None)
    await worker.sweep()
    assert (await CollectionCase.get(id=case.id)).state is CaseState.PAUSED

    await CollectionCase.all().update(paused_until=yesterday)
    await worker.sweep()

    assert (await CollectionCase.get(id=case.id)).state is CaseState.ACTIVE


async def test_a_key_that_has_been_kept_long_enough_is_forgotten(worker: WorkerProcess) -> None:
    organization = await an_organization()
    for hours in (23, 25):
        await IdempotencyKey.create(
            account_id=organization.account_id,
            organization_id=organization.id,
            key=f"{hours} hours",
            fingerprint="",
            answer={},
            created_at=datetime.now(UTC) - timedelta(hours=hours),
        )

    await worker.sweep()

    assert (await IdempotencyKey.get()).key == "23 hours"


@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")  # arq's
@pytest.mark.filterwarnings(
    "ignore:unclosed Connection:ResourceWarning"
)  # arq's, where it is stopped while it connects
async def test_a_worker_ends_in_time_although_a_carrier_never_answers(services: Services) -> None:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)
    channel = ScriptedChannel()
    channel.may_answer.clear()
    assert services.settings.redis_url is not None
    async with aclosing(RedisBell(services.redis)) as bell:
        hasty = Store(bell, services.store.times.divided_by(50))
        stuck = replace(services, channels=texting(channel), store=hasty)
        worker = WorkerProcess(stuck, RedisSettings.from_dsn(services.settings.redis_url))

        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(10):
            await channel.called.wait()
        worker.stop()
        async with asyncio.timeout(5):
            await running

    assert (await Reminder.get()).status is ReminderStatus.SENDING
    gc.collect()  # or what arq left open is found in the middle of another test


@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")  # arq's
async def test_who_rings_while_a_worker_plans_is_heard(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    _, cycle = await a_collecting_organization(services)
    has_looked, may_go_on = asyncio.Event(), asyncio.Event()
    may_go_on.set()

    async def look_and_wait(store: Store, now: datetime, *, limit: int) -> int:
        planned = await plan_reminders(store, now, limit=limit)
        has_looked.set()
        await may_go_on.wait()
        return planned

    monkeypatch.setattr("dunlin.jobs.worker.plan_reminders", look_and_wait)
    monkeypatch.setattr("dunlin.jobs.worker.cron", never)  # the clock would ask, too
    assert services.settings.redis_url is not None
    async with asyncio.timeout(10), aclosing(RedisBell(services.redis)) as bell:
        seldom = Store(bell, replace(services.store.times, sweep=timedelta(hours=1)))
        worker = WorkerProcess(replace(services, store=seldom), RedisSettings.from_dsn(services.settings.redis_url))
        running = asyncio.create_task(worker.run())
        await has_looked.wait()  # of itself, when it begins
        has_looked.clear()
        may_go_on.clear()
        bell.wake_planner()
        await has_looked.wait()
        await open_one(services, cycle)
        bell.wake_planner()
        await bell.aclose()
        may_go_on.set()
        while not await Reminder.exists():
            pass
        worker.stop()
        await running
    gc.collect()


def never(job: Any, **options: Any) -> CronJob:
    in_half_a_year = (datetime.now(UTC).month + 5) % 12 + 1
    return cron(job, **options | {"month": in_half_a_year})
