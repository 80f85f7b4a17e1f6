"""The limit of dispatch: the same forms, by the same client and as many at once, of which nothing is recorded.

`python -m bench.beside.posts CARRIER COUNT AT_ONCE` prints posts per second.
"""

import asyncio
import sys
import time

import uvloop
from twilio.rest import Client

from bench.account import CREDENTIALS, PUBLIC_URL, SENDER, TEXT
from dunlin.channels.twilio import report_address
from dunlin.channels.twilio_transport import Transport, sending_client


async def _rate(carrier: str, count: int, at_once: int) -> float:
    async with Transport(carrier) as transport:
        client = sending_client(CREDENTIALS, transport)
        room = asyncio.Semaphore(at_once)
        began = time.perf_counter()
        await asyncio.gather(*(_post(client, room, place) for place in range(count)))
        return count / (time.perf_counter() - began)


async def _post(client: Client, room: asyncio.Semaphore, place: int) -> None:
    async with room:
        await client.messages.create_async(
            to=f"+4477009{place % 100000:05d}",
            from_=SENDER,
            body=TEXT,
            status_callback=report_address(PUBLIC_URL, f"{place:043d}"),
        )


if __name__ == "__main__":
    print(uvloop.run(_rate(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
