"""A carrier written from Twilio's documentation alone, sharing no line with the sandbox or the channel.

It keeps what it was sent in a ledger and reports every message as delivered.
"""

import asyncio
import base64
import hashlib
import hmac
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientSession, web

SID = "AC" + "0f" * 16
TOKEN = "f0" * 16
SENDER = "+15005550099"


class OtherCarrier:
    def __init__(self) -> None:
        self.ledger: list[dict[str, str]] = []
        self.address = ""
        self._numbers = itertools.count(1)
        self._reports: set[asyncio.Task[None]] = set()

    async def _account(self, request: web.Request) -> web.Response:
        if not _knows(request):
            return _refused(401, 20003)
        return web.json_response({"sid": SID, "status": "active", "friendly_name": "Other", "type": "Full"})

    async def _senders(self, request: web.Request) -> web.Response:
        if not _knows(request):
            return _refused(401, 20003)
        number = {"sid": "PN" + "0" * 32, "phone_number": SENDER, "capabilities": {"sms": True}}
        wanted = request.query.get("PhoneNumber")
        found = [number] if wanted in (None, SENDER) else []
        return web.json_response({"incoming_phone_numbers": found, "page": 0, "page_size": 50})

    async def _create(self, request: web.Request) -> web.Response:
        if not _knows(request):
            return _refused(401, 20003)
        form = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        message = {"sid": f"SM{next(self._numbers):032x}", **form}
        self.ledger.append(message)
        task = asyncio.create_task(_report(message))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)
        return web.json_response({"sid": message["sid"], "status": "queued", "num_segments": "1"}, status=201)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["OtherCarrier"]:
        app = web.Application()
        account = f"/2010-04-01/Accounts/{SID}"
        app.router.add_get(f"{account}.json", self._account)
        app.router.add_get(f"{account}/IncomingPhoneNumbers.json", self._senders)
        app.router.add_post(f"{account}/Messages.json", self._create)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await asyncio.gather(*self._reports)
            await runner.cleanup()


def _knows(request: web.Request) -> bool:
    expected = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    return request.headers.get("Authorization") == f"Basic {expected}"


def _refused(status: int, code: int) -> web.Response:
    return web.json_response({"code": code, "message": "no", "status": status}, status=status)


async def _report(message: dict[str, str]) -> None:
    url = urlsplit(message["StatusCallback"])._replace(fragment="").geturl()
    async with ClientSession() as session:
        for status in ("sent", "delivered"):
            fields = {
                "AccountSid": SID,
                "From": message["From"],
                "MessageSid": message["sid"],
                "MessageStatus": status,
                "SmsSid": message["sid"],
                "SmsStatus": status,
                "To": message["To"],
            }
            signed = url + "".join(name + fields[name] for name in sorted(fields))
            digest = hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()
            headers = {"X-Twilio-Signature": base64.b64encode(digest).decode()}
            async with session.post(url, data=fields, headers=headers) as answer:
                assert answer.status == 204, await answer.text()
