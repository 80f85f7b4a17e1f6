"""Due reminders through one worker's sending loop, beside a bare loop that posts the same forms and records nothing."""

import asyncio
import time

from twilio.rest import Client

from bench.world import CREDENTIALS, SENDER, TEXT, schedule_reminders
from dunlin.channels.twilio_transport import Transport, sending_client
from dunlin.domain.store import rows
from dunlin.jobs.deliverer import Deliverer
from dunlin.runtime.wiring import Services

CONCURRENCY = 64


async def dunlin_rate(services: Services, count: int) -> float:
    """Return reminders per second: claimed, marked, handed over, recorded, their events appended."""
    await schedule_reminders(services, count)
    deliverer = Deliverer(services, concurrency=CONCURRENCY)
    began = time.perf_counter()
    running = asyncio.create_task(deliverer.run())
    while await _is_left():  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    took = time.perf_counter() - began
    deliverer.stop()
    await running
    return count / took


async def bare_rate(carrier: str, count: int) -> float:
    """Return posts per second of the same client with the same concurrency."""
    async with Transport(carrier) as transport:
        client = sending_client(CREDENTIALS, transport)
        room = asyncio.Semaphore(CONCURRENCY)
        began = time.perf_counter()
        await asyncio.gather(*(_post(client, room, place) for place in range(count)))
        return count / (time.perf_counter() - began)


async def _post(client: Client, room: asyncio.Semaphore, place: int) -> None:
    async with room:
        await client.messages.create_async(
            to=f"+4477009{place % 100000:05d}",
            from_=SENDER,
            body=TEXT,
            status_callback=f"http://127.0.0.1:8000/webhooks/twilio/{place:043d}",
        )


async def _is_left() -> bool:
    for status in ("SCHEDULED", "SENDING"):  # one by one: each has an index of its own
        if await rows(f"SELECT 1 FROM reminder WHERE status = '{status}' LIMIT 1"):
            return True
    return False
