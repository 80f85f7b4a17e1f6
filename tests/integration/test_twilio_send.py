"""Sending through the real SDK to a server on this machine that misbehaves on demand."""

import asyncio
import base64
import gc
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from math import inf
from urllib.parse import parse_qsl

import pytest
from twilio.rest import Client

from dunlin.channels.twilio import TwilioChannel
from dunlin.channels.twilio_transport import Transport, sending_client
from dunlin.domain.carrier import (
    Accepted,
    Answer,
    Fault,
    Message,
    Refused,
    Sender,
    SenderKind,
    Throttled,
    TwilioCredentials,
    Unknown,
    Unreached,
)
from dunlin.domain.times import boot_time

ACCOUNT = "AC" + "a" * 32
SID = "SM" + "b" * 32
MESSAGE = Message(
    credentials=TwilioCredentials(ACCOUNT, "secret"),
    sender=Sender(SenderKind.PHONE_NUMBER, "+15005550006"),
    to="+15558675310",
    text="Invoice 7 is due: 10 € & more",
    correlation="r4nd0m",
    begin_by=inf,
)
SHORT = timedelta(milliseconds=150)


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class Connection:
    writer: asyncio.StreamWriter
    closing: asyncio.Event  # set when the test is over


Behaviour = Callable[[Request, Connection], Awaitable[None]]


