"""Makes the requests of webhooks, and brings mails that come back."""

import asyncio
import logging
import secrets
from types import TracebackType
from typing import Self

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.client_exceptions import ConnectionTimeoutError
from yarl import URL

from dunlin.sandbox.webhook import Patience, Webhook

_log = logging.getLogger(__name__)

_MOST_AT_ONCE = 100
# Twilio does not say how long it waits between two tries.
_FIRST_PAUSE_S = 0.1

_TRIES_OF_A_MAIL = 8  # within some 13 s
_PATIENCE_WITH_A_MAIL = ClientTimeout(total=15)


class Courier:
    """Delivers webhooks over pooled connections, a bounded number at once. An async context manager."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_MOST_AT_ONCE)

    async def __aenter__(self) -> Self:
        # The semaphore bounds the connections; a wait for the pool would count as a failed connect.
        self._session = ClientSession(
            connector=TCPConnector(limit=0, keepalive_timeout=30), cookie_jar=DummyCookieJar()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def deliver(self, webhook: Webhook, times: int = 1) -> None:
        """Send `webhook` so many times, each with the tries that its patience allows. Never raise for a
        receiver that does not answer or answers badly: that is its own affair.
        """
        token = secrets.token_hex(16)
        async with self._turn:
            for number in range(times):
                await self._deliver_once(webhook, token, is_repeat=number > 0)

    async def bring(self, mail: bytes, url: str, times: int = 1) -> None:
        """Hand `mail` over to `url` so many times, as a mail server's script for a mailbox would: each until the
        answer is good, or often enough. Never raise for a receiver that does not want it.
        """
        async with self._turn:
            for _ in range(times):
                for attempt in range(_TRIES_OF_A_MAIL):
                    if await self._hand_over(mail, url):
                        break
                    await asyncio.sleep(_FIRST_PAUSE_S * 2**attempt)
                else:
                    _log.warning("nobody took a mail that came back")

    async def _hand_over(self, mail: bytes, url: str) -> bool:
        headers = {"Content-Type": "message/rfc822", "User-Agent": "sandbox-mailbox"}
        try:
            async with self._session.post(
                url, data=mail, headers=headers, timeout=_PATIENCE_WITH_A_MAIL, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status // 100 == 2
        except (ClientError, TimeoutError, ValueError):
            return False

    async def _deliver_once(self, webhook: Webhook, token: str, *, is_repeat: bool) -> None:
        patience = webhook.patience
        try:
            async with asyncio.timeout(patience.total_s):
                for attempt in range(patience.retries + 1):
                    failure = await self._post(webhook, token if is_repeat or attempt else None)
                    if failure not in patience.after:
                        return
                    await asyncio.sleep(_FIRST_PAUSE_S * 2**attempt)
        except TimeoutError:
            _log.info("a webhook took longer than it may in all")

    async def _post(self, webhook: Webhook, token: str | None) -> str | None:
        """Return why this try failed, in the words of a URL's `rp`, or None."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": webhook.signature,
        }
        if token:
            headers["I-Twilio-Idempotency-Token"] = token
        try:
            async with self._session.post(
                # Encoded again, the address would differ from the one that is signed.
                URL(webhook.url, encoded=True),
                data=webhook.body,
                headers=headers,
                timeout=_timeout(webhook.patience),
                allow_redirects=False,
            ) as answer:
                await answer.read()
                return f"{answer.status // 100}xx" if answer.status >= 400 else None
        except (ClientConnectorError, ConnectionTimeoutError):
            return "ct"
        except (ClientError, TimeoutError, ValueError):
            return "rt"


def _timeout(patience: Patience) -> ClientTimeout:
    return ClientTimeout(total=None, sock_connect=patience.connect_s, sock_read=patience.read_s)
