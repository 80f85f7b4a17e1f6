"""The worker process: arq's jobs, the clock tick, and a sweep that needs no Redis."""

import asyncio
import random
import signal
from contextlib import suppress
from datetime import UTC

import structlog
from arq.connections import RedisSettings
from arq.cron import cron
from arq.worker import Worker, func
from redis.exceptions import RedisError

from dunlin.domain.actions.destroy_credentials import destroy_credentials
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.actions.record_reports import forget_reports
from dunlin.domain.actions.resume_cases import resume_cases
from dunlin.domain.actions.sweep import sweep_sending
from dunlin.domain.idempotency import forget_requests
from dunlin.domain.store import database_time
from dunlin.domain.times import SendingTimes
from dunlin.jobs.deliverer import Deliverer
from dunlin.jobs.price_keeper import PriceKeeper
from dunlin.jobs.reconciler import Reconciler
from dunlin.runtime.bell import DELIVER_JOB, PLAN_JOB, QUEUE, decode_job, encode_job
from dunlin.runtime.garbage import look_at_what_is_new
from dunlin.runtime.logs import set_up_logs
from dunlin.runtime.settings import Settings
from dunlin.runtime.wiring import Services, open_services

_PLAN_BATCH = 500
_REDIS_AWAY_S = 1.0

log = structlog.get_logger()


class WorkerProcess:
    """Plans and delivers. It outlives Redis: then the sweep does what the jobs would have done."""

    def __init__(self, services: Services, redis: RedisSettings) -> None:
        self._services = services
        self._redis = redis
        self._deliverer = Deliverer(services)
        self._plan_wanted = asyncio.Event()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; then take nothing new, finish what is under way and return.

        That takes no longer than the longest handing over, also where a database that is away keeps no answer.

        Raises what ends a part of it by itself: whoever runs the process starts it again.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        delivering = asyncio.create_task(self._deliverer.run())
        parts = (
            self._listen(),
            self._keep_planning(),
            self._keep_sweeping(),
            PriceKeeper(self._services).run(),
            Reconciler(self._services).run(),
        )
        others = [asyncio.create_task(part) for part in parts]
        stopping = asyncio.create_task(self._stopping.wait())
        log.info("worker ready")
        await asyncio.wait({delivering, stopping, *others}, return_when=asyncio.FIRST_COMPLETED)
        self._deliverer.stop()
        for task in others:
            task.cancel()
        _, late = await asyncio.wait({delivering}, timeout=self._services.store.times.longest_handover.total_seconds())
        if late:  # their leases run out, and they are UNCONFIRMED
            log.error("stopped before all answers were recorded")
            delivering.cancel()
        outcomes = await asyncio.gather(delivering, *others, return_exceptions=True)
        stopping.cancel()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def stop(self) -> None:
        self._stopping.set()

    async def sweep(self) -> None:
        """Find by time what a lost ring, a dead worker or an absent Redis left undone, and pauses that are over."""
        store, now = self._services.store, await database_time()
        await sweep_sending(store, now)
        await destroy_credentials(store)
        await forget_requests(store, now)
        await forget_reports(store, now)
        while await resume_cases(store, now, limit=_PLAN_BATCH) == _PLAN_BATCH:
            pass
        self._plan_wanted.set()

    async def _keep_planning(self) -> None:
        """Plan whenever somebody asks, until nothing is due, and have it delivered meanwhile."""
        while True:
            await self._plan_wanted.wait()
            self._plan_wanted.clear()  # who asks from here on may have something that is not seen any more
            try:
                await self._plan()
            except Exception:  # the database is away: the clock asks again
                log.exception("cannot plan")
            self._deliverer.wake()

    async def _plan(self) -> None:
        store = self._services.store
        while await plan_reminders(store, await database_time(), limit=_PLAN_BATCH) == _PLAN_BATCH:
            self._deliverer.wake()

    async def _listen(self) -> None:
        """Run arq. It ends when Redis goes away, so begin it anew until Redis is back."""
        while True:
            worker = self._arq_worker()
            try:
                await worker.async_run()
            except (RedisError, OSError) as error:
                log.warning("redis is away", error=type(error).__name__)
            finally:
                await self._close(worker)
            await asyncio.sleep(_REDIS_AWAY_S)

    async def _close(self, worker: Worker) -> None:
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(_REDIS_AWAY_S):
                await worker.close()
        if worker._pool is not None:  # noqa: SLF001  # arq leaves it open where closing fails halfway
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(_REDIS_AWAY_S):
                    await worker._pool.aclose(close_connection_pool=True)  # noqa: SLF001

    def _arq_worker(self) -> Worker:
        # Who rings while such a job is queued or runs is not heard by itself. So it is when the job is gone that we
        # begin to look: whoever comes after that rings anew.
        async def ring(ctx: dict[str, object]) -> None: ...

        async def heed(ctx: dict[str, object]) -> None:
            if ctx["job_id"] == DELIVER_JOB:
                self._deliverer.wake()
            else:
                self._plan_wanted.set()

        return Worker(
            functions=[func(ring, name=PLAN_JOB), func(ring, name=DELIVER_JOB)],
            cron_jobs=[cron(ring, name="tick", second=set(range(60)), max_tries=1)],
            after_job_end=heed,
            queue_name=QUEUE,
            redis_settings=self._redis,
            job_serializer=encode_job,
            job_deserializer=decode_job,
            handle_signals=False,
            max_jobs=10,
            poll_delay=0.05,
            keep_result=0,
            max_tries=1,
            health_check_interval=3600,
            timezone=UTC,
        )

    async def _keep_sweeping(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:  # the database is away: the next round will find everything
                log.exception("sweep failed")
            await asyncio.sleep(self._services.store.times.sweep.total_seconds() * random.uniform(0.8, 1.2))


async def work(settings: Settings, times: SendingTimes = SendingTimes()) -> None:
    """Run one worker process until SIGTERM or SIGINT."""
    set_up_logs("worker")
    assert settings.redis_url is not None
    async with open_services(settings, times) as services:
        look_at_what_is_new()
        await WorkerProcess(services, RedisSettings.from_dsn(settings.redis_url)).run()
