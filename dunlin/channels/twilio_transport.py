"""The road to Twilio: one connection pool for all accounts, real time limits, and never a second try.

    CallFailed
    ├── NotSent          no connection came about: nothing left this process
    ├── Throttled        refused because of the rate: not carried out
    ├── CallRefused      refused with a code of Twilio's: not carried out
    ├── OutcomeUnknown   a write that may or may not have been carried out
    └── ReadFailed       a read without a usable answer

The SDK's own asyncio transport has no time limit (twilio-python#925), can repeat a POST, and in one of its
modes returns another send's message.
"""
# The SDK ships no types.
# mypy: disable-error-code="import-untyped"

import base64
import importlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientRequest,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
)
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from dunlin.channels.twilio_errors import THROTTLE_CODES, explain
from dunlin.domain.carrier import Fault, TwilioCredentials
from dunlin.domain.times import boot_time

# aiohttp raises these only before it has a connection. ConnectionTimeoutError includes the wait for a free
# place in the pool; without `connect=` that wait would end as a plain TimeoutError, like a lost answer.
_NEVER_CONNECTED = (ClientConnectorError, ConnectionTimeoutError, InvalidURL)

_TWILIO_ADDRESS = re.compile(r"https://([^./]+)\.(?:[^/]+\.)?twilio\.com(/.*)", re.DOTALL)
_LONGEST_WAIT = timedelta(days=1)


class CallFailed(TwilioException):  # type: ignore[misc]
    """A call that brought no answer to use. Its text names no phone number and no key, unlike the SDK's."""

    sentence = "The call to the carrier failed"

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.sentence} ({self.cause})."


class NotSent(CallFailed):
    sentence = "The carrier could not be reached"


class OutcomeUnknown(CallFailed):
    sentence = "The carrier gave no clear answer"


class ReadFailed(CallFailed):
    sentence = "The carrier gave no clear answer"


class CallRefused(CallFailed):
    sentence = "The carrier refused"

    def __init__(self, code: int) -> None:
        super().__init__(f"error {code}")
        self.code = code


class Throttled(CallFailed):
    sentence = "The carrier takes no more calls at the moment"

    def __init__(self, retry_after: timedelta | None) -> None:
        super().__init__("HTTP 429")
        self.retry_after = retry_after


_begin_by: ContextVar[float | None] = ContextVar("begin_by", default=None)


@contextmanager
def beginning_by(moment: float) -> Iterator[None]:
    """Let no call begin after `moment`, of `boot_time`, in this context."""
    token = _begin_by.set(moment)
    try:
        yield
    finally:
        _begin_by.reset(token)


class _Connector(TCPConnector):
    """Looks at the clock when a connection has been obtained, which may take long: the last moment before a byte."""

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:  # noqa: ASYNC109
        connection = await super().connect(req, traces, timeout)
        limit = _begin_by.get()
        if limit is not None and boot_time() > limit:
            connection.close()
            raise NotSent("the worker was held up before it could begin")
        return connection


