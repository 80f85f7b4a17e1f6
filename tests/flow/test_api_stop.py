"""An API process that is told to stop, while clients watch."""

import asyncio
import base64
import os
import signal
import sys
import time

import httpx

from dunlin.api.ids import encode_id
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_token
from tests.client import acknowledged
from tests.flow.test_api_process import answer_of
from tests.ports import free_ports

WATCH = "subscription ($id: ID!) { deliveryStatus(organizationId: $id) { status } }"


async def test_it_sends_everybody_off_to_come_back_and_ends_at_once(services: Services) -> None:
    organization, _ = await a_collecting_organization(services)
    token, the_id = await a_token(services, organization), encode_id("Organization", organization.id)
    port = free_ports()
    settings = {
        "DUNLIN_DATABASE_URL": services.settings.database_url or "",
        "DUNLIN_REDIS_URL": services.settings.redis_url or "",
        "DUNLIN_SECRET_KEYS": base64.b64encode(services.settings.secret_keys[0]).decode(),
        "DUNLIN_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dunlin", "api"), env={**os.environ, **settings}, stderr=asyncio.subprocess.PIPE
    )
    address = f"http://127.0.0.1:{port}"
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    async with httpx.AsyncClient(base_url=address) as http:
        await answer_of(http)
        async with acknowledged(address, token) as socket:
            await socket.subscribe(WATCH, id=the_id)
            await socket.settle()
            asked = {"query": WATCH, "variables": {"id": the_id}}
            async with http.stream("POST", "/graphql/stream", json=asked, headers=headers) as stream:
                chunks = stream.aiter_text()
                assert await anext(chunks) == ":\n\n"
                told = time.monotonic()
                process.send_signal(signal.SIGTERM)

                assert await socket.close_code() == 1012
                assert [chunk async for chunk in chunks] == []
    _, said = await asyncio.wait_for(process.communicate(), 10)

    assert process.returncode == 0
    assert time.monotonic() - told < 4, "nothing had to be cut off"
    assert b'"error"' not in said
    assert b"Traceback" not in said
