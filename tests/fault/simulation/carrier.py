"""The simulated carrier: what it was asked, what it took, and what it says of it. Its ledger only grows."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum

from twilio.http.response import Response
from twilio.request_validator import RequestValidator

from dunlin.channels.twilio_transport import NotSent, OutcomeUnknown, _usable
from dunlin.domain.reminder_status import ReminderStatus
from tests.fault.simulation.clock import VirtualClock

PUBLIC_URL = "https://dunlin.example"

# A text that is taken late, and is late in the list, is seen by the second of the two looks that prove its absence.
TAKEN_AFTER = timedelta(seconds=26)
LIST_LAG = timedelta(minutes=6, seconds=30)


class Fate(StrEnum):
    """What becomes of one call."""

    ACCEPTED = "accepted"
    ACCEPTED_ANSWER_LOST = "accepted, and the answer lost"
    ACCEPTED_LATE = "accepted after the worker has given up waiting"
    ANSWER_LOST = "not accepted, and the answer lost"
    ACCEPTED_503 = "accepted, and answered with 503"
    ANSWERED_503 = "not accepted, and answered with 503"
    THROTTLED = "429"
    THROTTLED_LONG = "429, Retry-After 30"
    REFUSED = "refused, for what the text says"
    REFUSED_FOR_NOW = "refused, and may pass"
    BAD_KEYS = "refused, for the account's keys"
    NEVER_CONNECTED = "never connected"


class History(StrEnum):
    """What becomes of a message that was taken."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered, the phone was off"
    FAILED = "failed, for a reason that may pass"
    FAILED_AT_FIRST = "failed, and delivered after all"
    SENT = "sent, and then nothing more"
    SILENT = "delivered, but no report comes"
    SILENT_AND_LATE = "delivered, but no report comes, and the list shows it late"


_END: dict[History, tuple[str, int | None]] = {
    History.DELIVERED: ("delivered", None),
    History.UNDELIVERED: ("undelivered", 30003),
    History.FAILED: ("failed", 30008),
    History.FAILED_AT_FIRST: ("delivered", None),
    History.SENT: ("sent", None),
    History.SILENT: ("delivered", None),
    History.SILENT_AND_LATE: ("delivered", None),
}
_BEFORE: dict[History, list[tuple[str, int | None]]] = {
    History.FAILED: [],
    History.FAILED_AT_FIRST: [("failed", 30008)],
    History.SENT: [("queued", None)],
}
_SILENT = {History.SILENT, History.SILENT_AND_LATE}


@dataclass(frozen=True, slots=True)
class Report:
    """One status callback, as it comes in over HTTP."""

    path: str
    fields: tuple[tuple[str, str], ...]
    signature: str


@dataclass(slots=True)
class Call:
    """One POST whose first byte leaves now."""

    correlation: str
    sender: str
    to: str
    body: str
    account_sid: str
    auth_token: str
    answer: asyncio.Future[Response]


@dataclass(frozen=True, slots=True)
class Taken:
    """One message in the ledger."""

    sid: str
    call: Call
    at: datetime
    history: History

    @property
    def correlation(self) -> str:
        return self.call.correlation

    @property
    def end(self) -> ReminderStatus:
        return ReminderStatus(_END[self.history][0].upper())

    @property
    def reports(self) -> list[Report]:
        """All that the carrier reports of it in time."""
        if self.history in _SILENT:
            return []
        return [self._report(*state) for state in (*_BEFORE.get(self.history, [("sent", None)]), _END[self.history])]

    def resource(self) -> dict[str, object]:
        """Return what the carrier shows who asks."""
        status, error_code = _END[self.history]
        return {
            "sid": self.sid,
            "body": self.call.body,
            "from": self.call.sender,
            "to": self.call.to,
            "direction": "outbound-api",
            "date_created": format_datetime(self.at),
            "status": status,
            "error_code": error_code,
        }

    def _report(self, status: str, code: int | None) -> Report:
        path = f"/webhooks/twilio/{self.correlation}"
        fields = {"AccountSid": self.call.account_sid, "MessageSid": self.sid, "MessageStatus": status}
        if code is not None:
            fields["ErrorCode"] = str(code)
        signature = RequestValidator(self.call.auth_token).compute_signature(PUBLIC_URL + path, fields)
        return Report(path, tuple(fields.items()), signature)


@dataclass(slots=True)
class SimulatedCarrier:
    """`ledger` is in the order of acceptance. What is taken late waits in `_late`, for `accept_late`."""

    clock: VirtualClock
    ledger: list[Taken] = field(default_factory=list)
    _late: list[tuple[datetime, Call, History]] = field(default_factory=list)

    def reset(self) -> None:
        self.ledger.clear()
        self._late.clear()

    def decide(self, call: Call, fate: Fate, history: History) -> None:
        """Take a text or not, and answer or not."""
        if fate in (Fate.ACCEPTED, Fate.ACCEPTED_ANSWER_LOST, Fate.ACCEPTED_503):
            self._accept(call, history, self.clock.now)
        if fate is Fate.ACCEPTED_LATE:
            self._late.append((self.clock.now + TAKEN_AFTER, call, history))
        try:
            call.answer.set_result(self._answer(fate))
        except Exception as error:
            call.answer.set_exception(error)

    def accept_late(self) -> None:
        """Take what is to be taken by now."""
        due = [one for one in self._late if one[0] <= self.clock.now]
        self._late = [one for one in self._late if one[0] > self.clock.now]
        for at, call, history in due:
            self._accept(call, history, at)

    def _accept(self, call: Call, history: History, at: datetime) -> None:
        self.ledger.append(Taken(f"SM{len(self.ledger) + 1:032x}", call, at, history))

    def _answer(self, fate: Fate) -> Response:
        """Return what the product's own transport makes of what comes over the wire."""
        match fate:
            case Fate.ACCEPTED:
                return _usable("POST", 201, json.dumps(self.ledger[-1].resource()), {})
            case Fate.ACCEPTED_ANSWER_LOST | Fate.ANSWER_LOST | Fate.ACCEPTED_LATE:
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

    def list_to(self, to: str) -> Response:
        """Return the list of messages to a number, newest first, as far as it shows them yet."""
        listed = [one.resource() for one in reversed(self.ledger) if one.call.to == to and self._is_listed(one)]
        page = {"messages": listed, "page": 0, "page_size": 50, "uri": "/", "next_page_uri": None}
        return _usable("GET", 200, json.dumps(page), {})

    def _is_listed(self, message: Taken) -> bool:
        lag = LIST_LAG if message.history is History.SILENT_AND_LATE else timedelta(0)
        return message.at + lag <= self.clock.now

    def show(self, sid: str) -> Response:
        shown = next(one for one in self.ledger if one.sid == sid)
        return _usable("GET", 200, json.dumps(shown.resource()), {})