class Transport(AsyncHttpClient):  # type: ignore[misc]
    """What the SDK's clients of all accounts speak through. Belongs to the loop in which it was opened.

    `base_url`, without a slash at its end, replaces Twilio's hosts. Keep `connect_within` below
    `answer_within`, or a message that never left this process counts as one whose fate is unknown.
    """

    def __init__(
        self,
        base_url: str | None = None,
        answer_within: timedelta = timedelta(seconds=10),
        connect_within: timedelta = timedelta(seconds=5),
        connections: int = 600,  # more than a worker has under way and asks about at once
    ) -> None:
        super().__init__(logging.getLogger("twilio"), is_async=True)
        self._base_url = base_url
        self._limits = ClientTimeout(total=answer_within.total_seconds(), connect=connect_within.total_seconds())
        self._connections = connections
        self._session: ClientSession | None = None

    async def open(self) -> None:
        # At INFO the SDK writes addresses with account SIDs and phone numbers.
        logging.getLogger("twilio").setLevel(logging.WARNING)
        # The SDK imports these on first use, 60 ms on the loop: better at the start than in the first send.
        for module in ("twilio.rest.api", "twilio.rest.messaging", "twilio.rest.pricing"):
            importlib.import_module(module)
        # trust_env stays off: it reads .netrc in a thread for every request, and fails on a host found there.
        self._session = ClientSession(
            connector=_Connector(limit=self._connections, keepalive_timeout=30),
            timeout=self._limits,
            cookie_jar=DummyCookieJar(),  # accounts share the session and must not share cookies
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, str | int] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the SDK's signature; the SDK passes None
        allow_redirects: bool = False,
    ) -> Response:
        """Return a 2xx answer that holds a JSON object; raise `CallFailed` for everything else.

        Keeps nothing between calls: the SDK's transport does, and mixes up answers.
        """
        if self._session is None or self._session.closed:
            raise NotSent("not open")
        if auth is None:
            raise NotSent("no keys")
        try:
            async with self._session.request(
                method,
                self.rebase(uri),
                params=params,
                data=None if data is None else _form(data),  # the SDK names the type
                headers={**(headers or {}), "Authorization": _basic(*auth)},
                allow_redirects=False,
            ) as answer:
                text = (await answer.read()).decode(errors="replace")  # JSON is UTF-8, whatever the header says
        except _NEVER_CONNECTED as error:
            raise NotSent(type(error).__name__) from error
        except (ClientError, TimeoutError) as error:
            raise _unclear(method, type(error).__name__) from error
        return _usable(method, answer.status, text, answer.headers)

    def rebase(self, url: str) -> str:
        """Return the address to call for `url`: a product's host becomes a folder, that of `api` the root."""
        address = _TWILIO_ADDRESS.fullmatch(url)
        if self._base_url is None or address is None:
            return url
        product, path = address.groups()
        return self._base_url + path if product == "api" else f"{self._base_url}/{product}{path}"


def token_client(credentials: TwilioCredentials, transport: Transport) -> Client:
    """Return an SDK client that acts with the auth token."""
    return _client(credentials.account_sid, credentials.auth_token, credentials.account_sid, transport)


def sending_client(credentials: TwilioCredentials, transport: Transport) -> Client:
    """Return an SDK client that acts with the API key if the account has one, else with the auth token."""
    if not credentials.api_key_sid:
        return token_client(credentials, transport)
    return _client(credentials.api_key_sid, credentials.api_key_secret or "", credentials.account_sid, transport)


def _client(username: str, password: str, account_sid: str, transport: Transport) -> Client:
    # The SDK fills each empty key from TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, and takes an empty
    # `environment` for none given: one customer's text would leave from another account.
    if not (username and password and account_sid):
        raise CallRefused(20003)
    return Client(username, password, account_sid, http_client=transport, environment={"_": ""})


def _usable(method: str, status: int, text: str, headers: Mapping[str, str]) -> Response:
    body = _json_object(text)
    if 200 <= status < 300 and body is not None:
        return Response(status, text, headers)
    code = body.get("code") if body is not None and 400 <= status < 500 else None
    # A used-up daily limit is a 429, too, and will not be over in a moment.
    if status == 429 and not (isinstance(code, int) and explain(code).fault is Fault.LIMIT):
        raise Throttled(retry_after(headers.get("Retry-After"), datetime.now(UTC)))
    # Twilio's codes have five digits. Anything else was said by a machine in between, maybe after Twilio
    # had carried out the call.
    if not isinstance(code, int) or not 10_000 <= code < 1_000_000:
        request_id = headers.get("Twilio-Request-Id", "")[:64]
        raise _unclear(method, f"HTTP {status}, request {request_id}" if request_id else f"HTTP {status}")
    if code in THROTTLE_CODES:
        raise Throttled(THROTTLE_CODES[code])
    raise CallRefused(code)


def _unclear(method: str, cause: str) -> CallFailed:
    return ReadFailed(cause) if method == "GET" else OutcomeUnknown(cause)


def _json_object(text: str) -> dict[str, object] | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _form(fields: Mapping[str, str]) -> bytes:
    """Return the body of a form; `urllib.parse.urlencode` takes four times as long."""
    for value in fields.values():
        value.encode()  # or what is no character would be left out without a word
    return URL.build(query=fields).raw_query_string.encode()


def _basic(username: str, password: str) -> str:
    """Return the header by hand: `aiohttp.BasicAuth`, which the SDK uses, is gone in aiohttp 4."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Return the wait that a Retry-After header asks for, in seconds or as a date: 0 s to a day."""
    if value is None:
        return None
    try:
        wait = timedelta(seconds=int(value)) if value.strip().isdecimal() else _http_date(value) - now
    except (ValueError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), _LONGEST_WAIT)


def _http_date(value: str) -> datetime:
    moment = parsedate_to_datetime(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
