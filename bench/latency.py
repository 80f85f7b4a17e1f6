"""From the commit of a due case to the carrier's door: opened, planned, claimed, marked and handed over, one by one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web
from arq.connections import RedisSettings

from bench.world import a_case, a_connected_organization, open_bench_cases, running_services
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables import Reminder
from dunlin.jobs.worker import WorkerProcess


class Door:
    """A carrier that notes when each text arrived."""

    def __init__(self) -> None:
        self.arrived = asyncio.Queue[float]()

    async def take(self, request: web.Request) -> web.Response:
        self.arrived.put_nowait(time.perf_counter())
        await request.read()
        return web.json_response({"sid": f"SM{time.perf_counter_ns():032x}", "status": "queued"}, status=201)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", self.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


async def door_latencies(count: int) -> list[float]:
    """Return the seconds from commit to door of `count` reminders, each on an otherwise idle system."""
    door, latencies = Door(), []
    async with door.serving() as carrier, running_services(carrier) as services:
        assert services.settings.redis_url is not None
        worker = WorkerProcess(services, RedisSettings.from_dsn(services.settings.redis_url))
        running = asyncio.create_task(worker.run())
        organization = await a_connected_organization(services)
        for place in range(count):
            await open_bench_cases(services, organization, [a_case(place)], datetime.now(UTC))
            committed = time.perf_counter()
            latencies.append(await door.arrived.get() - committed)
            while await Reminder.filter(status=ReminderStatus.SENDING).exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        worker.stop()
        await running
    return latencies
