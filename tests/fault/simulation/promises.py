"""What the product promises, checked against what the carrier was asked and what the database says."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from dunlin.domain.actions.deliver import Handover
from dunlin.domain.choices import CaseClosedReason
from dunlin.domain.reminder_status import ReminderStatus, moves_forward
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCase
from tests.fault.simulation.carrier import Call, Taken

Status = ReminderStatus

_AMOUNT = re.compile(r"\d+\.\d\d")

_CARRIER_SAYS = {Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED}
_FORWARD = {
    None: {Status.SCHEDULED},
    Status.SCHEDULED: {Status.SENDING, Status.CANCELED},
    Status.SENDING: {Status.SCHEDULED, Status.UNCONFIRMED} | _CARRIER_SAYS,
    Status.UNCONFIRMED: {Status.SCHEDULED} | _CARRIER_SAYS,
    Status.SENT: _CARRIER_SAYS - {Status.SENT},
    Status.FAILED: {Status.UNDELIVERED, Status.DELIVERED},
    Status.UNDELIVERED: {Status.DELIVERED},
    Status.DELIVERED: set(),
    Status.CANCELED: _CARRIER_SAYS,  # a message that exists is a fact
}


class BrokenPromise(AssertionError):
    """What must never happen has happened."""


@dataclass(slots=True)
class Promises:
    """What was reported to somebody, and must hold from then on."""

    handovers: dict[str, Handover] = field(default_factory=dict)  # by correlation: every one ever marked
    sent: dict[int, Taken] = field(default_factory=dict)  # by reminder
    known: dict[int, Status] = field(default_factory=dict)  # by reminder: the best that we were told
    _ended_connections: set[int] = field(default_factory=set)
    _ended_reminders: set[int] = field(default_factory=set)
    _paid_cases: set[int] = field(default_factory=set)
    _amounts: dict[int, Decimal] = field(default_factory=dict)
    _opted_out: set[int] = field(default_factory=set)
    _resent: set[int] = field(default_factory=set)
    _confirmed: set[int] = field(default_factory=set)
    _sequences: dict[int, int] = field(default_factory=dict)
    _statuses: dict[int, Status] = field(default_factory=dict)

    # What somebody was told.

    def disconnected(self, connection_id: int, reminders: Sequence[int]) -> None:
        self._ended_connections.add(connection_id)
        self._ended_reminders.update(reminders)

    def paid(self, case: CollectionCase) -> None:
        if case.closed_reason is CaseClosedReason.PAID:
            self._paid_cases.add(case.id)
        self._amounts[case.id] = min(case.amount_due, self._amounts.get(case.id, case.amount_due))

    def opted_out(self, customer_id: int) -> None:
        self._opted_out.add(customer_id)

    def opted_in(self, customer_id: int) -> None:
        self._opted_out.discard(customer_id)

    def resent(self, reminder_id: int) -> None:
        self._resent.add(reminder_id)

    def confirmed(self, reminder_id: int) -> None:
        self._confirmed.add(reminder_id)

    def told(self, reminder_id: int, status: Status) -> None:
        """We were told of a message that exists."""
        known = self.known.get(reminder_id)
        if known is None or moves_forward(known, status):
            self.known[reminder_id] = status

    # What is done.

    async def mark(self, handovers: Sequence[Handover], now: datetime) -> None:
        """Check what a worker has just marked."""
        self.handovers |= {handover.correlation: handover for handover in handovers}
        if not handovers:
            return
        for row in await rows(_MARKED, [handover.reminder_id for handover in handovers]):
            where = f"reminder {row['id']}"
            if row["scheduled_for"] > now:
                raise BrokenPromise(f"{where} was marked before it is due")
            if row["customer_id"] in self._opted_out:
                raise BrokenPromise(f"{where} was marked although the customer had opted out")
            if row["has_arrived"]:
                raise BrokenPromise(f"{where} was sent once more although the first one had arrived")

    async def post(self, call: Call) -> None:
        """Check a call at the moment in which its first byte leaves."""
        handover = self.handovers[call.correlation]
        (row,) = await rows(_POSTED, handover.reminder_id)
        where, case_id = f"reminder {handover.reminder_id}", row["case_id"]
        if row["open_transactions"]:
            raise BrokenPromise("a transaction is open during a call")
        if handover.reminder_id in self.sent:
            raise BrokenPromise(f"{where} was sent although the carrier has it")
        if handover.connection_id in self._ended_connections:
            raise BrokenPromise(f"{where} was sent with a connection that was reported disconnected")
        if handover.reminder_id in self._ended_reminders:
            raise BrokenPromise(f"{where} was sent although a disconnect that ended it was reported")
        if case_id in self._paid_cases:
            raise BrokenPromise(f"{where} was sent although its case was reported paid")
        if case_id in self._amounts and Decimal(_AMOUNT.findall(call.body)[0]) > self._amounts[case_id]:
            raise BrokenPromise(f"{where} asks for more than is due since a payment was reported")
        if handover.reminder_id in self._resent:
            raise BrokenPromise(f"{where} was sent although a person had sent it again")

    def taken(self, message: Taken) -> None:
        reminder_id = self.handovers[message.correlation].reminder_id
        if reminder_id in self.sent:
            raise BrokenPromise(f"the carrier has reminder {reminder_id} twice")
        self.sent[reminder_id] = message

    async def follow_events(self) -> None:
        """Read on as a subscriber does: no gap, no step back, and nothing less than what we were told."""
        for row in await rows(_EVENTS, list(self._sequences), list(self._sequences.values())):
            organization_id, reminder_id, status = row["organization_id"], row["reminder_id"], Status(row["status"])
            if row["sequence"] != self._sequences.get(organization_id, 0) + 1:
                raise BrokenPromise(f"event {row['sequence']} follows {self._sequences.get(organization_id, 0)}")
            self._sequences[organization_id] = row["sequence"]
            if status not in _FORWARD[self._statuses.get(reminder_id)]:
                raise BrokenPromise(f"reminder {reminder_id} went from {self._statuses.get(reminder_id)} to {status}")
            self._statuses[reminder_id] = status
        for reminder_id, known in self.known.items():
            status = self._statuses[reminder_id]
            if status is not known and not moves_forward(known, status):
                raise BrokenPromise(f"reminder {reminder_id} is {status}, but the carrier told us {known}")

    def somebody_asks(self) -> bool:
        """Return whether there is anything that the carrier may have to be asked about."""
        return any(status in (Status.UNCONFIRMED, Status.SENT) for status in self._statuses.values())

    # What is left in the end.

    async def settled(self) -> None:
        """Check that nothing is stuck, and that the carrier's ledger and the database tell the same."""
        if await rows(_UNPLANNED):
            raise BrokenPromise("a step is due and was not planned")
        for row in await rows(_REMINDERS):
            self._check_end(row["id"], Status(row["status"]), row["provider_message_id"], doubtful=row["doubtful"])

    def _check_end(self, reminder_id: int, status: Status, message_id: str | None, *, doubtful: bool) -> None:
        where = f"reminder {reminder_id}, now {status}"
        if status is not self._statuses[reminder_id]:
            raise BrokenPromise(f"{where}: its last event says {self._statuses[reminder_id]}")
        if status in (Status.SENDING, Status.SCHEDULED):
            raise BrokenPromise(f"{where}: stuck")
        message, known = self.sent.get(reminder_id), self.known.get(reminder_id)
        if status is Status.SENT and reminder_id in self._confirmed and known is None and message_id is None:
            return
        if message is None:
            if known is not None or message_id is not None or status in _CARRIER_SAYS - {Status.FAILED}:
                raise BrokenPromise(f"{where}: the carrier does not have it")
            if status is Status.UNCONFIRMED and not doubtful:
                raise BrokenPromise(f"{where}: but nothing about it is uncertain")
        elif known is None and status is Status.UNCONFIRMED:
            return
        elif status not in (known, message.end) or message_id != message.sid:
            raise BrokenPromise(f"{where} of {message_id}: the carrier has {message.sid} as {message.end}")


