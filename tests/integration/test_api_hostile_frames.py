"""Whatever comes over a socket: a message of the protocol in answer or one of its close codes, and nothing else."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from websockets.frames import Frame, Opcode

from dunlin.runtime.wiring import Services
from tests.build import a_token, an_account
from tests.client import JSON, Socket, acknowledged

VIEWER = "{ viewer { name } }"
CODES = {1000, 1002, 1007, 1009, 4400, 4401, 4403, 4409, 4429}
TYPES = [
    "connection_init",
    "connection_ack",
    "ping",
    "pong",
    "subscribe",
    "next",
    "error",
    "complete",
    "start",
    "",
    "x",
]
EXAMPLES = 250

values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("x" * 5_000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
documents = st.sampled_from(
    [VIEWER, "{", "{ nothing }", "", "subscription { deliveryStatus }", "{" * 999, "{ a }" * 99]
)
payloads = values | st.fixed_dictionaries(
    {},
    optional={
        "query": documents | values,
        "variables": values,
        "operationName": values,
        "extensions": values | st.fixed_dictionaries({"persistedQuery": values}),
        "documentId": values,
    },
)
ids = st.sampled_from(["1", "2", ""]) | values
messages = values | st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES) | values}, optional={"id": ids, "payload": payloads}
)
texts = (
    messages.map(json.dumps)
    | messages.map(
        lambda message: json.dumps(message, ensure_ascii=False).encode(errors="surrogatepass").decode(errors="replace")
    )
    | st.text(max_size=50)
    | st.integers(1, 60_000).map(lambda depth: "[" * depth)
    | st.integers(1, 20_000).map(lambda depth: '{"type":' * depth)
    | st.integers(1, 5_000).map(lambda digits: '{"type":"ping","payload":{"n":' + "9" * digits + "}}")
    | st.sampled_from(["NaN", "Infinity", '{"type":"ping","payload":1e999}', "\ufeff{}", '"\\ud800"'])
)
frames = texts | st.binary(max_size=50)


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    return await a_token(services, await an_account())


@pytest_asyncio.fixture
async def bystander(api_address: str, token: str) -> AsyncIterator[Socket]:
    async with acknowledged(api_address, token) as socket:
        yield socket


def sequences() -> list[tuple[bool, list[str | bytes]]]:
    """Return what each of many clients sends: whether it says first who it is, and its frames."""
    drawn: list[tuple[bool, list[str | bytes]]] = []

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.booleans(), st.lists(frames, min_size=1, max_size=4))
    def draw(is_known: bool, sent: list[str | bytes]) -> None:
        drawn.append((is_known, sent))

    draw()
    return drawn


async def answers(address: str, token: str | None, sent: list[str | bytes]) -> tuple[list[JSON], int | None]:
    """Send frames, then ask for a pong; return what came until that, or until the socket was closed, and the code."""
    url = address.replace("http://", "ws://") + "/graphql"
    said: list[JSON] = []
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as connection:
        try:
            if token is not None:
                await connection.send(json.dumps({"type": "connection_init", "payload": {"authToken": token}}))
            for frame in sent:
                await connection.send(frame)
            await connection.send('{"type": "ping"}')
            async with asyncio.timeout(10):
                async for answer in connection:
                    said.append(json.loads(answer))
                    if said.count({"type": "pong"}) > sum('"ping"' in str(frame) for frame in sent):
                        break
        except websockets.ConnectionClosed:
            pass
        closed = connection.close_code if connection.state is websockets.State.CLOSED else None
    return said, closed


def is_of_the_protocol(message: JSON) -> bool:
    match message:
        case {"type": "connection_ack" | "pong"}:
            return len(message) == 1
        case {"type": "complete", "id": str()}:
            return len(message) == 2
        case {"type": "next", "id": str(), "payload": {"data": _} | {"errors": _}}:
            return True
        case {"type": "error", "id": str(), "payload": [_, *_] as errors}:
            return all({"code", "requestId"} <= error["extensions"].keys() for error in errors)
    return False


async def test_hostile_frames_are_answered_by_the_protocol_and_hurt_nobody(
    api_address: str, token: str, bystander: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    codes = set()
    with capture_logs() as logged:
        for is_known, sent in sequences():
            said, code = await answers(api_address, token if is_known else None, sent)
            assert [one for one in said if not is_of_the_protocol(one)] == [], sent
            assert code is None or code in CODES, (code, sent)
            codes.add(code)
            await bystander.settle()

    assert {None, 4400} <= codes, "what is sent is neither all good nor all bad"
    assert [one for one in logged if one["log_level"] in ("warning", "error")] == []
    assert [record.getMessage() for record in caplog.records if record.name != "asyncio"] == []


BROKEN = [
    pytest.param(Frame(Opcode.TEXT, b"\xff\xfe"), {1007}, id="no-utf-8"),
    pytest.param(Frame(Opcode.TEXT, b'"\xed\xa0\x80"'), {1007}, id="lone-surrogate"),
    pytest.param(Frame(Opcode.BINARY, b"\x00"), {4400}, id="binary"),
    pytest.param(Frame(Opcode.CONT, b"x"), {1002}, id="continues-nothing"),
    pytest.param(Frame(Opcode.PING, b"x" * 125), {None}, id="ping-of-the-transport"),
    pytest.param(Frame(Opcode.PONG, b"unasked"), {None}, id="pong-that-nobody-asked-for"),
    pytest.param(Frame(Opcode.CLOSE, b"\x03"), {1002, 1006}, id="close-without-a-code"),
    pytest.param(b"\x83\x80\x00\x00\x00\x00", {1002}, id="reserved-opcode"),
    pytest.param(b"\xf1\x80\x00\x00\x00\x00", {1002}, id="reserved-bits"),
    pytest.param(b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", {1009}, id="endless-frame"),
    pytest.param(b"\x81\x01x", {1002}, id="unmasked"),
]


@pytest.mark.parametrize(("frame", "codes"), BROKEN)
async def test_frames_that_break_websocket_itself_are_answered_by_its_codes(
    api_address: str,
    token: str,
    bystander: Socket,
    caplog: pytest.LogCaptureFixture,
    frame: Frame | bytes,
    codes: set[int | None],
) -> None:
    caplog.set_level(logging.WARNING)
    with capture_logs() as logged:
        async with acknowledged(api_address, token) as socket:
            connection = socket._connection
            raw = frame if isinstance(frame, bytes) else frame.serialize(mask=True)
            connection.transport.write(raw)
            if codes == {None}:
                await socket.settle()
            else:
                assert await socket.close_code() in codes
    await bystander.settle()

    assert logged == []
    assert [record.getMessage() for record in caplog.records if record.name != "asyncio"] == []
