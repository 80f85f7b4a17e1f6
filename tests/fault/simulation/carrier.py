"""The simulated carrier: what it was asked, what it took, and what it says of it. Its ledger only grows."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from twilio.http.response import Response
from twilio.request_validator import RequestValidator

from dunlin.channels.twilio import TwilioChannel
from dunlin.channels.twilio_transport import NotSent, OutcomeUnknown, Transport, _usable
from dunlin.domain.carrier import Answer, Credentials, Sender, Verdict

PUBLIC_URL = "https://dunlin.example"


class Fate(StrEnum):
    """What becomes of one call."""

    ACCEPTED = "accepted"
    ACCEPTED_ANSWER_LOST = "accepted, and the answer lost"
    ANSWER_LOST = "not accepted, and the answer lost"
    ACCEPTED_503 = "accepted, and answered with 503"
    ANSWERED_503 = "not accepted, and answered with 503"
    THROTTLED = "429"
    THROTTLED_LONG = "429, Retry-After 30"
    REFUSED = "refused, for what the text says"
    REFUSED_FOR_NOW = "refused, and may pass"
    BAD_KEYS = "refused, for the account's keys"
    NEVER_CONNECTED = "never connected"


_TAKEN = {Fate.ACCEPTED, Fate.ACCEPTED_ANSWER_LOST, Fate.ACCEPTED_503}


class History(StrEnum):
    """What the carrier reports of a message that it took, in the end."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered, the phone was off"
    FAILED = "failed, for a reason that may pass"
    SENT = "sent, and then nothing more"
    SILENT = "nothing at all"


_REPORTS: dict[History, tuple[tuple[str, int | None], ...]] = {
    History.DELIVERED: (("sent", None), ("delivered", None)),
    History.UNDELIVERED: (("sent", None), ("undelivered", 30003)),
    History.FAILED: (("queued", None), ("failed", 30008)),
    History.SENT: (("queued", None), ("sent", None)),
    History.SILENT: (),
}


@dataclass(frozen=True, slots=True)
class Report:
    """One status callback, as it comes in over HTTP."""

    sid: str
    path: str
    status: str
    fields: tuple[tuple[str, str], ...]
    signature: str


@dataclass(slots=True)
class Taken:
    """One message in the ledger."""

    sid: str
    correlation: str
    to: str
    body: str
    reports: tuple[Report, ...]


@dataclass(slots=True)
class Call:
    """One POST that has been begun; its bytes leave when it arrives."""

    correlation: str
    to: str
    body: str
    account_sid: str
    auth_token: str
    answer: asyncio.Future[Response]


@dataclass(slots=True)
class SimulatedCarrier:
    ledger: list[Taken] = field(default_factory=list)
    _calls: dict[str, asyncio.Future[Call]] = field(default_factory=dict)

    def reset(self) -> None:
        self.ledger.clear()
        self._calls.clear()

    async def called(self, correlation: str, caller: asyncio.Task[Answer]) -> Call | None:
        """Return the call that `caller` begins; None if it ends without."""
        begun = self._calls.setdefault(correlation, asyncio.get_running_loop().create_future())
        either: set[asyncio.Future[Any]] = {caller, begun}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return begun.result() if begun.done() else None

    async def take(self, call: Call) -> Response:
        self._calls[call.correlation].set_result(call)
        return await call.answer

    def decide(self, call: Call, fate: Fate, history: History) -> None:
        """Let a call arrive, and answer it, or not."""
        sid = f"SM{len(self.ledger) + 1:032x}"
        if fate in _TAKEN:
            reports = tuple(_report(call, sid, *one) for one in _REPORTS[history])
            self.ledger.append(Taken(sid, call.correlation, call.to, call.body, reports))
        try:
            call.answer.set_result(_answer(fate, sid))
        except Exception as error:
            call.answer.set_exception(error)


def _answer(fate: Fate, sid: str) -> Response:
    """Return what the product's own transport makes of what comes over the wire."""
    match fate:
        case Fate.ACCEPTED:
            return _usable("POST", 201, json.dumps({"sid": sid}), {})
        case Fate.ACCEPTED_ANSWER_LOST | Fate.ANSWER_LOST:
            raise OutcomeUnknown("ServerDisconnectedError")
        case Fate.ACCEPTED_503 | Fate.ANSWERED_503:
            return _usable("POST", 503, "upstream connect error", {})
        case Fate.THROTTLED:
            return _usable("POST", 429, json.dumps({"code": 20429}), {})
        case Fate.THROTTLED_LONG:
            return _usable("POST", 429, json.dumps({"code": 20429}), {"Retry-After": "30"})
        case Fate.REFUSED:
            return _usable("POST", 400, json.dumps({"code": 30007}), {})
        case Fate.REFUSED_FOR_NOW:
            return _usable("POST", 400, json.dumps({"code": 30008}), {})
        case Fate.BAD_KEYS:
            return _usable("POST", 401, json.dumps({"code": 20003}), {})
        case Fate.NEVER_CONNECTED:
            raise NotSent("ClientConnectorError")


def _report(call: Call, sid: str, status: str, code: int | None) -> Report:
    path = f"/webhooks/twilio/{call.correlation}"
    fields = {"AccountSid": call.account_sid, "MessageSid": sid, "MessageStatus": status}
    if code is not None:
        fields["ErrorCode"] = str(code)
    signature = RequestValidator(call.auth_token).compute_signature(PUBLIC_URL + path, fields)
    return Report(sid, path, status, tuple(fields.items()), signature)


class SimulatedTransport(Transport):
    """Leads the calls of the product's channel to the simulated carrier."""

    def __init__(self, carrier: SimulatedCarrier) -> None:
        super().__init__()
        self._carrier = carrier

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
        assert method == "POST"
        assert data is not None
        assert auth is not None
        correlation = urlsplit(data["StatusCallback"]).path.rpartition("/")[2]
        answer = asyncio.get_running_loop().create_future()
        return await self._carrier.take(Call(correlation, data["To"], data["Body"], *auth, answer))


class SimulatedChannel(TwilioChannel):
    """The product's channel, but that connecting asks nobody."""

    def __init__(self, carrier: SimulatedCarrier) -> None:
        super().__init__(PUBLIC_URL, SimulatedTransport(carrier))

    async def check(self, credentials: Credentials, sender: Sender) -> Verdict:
        return None

    async def route_inbound(self, credentials: Credentials, sender: Sender, path: str) -> bool:
        return False