class Carrier:
    """A server that reads whole requests, remembers them, and then behaves as told."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._closing = asyncio.Event()
        self.url = ""
        self.requests: list[Request] = []
        self.received = asyncio.Event()
        self.connections = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Carrier"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self
            self._closing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                self.requests.append(await read_request(reader))
                self.received.set()
                await self._behave(self.requests[-1], Connection(writer, self._closing))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has hung up
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *lines = head.split("\r\n")[:-2]
    headers = {name.lower(): value for name, value in (header.split(": ", 1) for header in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(line, headers, dict(parse_qsl(body.decode(), keep_blank_values=True)))


def response(status: int, body: object, **headers: str) -> bytes:
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def says(status: int, body: object, **headers: str) -> Behaviour:
    async def behave(_: Request, connection: Connection) -> None:
        connection.writer.write(response(status, body, **headers))

    return behave


def refuses(status: int, code: int) -> Behaviour:
    return says(status, {"code": code, "message": "to +15558675310", "more_info": "", "status": status})


async def hangs_up(_: Request, connection: Connection) -> None:
    connection.writer.close()


async def resets(_: Request, connection: Connection) -> None:
    peer = connection.writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.writer.transport.abort()


async def stays_silent(_: Request, connection: Connection) -> None:
    await connection.closing.wait()


async def stops_halfway(_: Request, connection: Connection) -> None:
    connection.writer.write(response(201, {"sid": SID})[:-5])
    await connection.closing.wait()


async def breaks_off(_: Request, connection: Connection) -> None:
    connection.writer.write(response(201, {"sid": SID})[:-5])
    connection.writer.close()


async def repeats_the_text_as_sid(request: Request, connection: Connection) -> None:
    connection.writer.write(response(201, {"sid": request.form["Body"]}))


@asynccontextmanager
async def channel_to(url: str, answer_within: timedelta = timedelta(seconds=5)) -> AsyncIterator[TwilioChannel]:
    async with Transport(url, answer_within=answer_within) as transport:
        yield TwilioChannel("https://dunlin.example", transport)


async def send_to(behave: Behaviour, message: Message = MESSAGE) -> tuple[Answer, list[Request]]:
    async with Carrier(behave).serving() as carrier, channel_to(carrier.url) as channel:
        return await channel.send(message), carrier.requests


HTML = "<html><body>Bad gateway</body></html>"
OPTED_OUT = Refused(21610, Fault.OPTED_OUT, "The recipient has asked not to receive texts.")
WRONG_KEYS = Refused(20003, Fault.CREDENTIALS, "The carrier did not accept the keys of this account.")


INTERNAL = "The carrier had an internal error; the text may have arrived."


def unclear(cause: str) -> Unknown:
    return Unknown(f"The carrier gave no clear answer ({cause}).")


@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        pytest.param(says(201, {"sid": SID, "status": "queued"}), Accepted(SID), id="201-with-sid"),
        pytest.param(
            says(201, {"status": "queued"}),
            Unknown("The carrier answered without a message id."),
            id="201-without-sid",
        ),
        pytest.param(says(200, HTML), unclear("HTTP 200"), id="200-html"),
        pytest.param(says(200, ""), unclear("HTTP 200"), id="200-empty"),
        pytest.param(says(201, [SID]), unclear("HTTP 201"), id="201-list"),
        pytest.param(says(502, HTML), unclear("HTTP 502"), id="502-html"),
        pytest.param(
            says(500, {"code": 20500, "status": 500}, Twilio_Request_Id="RQ1"),
            unclear("HTTP 500, request RQ1"),
            id="500-json-with-code",
        ),
        pytest.param(
            says(429, {"code": 20429}, Retry_After="7"), Throttled(timedelta(seconds=7)), id="429-retry-after"
        ),
        pytest.param(says(429, {"code": 20429}), Throttled(None), id="429-plain"),
        pytest.param(says(429, HTML), Throttled(None), id="429-html"),
        pytest.param(refuses(400, 21611), Throttled(timedelta(minutes=5)), id="400-queue-full"),
        pytest.param(refuses(400, 20500), Unknown(INTERNAL), id="400-perhaps-sent-all-the-same"),
        pytest.param(refuses(400, 21610), OPTED_OUT, id="400-opted-out"),
        pytest.param(refuses(401, 20003), WRONG_KEYS, id="401-wrong-keys"),
        pytest.param(
            refuses(400, 29999),
            Refused(29999, Fault.UNLISTED, "The carrier reported error 29999."),
            id="400-unheard-of-code",
        ),
        pytest.param(
            says(400, {"type": "t", "title": "T", "status": 400, "code": 21610}),
            OPTED_OUT,
            id="400-rfc-9457",
        ),
        pytest.param(says(404, HTML), unclear("HTTP 404"), id="404-html"),
        pytest.param(says(403, {"code": 403, "status": 403}), unclear("HTTP 403"), id="403-code-of-a-proxy"),
        pytest.param(says(400, {"code": None}), unclear("HTTP 400"), id="400-null-code"),
        pytest.param(says(302, "", Location="/elsewhere"), unclear("HTTP 302"), id="302-not-followed"),
        pytest.param(says(307, "", Location="/elsewhere"), unclear("HTTP 307"), id="307-not-followed"),
        pytest.param(hangs_up, unclear("ServerDisconnectedError"), id="hangs-up"),
        pytest.param(resets, unclear("ClientOSError"), id="resets"),
        pytest.param(breaks_off, unclear("ClientPayloadError"), id="breaks-off-in-the-answer"),
    ],
)
async def test_each_outcome_has_its_answer_and_is_posted_exactly_once(behave: Behaviour, expected: Answer) -> None:
    answer, requests = await send_to(behave)

    assert answer == expected
    assert len(requests) == 1


async def test_a_daily_limit_is_used_up_until_the_day_is_over_although_it_comes_as_too_many_requests() -> None:
    answer, _ = await send_to(says(429, {"code": 63038, "status": 429}))

    assert isinstance(answer, Refused)
    assert (answer.error_code, answer.fault) == (63038, Fault.LIMIT)
    assert answer.retry_after is not None
    assert timedelta(0) < answer.retry_after <= timedelta(days=1)


@pytest.mark.parametrize("behave", [stays_silent, stops_halfway])
async def test_an_answer_that_takes_too_long_is_unknown(behave: Behaviour) -> None:
    async with (
        Carrier(behave).serving() as carrier,
        channel_to(carrier.url, SHORT) as channel,
        asyncio.timeout(2),
    ):
        answer = await channel.send(MESSAGE)

    assert answer == unclear("TimeoutError")
    assert len(carrier.requests) == 1


@pytest.mark.parametrize("code", [302, 500, 404])
async def test_a_send_after_a_failed_one_succeeds(code: int) -> None:
    behaviours = iter([says(code, HTML), says(201, {"sid": SID})])

    async def behave(request: Request, connection: Connection) -> None:
        await next(behaviours)(request, connection)

    async with Carrier(behave).serving() as carrier, channel_to(carrier.url) as channel:
        await channel.send(MESSAGE)

        assert await channel.send(MESSAGE) == Accepted(SID)


async def test_a_refused_connection_is_unreached() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # held but not listening, so nobody else can take the port
        async with channel_to(f"http://127.0.0.1:{held.getsockname()[1]}") as channel:
            answer = await channel.send(MESSAGE)

    assert answer == Unreached("The carrier could not be reached (ClientConnectorError).")


async def test_an_unknown_host_is_unreached() -> None:
    async with Transport("http://carrier.invalid", connect_within=timedelta(seconds=1)) as transport:
        answer = await TwilioChannel("https://dunlin.example", transport).send(MESSAGE)

    assert isinstance(answer, Unreached)


async def test_a_server_that_speaks_no_tls_is_unreached() -> None:
    async def answer_in_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response(400, ""))
        writer.close()

    async with await asyncio.start_server(answer_in_clear, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with channel_to(f"https://127.0.0.1:{port}") as channel:
            answer = await channel.send(MESSAGE)

    assert isinstance(answer, Unreached)


async def test_a_tls_handshake_without_end_is_unreached() -> None:
    closing = asyncio.Event()

    async def never_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await closing.wait()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Transport(f"https://127.0.0.1:{port}", connect_within=SHORT) as transport:
            answer = await TwilioChannel("https://dunlin.example", transport).send(MESSAGE)
        closing.set()

    assert answer == Unreached("The carrier could not be reached (ConnectionTimeoutError).")


async def test_a_send_that_waits_in_vain_for_a_free_connection_is_unreached() -> None:
    async with (
        Carrier(stays_silent).serving() as carrier,
        Transport(carrier.url, connect_within=SHORT, connections=1) as transport,
    ):
        channel = TwilioChannel("https://dunlin.example", transport)
        first = asyncio.create_task(channel.send(MESSAGE))
        await carrier.received.wait()
        second = await channel.send(MESSAGE)
        first.cancel()

        assert second == Unreached("The carrier could not be reached (ConnectionTimeoutError).")
        assert len(carrier.requests) == 1
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_transport_that_is_not_open_reaches_nobody() -> None:
    transport = Transport()
    channel = TwilioChannel("https://dunlin.example", transport)

    assert isinstance(await channel.send(MESSAGE), Unreached)
    async with transport:
        pass
    assert isinstance(await channel.send(MESSAGE), Unreached)


async def test_a_bug_on_the_way_is_unknown_and_not_raised() -> None:
    # A lone surrogate cannot be encoded.
    answer, requests = await send_to(says(201, {"sid": SID}), replace(MESSAGE, text="\ud800"))

    assert answer == Unknown("The text could not be handed over properly (UnicodeEncodeError).")
    assert requests == []


async def test_fifty_sends_at_once_each_get_their_own_sid() -> None:
    everybody = asyncio.Barrier(50)

    async def answer_when_all_have_asked(request: Request, connection: Connection) -> None:
        await everybody.wait()
        await repeats_the_text_as_sid(request, connection)

    texts = [f"SM{number:032d}" for number in range(50)]
    async with Carrier(answer_when_all_have_asked).serving() as carrier, channel_to(carrier.url) as channel:
        answers = await asyncio.gather(*(channel.send(replace(MESSAGE, text=text)) for text in texts))

    assert answers == [Accepted(text) for text in texts]
    assert len(carrier.requests) == 50


async def test_sends_one_after_the_other_share_a_connection() -> None:
    async with Carrier(repeats_the_text_as_sid).serving() as carrier, channel_to(carrier.url) as channel:
        for _ in range(5):
            await channel.send(MESSAGE)

    assert len(carrier.requests) == 5
    assert carrier.connections == 1


async def test_what_is_posted_is_the_message_and_where_to_report() -> None:
    _, [request] = await send_to(says(201, {"sid": SID}))

    assert request.line == f"POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1"
    assert request.form == {
        "To": "+15558675310",
        "From": "+15005550006",
        "Body": "Invoice 7 is due: 10 € & more",
        "StatusCallback": "https://dunlin.example/webhooks/twilio/r4nd0m#rc=5&rp=all&rt=5000",
    }


async def test_every_character_arrives_as_it_was_written() -> None:
    text = "".join(map(chr, range(1, 0x100))) + "100%25 €\u2028 \U0001f44d\U0001f3fd e\u0301 a+b&c=d;e#f"
    _, [request] = await send_to(says(201, {"sid": SID}), replace(MESSAGE, text=text))

    assert request.form["Body"] == text


@pytest.mark.parametrize(
    ("kind", "value", "field"),
    [
        (SenderKind.PHONE_NUMBER, "+15005550006", "From"),
        (SenderKind.ALPHANUMERIC, "Dunlin Inc", "From"),
        (SenderKind.MESSAGING_SERVICE, "MG" + "c" * 32, "MessagingServiceSid"),
    ],
)
async def test_a_sender_is_named_in_the_field_of_its_kind(kind: SenderKind, value: str, field: str) -> None:
    _, [request] = await send_to(says(201, {"sid": SID}), replace(MESSAGE, sender=Sender(kind, value)))

    assert {name: request.form.get(name) for name in ("From", "MessagingServiceSid") if name in request.form} == {
        field: value
    }


async def test_each_account_is_spoken_for_by_its_own_keys_and_by_those_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[TwilioCredentials] = []

    def counted(credentials: TwilioCredentials, transport: Transport) -> Client:
        made.append(credentials)
        return sending_client(credentials, transport)

    monkeypatch.setattr("dunlin.channels.twilio.sending_client", counted)
    keys = [TwilioCredentials(ACCOUNT, "old"), TwilioCredentials(ACCOUNT, "new"), TwilioCredentials(SID, "old")]
    async with Carrier(says(201, {"sid": SID})).serving() as carrier, channel_to(carrier.url) as channel:
        for credentials in keys * 3:
            await channel.send(replace(MESSAGE, credentials=credentials))

    pairs = [base64.b64decode(one.headers["authorization"].removeprefix("Basic ")).decode() for one in carrier.requests]
    assert pairs == [f"{one.account_sid}:{one.auth_token}" for one in keys * 3]
    assert made == keys


async def test_no_client_outlives_the_keys_that_it_was_made_for() -> None:
    credentials = [TwilioCredentials(ACCOUNT, "secret")]
    async with Carrier(says(201, {"sid": SID})).serving() as carrier, channel_to(carrier.url) as channel:
        await channel.send(replace(MESSAGE, credentials=credentials[0]))
        assert len(channel._clients) == 1

        credentials.clear()
        gc.collect()

        assert len(channel._clients) == 0


@pytest.mark.parametrize(
    ("credentials", "pair"),
    [
        pytest.param(TwilioCredentials(ACCOUNT, "secret"), f"{ACCOUNT}:secret", id="auth-token"),
        pytest.param(TwilioCredentials(ACCOUNT, "secret", "SK1", "key"), "SK1:key", id="api-key"),
        pytest.param(TwilioCredentials(ACCOUNT, "", "SK1", "key"), "SK1:key", id="api-key-alone"),
    ],
)
async def test_the_environment_never_names_the_account(
    monkeypatch: pytest.MonkeyPatch, credentials: TwilioCredentials, pair: str
) -> None:
    pretend_twilio_is_set_up_in_the_environment(monkeypatch)

    answer, [request] = await send_to(says(201, {"sid": SID}), replace(MESSAGE, credentials=credentials))

    assert answer == Accepted(SID)
    assert request.line.startswith(f"POST /2010-04-01/Accounts/{ACCOUNT}/")
    assert request.headers["authorization"] == "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(TwilioCredentials("", ""), id="nothing"),
        pytest.param(TwilioCredentials(ACCOUNT, ""), id="no-token"),
        pytest.param(TwilioCredentials("", "secret"), id="no-account"),
        pytest.param(TwilioCredentials(ACCOUNT, "secret", "SK1"), id="no-secret-of-the-api-key"),
        pytest.param(TwilioCredentials("", "secret", "SK1", "key"), id="api-key-without-account"),
    ],
)
async def test_a_missing_key_is_refused_without_a_request(
    monkeypatch: pytest.MonkeyPatch, credentials: TwilioCredentials
) -> None:
    pretend_twilio_is_set_up_in_the_environment(monkeypatch)

    answer, requests = await send_to(says(201, {"sid": SID}), replace(MESSAGE, credentials=credentials))

    assert answer == WRONG_KEYS
    assert requests == []


def pretend_twilio_is_set_up_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "f" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "of somebody else")
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")


async def test_nothing_that_identifies_people_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    await send_to(refuses(400, 21610))

    assert "+15558675310" not in caplog.text
    assert ACCOUNT not in caplog.text


async def test_a_worker_that_was_held_up_sends_no_byte_over_a_new_connection() -> None:
    async with Carrier(says(201, {"sid": SID})).serving() as carrier, channel_to(carrier.url) as channel:
        answer = await channel.send(replace(MESSAGE, begin_by=boot_time() - 0.001))

    assert answer == Unreached("The carrier could not be reached (the worker was held up before it could begin).")
    assert carrier.requests == []


async def test_a_worker_that_was_held_up_sends_no_byte_over_a_connection_that_is_open() -> None:
    async with Carrier(says(201, {"sid": SID})).serving() as carrier, channel_to(carrier.url) as channel:
        await channel.send(MESSAGE)
        late = await channel.send(replace(MESSAGE, begin_by=boot_time() - 0.001))
        again = await channel.send(replace(MESSAGE, begin_by=boot_time() + 60))

    assert isinstance(late, Unreached)
    assert again == Accepted(SID)
    assert len(carrier.requests) == 2