_MARKED = """
SELECT r.id, r.scheduled_for, c.customer_id, r.is_retry AND EXISTS (
         SELECT 1 FROM reminder earlier WHERE earlier.case_step_id = r.case_step_id
         AND earlier.resend_number = r.resend_number - 1 AND earlier.status = 'DELIVERED') AS has_arrived
FROM reminder r JOIN collection_case c ON c.id = r.case_id WHERE r.id = ANY($1) ORDER BY r.id
"""

_POSTED = """
SELECT case_id, (SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
                   AND backend_type = 'client backend') AS open_transactions
FROM reminder WHERE id = $1
"""

_EVENTS = """
SELECT e.organization_id, e.sequence, e.reminder_id, e.status
FROM delivery_event e LEFT JOIN unnest($1::bigint[], $2::bigint[]) AS seen(organization_id, sequence)
  ON seen.organization_id = e.organization_id
WHERE e.sequence > coalesce(seen.sequence, 0) ORDER BY e.organization_id, e.sequence
"""

_UNPLANNED = "SELECT 1 FROM collection_case WHERE state = 'ACTIVE' AND next_action_at <= clock_timestamp() LIMIT 1"

_REMINDERS = """
SELECT r.id, r.status, r.provider_message_id,
       EXISTS (SELECT 1 FROM send_attempt a WHERE a.reminder_id = r.id AND a.outcome IN ('Open', 'Unknown')) AS doubtful
FROM reminder r ORDER BY r.id
"""
