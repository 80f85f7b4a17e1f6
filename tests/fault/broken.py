"""Faults of the code that can be switched in, to see that the gates catch them. Each replaces one protection."""

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta

from dunlin.api.live import EVERYTHING, EventHub, Narrowing, Reading
from dunlin.channels import twilio
from dunlin.domain.actions import (
    claim_reminders,
    deliver,
    disconnect_integration,
    look_up,
    record,
    record_payment,
    record_reports,
    sweep,
)
from dunlin.domain.carrier import Absent, Answer, Throttled, Unknown, Unreached
from dunlin.domain.rules.outcome import Outcome, outcome_of
from dunlin.domain.store import Store, Transaction
from dunlin.jobs import deliverer, worker
from tests.fault.switch import switch


def _requeue_expired_sending() -> None:
    """What was being handed over when a worker died goes again, as if nothing had left."""

    async def requeue(store: Store, now: datetime, *, limit: int = 500) -> int:
        async def work(transaction: Transaction) -> int:
            return len(
                await transaction.rows(
                    "UPDATE reminder SET status = 'SCHEDULED', lease_until = NULL"
                    " WHERE status = 'SENDING' AND lease_until < clock_timestamp() RETURNING id"
                )
            )

        return await store.transact(work)

    switch(worker, "sweep_sending", requeue)


def _mark_without_fence() -> None:
    """Whoever has claimed a reminder once may mark it, whatever has become of it since."""
    fenced = "AND r.fence = claim.fence AND r.status = 'SCHEDULED'"
    assert fenced in deliver._HOLD
    switch(deliver, "_HOLD", deliver._HOLD.replace(fenced, ""))


def _no_start_window() -> None:
    """A worker begins its call however long ago it marked."""
    switch(deliverer, "boot_time", lambda: math.inf)


def _no_sweep() -> None:
    """What a ring did not tell is not looked for."""

    async def nothing(_: worker.WorkerProcess) -> None: ...

    switch(worker.WorkerProcess, "sweep", nothing)


def _keys_forgotten() -> None:
    """An idempotency key is not looked at."""

    async def anew(
        _: Transaction, __: object, ___: datetime, work: Callable[[], Awaitable[object]], ____: object
    ) -> object:
        return await work()

    switch(record_payment, "once", anew)


def _report_at_once() -> None:
    """A disconnect or a payment is reported done without waiting for what is being handed over."""

    async def at_once(*_: object) -> None: ...

    switch(disconnect_integration, "until_nothing_is_under_way", at_once)
    switch(record_payment, "until_nothing_is_under_way", at_once)


def _leases_by_a_fast_clock() -> None:
    """Leases are looked at by the clock of a host that is an hour ahead."""
    for module, name in ((claim_reminders, "_CLAIM"), (sweep, "_LEFT"), (sweep, "_SELECT_LEFT")):
        expired = "lease_until < clock_timestamp()"
        assert expired in getattr(module, name)
        switch(module, name, getattr(module, name).replace(expired, f"{expired} + interval '1 hour'"))


def _unknown_goes_again() -> None:
    """What gave no clear answer goes again at once, as after a refused connection."""

    def outcome(answer: Answer | Absent, *, tries: int, jitter: float) -> Outcome:
        known = Unreached("no answer") if isinstance(answer, Unknown) else answer
        return replace(outcome_of(known, tries=tries, jitter=jitter), wait=timedelta(0))

    switch(record, "outcome_of", outcome)


def _proof_at_once() -> None:
    """What the carrier's list lacks once, the carrier never had."""
    switch(look_up, "is_looking_for_proof", lambda *_: True)
    switch(look_up, "is_proven", lambda *_: True)


def _throttling_burns_a_try() -> None:
    """A carrier that asks to wait counts as one that failed."""

    def outcome(answer: Answer | Absent, *, tries: int, jitter: float) -> Outcome:
        result = outcome_of(answer, tries=tries, jitter=jitter)
        return replace(result, burns_try=True) if isinstance(answer, Throttled) else result

    switch(record, "outcome_of", outcome)


def _last_report_wins() -> None:
    """A report overwrites whatever came before it."""
    switch(record, "moves_forward", lambda *_: True)
    switch(record_reports, "moves_forward", lambda *_: True)


def _signatures_unchecked() -> None:
    """Whoever knows the address may report."""
    switch(twilio, "signature_fits", lambda *_: True)


def _begins_now() -> None:
    """Who comes back is shown what happens from then on."""
    reading = EventHub.reading

    def from_now_on(
        hub: EventHub, organization_id: int, _: int | None, wanted: Narrowing = EVERYTHING
    ) -> AbstractAsyncContextManager[Reading]:
        return reading(hub, organization_id, None, wanted)

    switch(EventHub, "reading", from_now_on)


VARIANTS: dict[str, Callable[[], None]] = {
    "begins-now": _begins_now,
    "last-report-wins": _last_report_wins,
    "proof-at-once": _proof_at_once,
    "signatures-unchecked": _signatures_unchecked,
    "throttling-burns-a-try": _throttling_burns_a_try,
    "unknown-goes-again": _unknown_goes_again,
    "leases-by-a-fast-clock": _leases_by_a_fast_clock,
    "report-at-once": _report_at_once,
    "keys-forgotten": _keys_forgotten,
    "no-sweep": _no_sweep,
    "mark-without-fence": _mark_without_fence,
    "no-start-window": _no_start_window,
    "requeue-expired-sending": _requeue_expired_sending,
}
