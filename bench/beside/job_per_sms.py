"""What one would write for dispatch: one arq job per SMS, the SDK's own client, an ORM save per change.

It records what Dunlin records (SENDING before the call, SENT after it, each with its event), and promises nothing
about what is lost or sent twice. `python -m bench.beside.job_per_sms CARRIER AT_ONCE` sends all that is scheduled in
the database of the environment and prints reminders per second; putting the jobs into the queue does not count.
"""
# The SDK ships no types.
# mypy: disable-error-code="import-untyped"

import asyncio
import logging
import sys
import time
from typing import Any

import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from bench.account import CREDENTIALS, SENDER
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import database_time
from dunlin.domain.tables import DeliveryEvent, Reminder
from dunlin.runtime.database import open_database
from dunlin.runtime.settings import read_settings

_QUEUE = "bench:one-by-one"


class _LocalClient(AsyncTwilioHttpClient):  # type: ignore[misc]
    """The SDK's asyncio client with its pool of connections, sent to a local carrier."""

    carrier = ""

    async def request(self, method: str, url: str, *given: Any, **named: Any) -> Response:
        return await super().request(method, url.replace("https://api.twilio.com", self.carrier), *given, **named)


async def send(ctx: dict[str, Any], reminder_id: int) -> None:
    reminder = await Reminder.get(id=reminder_id)
    await _change(reminder, ReminderStatus.SENDING)
    created = await ctx["client"].messages.create_async(
        to=reminder.to,
        from_=SENDER,
        body=reminder.text,
        status_callback=f"http://bench.invalid/webhooks/twilio/{reminder.id:043d}",
    )
    reminder.provider_message_id = created.sid
    reminder.sent_at = await database_time()
    await _change(reminder, ReminderStatus.SENT)


async def _change(reminder: Reminder, status: ReminderStatus) -> None:
    reminder.status = status
    await reminder.save(update_fields=["status", "provider_message_id", "sent_at"])
    await DeliveryEvent.create(
        organization_id=reminder.organization_id,
        sequence=2 * reminder.id + (status is ReminderStatus.SENT) + 1_000_000,
        reminder_id=reminder.id,
        case_id=reminder.case_id,
        status=status,
        occurred_at=await database_time(),
    )


async def _rate(carrier: str, at_once: int) -> float:
    settings = read_settings()
    assert settings.database_url is not None
    assert settings.redis_url is not None
    async with open_database(settings.database_url):
        ids = [row["id"] for row in await Reminder.filter(status=ReminderStatus.SCHEDULED).values("id")]
        redis = await create_pool(RedisSettings.from_dsn(settings.redis_url), default_queue_name=_QUEUE)
        await asyncio.gather(*(redis.enqueue_job("send", reminder_id) for reminder_id in ids))
        http = _LocalClient()
        http.carrier = carrier
        client = Client(CREDENTIALS.account_sid, CREDENTIALS.auth_token, http_client=http)
        worker = Worker(
            functions=[func(send, name="send")],
            queue_name=_QUEUE,
            redis_pool=redis,
            ctx={"client": client},
            burst=True,
            max_jobs=at_once,
            poll_delay=0.05,
            keep_result=0,
            handle_signals=False,
        )
        began = time.perf_counter()
        await worker.main()
        took = time.perf_counter() - began
        await http.close()
        await redis.aclose(close_connection_pool=True)
        assert await Reminder.filter(status=ReminderStatus.SENT).count() == len(ids)
    return len(ids) / took


if __name__ == "__main__":
    logging.getLogger("twilio").setLevel(logging.WARNING)
    print(uvloop.run(_rate(sys.argv[1], int(sys.argv[2]))))
