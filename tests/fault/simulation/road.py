"""The road to the simulated carrier: the product's channel, but each step of a call waits for its turn."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import ClientRequest, ClientTimeout, TCPConnector
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from twilio.http.response import Response

from dunlin.channels.twilio import TwilioChannel
from dunlin.channels.twilio_transport import NotSent, Transport, _Connector
from dunlin.domain.carrier import Credentials, Sender, TwilioCredentials, Verdict
from dunlin.domain.times import SendingTimes
from tests.fault.simulation.carrier import PUBLIC_URL, Call, SimulatedCarrier


class Turns:
    """Whoever comes to a place waits there until it is let on."""

    def __init__(self) -> None:
        self._arrived: dict[asyncio.Task[Any], asyncio.Future[Any]] = {}
        self._let_on: dict[asyncio.Task[Any], asyncio.Future[None]] = {}

    async def wait(self, found: object) -> None:
        """Wait to be let on; `found` is shown to who lets on."""
        current = asyncio.current_task()
        assert current is not None
        self._let_on[current] = asyncio.get_running_loop().create_future()
        self._arrived.pop(current).set_result(found)
        try:
            await self._let_on[current]
        finally:
            self._let_on.pop(current, None)

    async def next(self, task: asyncio.Task[Any]) -> Any:
        """Let a task on, if it waits; return what it shows at its next place, or None when it has ended."""
        self._arrived[task] = arrived = asyncio.get_running_loop().create_future()
        if waiting := self._let_on.get(task):
            waiting.set_result(None)
        await asyncio.wait({task, arrived}, return_when=asyncio.FIRST_COMPLETED)
        if arrived.done():
            return arrived.result()
        del self._arrived[task]
        return None

    async def forget(self) -> None:
        """End all who wait."""
        waiting = [task for task in self._let_on if task.cancel()]
        if waiting:
            await asyncio.wait(waiting)
        self._let_on.clear()
        self._arrived.clear()


class _Road(TCPConnector):
    """Connects when the simulation says so."""

    def __init__(self, carrier: SimulatedCarrier, turns: Turns) -> None:
        super().__init__()
        self._clock, self._turns = carrier.clock, turns

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:  # noqa: ASYNC109
        begun = self._clock.boot_s
        await self._turns.wait("connecting")
        if self._clock.boot_s - begun > SendingTimes().connect.total_seconds():
            raise NotSent("ConnectionTimeoutError")
        return cast("Connection", SimpleNamespace(close=lambda: None))


class _SimulatedConnector(_Connector, _Road):
    """The product's connector, whose look at the clock comes after the simulated road."""


class SimulatedTransport(Transport):
    def __init__(self, carrier: SimulatedCarrier, turns: Turns) -> None:
        super().__init__()
        self._carrier, self._turns = carrier, turns
        self._connector = _SimulatedConnector(carrier, turns)

    async def close(self) -> None:
        await self._connector.close()

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, str | int] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
        allow_redirects: bool = False,
    ) -> Response:
        if method == "GET":
            return await self._look(uri, params or {})
        assert data is not None
        assert auth is not None
        await self._connector.connect(cast("ClientRequest", None), [], ClientTimeout())
        correlation = urlsplit(data["StatusCallback"]).path.rpartition("/")[2]
        answer = asyncio.get_running_loop().create_future()
        await self._turns.wait(Call(correlation, data["From"], data["To"], data["Body"], *auth, answer))
        return await answer

    async def _look(self, uri: str, params: Mapping[str, str | int]) -> Response:
        """Answer as of now; the answer may take long to come back."""
        sid = uri.rpartition("/")[2].removesuffix(".json")
        seen = self._carrier.show(sid) if sid.startswith("SM") else self._carrier.list_to(str(params["To"]))
        await self._turns.wait(seen)
        return seen


class SimulatedChannel(TwilioChannel):
    """The product's channel, but that connecting asks nobody."""

    def __init__(self, transport: SimulatedTransport) -> None:
        super().__init__(PUBLIC_URL, transport)

    async def check(self, credentials: Credentials, sender: Sender) -> Verdict:
        return None

    async def route_inbound(self, credentials: TwilioCredentials, sender: Sender, key: UUID) -> bool:
        return False
