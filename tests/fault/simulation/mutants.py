"""The sending path with one protection less each: what the simulation must notice, or it proves nothing."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from dunlin.channels import twilio
from dunlin.domain.actions import (
    claim_reminders,
    deliver,
    disconnect_integration,
    look_up,
    record,
    record_payment,
    record_reports,
    reword,
    sweep,
)
from dunlin.domain.actions.change_status import StatusChange, change_of, change_status
from dunlin.domain.carrier import Absent, Answer, Unknown
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.handover import Situation
from dunlin.domain.rules.outcome import Outcome, outcome_of
from dunlin.domain.store import Transaction
from dunlin.domain.times import SendingTimes

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    begin: Callable[[Patch], None]


def without(module: ModuleType, statement: str, old: str, new: str = "") -> Callable[[Patch], None]:
    """Return what takes something out of a statement of the product."""

    def begin(patch: Patch) -> None:
        whole = getattr(module, statement)
        assert old in whole, f"{statement} has changed: this mutant would be none"
        patch.setattr(module, statement, whole.replace(old, new))

    return begin


def _instead(module: ModuleType, name: str, replacement: object) -> Callable[[Patch], None]:
    def begin(patch: Patch) -> None:
        patch.setattr(module, name, replacement)

    return begin


def _blind_to(**known: Any) -> Callable[[Patch], None]:
    """Return what has the last look before a handing over see something else than there is."""

    def begin(patch: Patch) -> None:
        look = deliver._situation

        def situation(*seen: Any) -> Situation:
            return replace(look(*seen), **known)

        patch.setattr(deliver, "_situation", situation)

    return begin


async def _mark_nothing(transaction: Transaction, changes: Sequence[StatusChange], now: Any) -> None:
    kept = [change for change in changes if change.status is not ReminderStatus.SENDING]
    await change_status(transaction, kept, now)


async def _send_again(transaction: Transaction, changes: Sequence[StatusChange], now: Any) -> None:
    await change_status(transaction, [replace(one, status=ReminderStatus.SCHEDULED) for one in changes], now)


def _again_whatever_happened(answer: Answer | Absent, *, tries: int, jitter: float) -> Outcome:
    if isinstance(answer, Unknown):
        return Outcome(ReminderStatus.SCHEDULED, answer.reason, wait=timedelta(0))
    return outcome_of(answer, tries=tries, jitter=jitter)


def _only_while_sending(row: dict[str, Any]) -> list[StatusChange]:
    return [change_of(row, ReminderStatus.SENT)] if row["status"] == ReminderStatus.SENDING else []


def _in_any_order(_current: ReminderStatus, _reported: ReminderStatus) -> bool:
    return True


def _always(*_seen: object) -> bool:
    return True


def _unlimited(_moment: float) -> AbstractContextManager[None]:
    return nullcontext()


async def _nothing(*_seen: object, **_more: object) -> None: ...


async def _nobody(*_seen: object) -> list[int]:
    return []


async def _all_wanted(*_seen: object) -> dict[int, object]:
    return {}


async def _none_known(*_seen: object) -> tuple[set[str], bool]:
    return set(), False


def _wait_too_short(patch: Patch) -> None:
    patch.setattr(SendingTimes, "longest_handover", property(lambda _: timedelta(seconds=1)))


def _planned_words(patch: Patch) -> None:
    write = reword.write_anew

    def written(row: dict[str, Any]) -> Any:
        words = write(row)
        return words if isinstance(words, str) else replace(words, text=row["text"])

    patch.setattr(deliver, "write_anew", written)


QUICK = [
    Mutant("what is about to be sent is not marked before", _instead(deliver, "change_status", _mark_nothing)),
    Mutant("an unclear answer counts as a no", _instead(record, "outcome_of", _again_whatever_happened)),
    Mutant(
        "a disconnect is reported without waiting",
        _instead(disconnect_integration, "until_nothing_is_under_way", _nothing),
    ),
]
MUTANTS = [
    *QUICK,
    Mutant(
        "a claim takes neither lease nor fence",
        without(
            claim_reminders,
            "_CLAIM",
            "SET fence = r.fence + 1, lease_until = clock_timestamp() + $2::interval",
            "SET fence = r.fence, lease_until = r.lease_until + 0 * $2::interval",
        ),
    ),
    Mutant("marking does not look at the fence", without(deliver, "_HOLD", " AND r.fence = claim.fence")),
    Mutant("what a dead worker left SENDING goes again", _instead(sweep, "change_status", _send_again)),
    Mutant("nobody sweeps", _instead(sweep, "hold_due", _nobody)),
    Mutant("a call may begin at any time after marking", _instead(twilio, "beginning_by", _unlimited)),
    Mutant("who waits for calls under way waits for a second only", _wait_too_short),
    Mutant("no attempt is stored before the call", _instead(deliver, "_begin_attempts", _nothing)),
    Mutant("a payment is reported without waiting", _instead(record_payment, "until_nothing_is_under_way", _nothing)),
    Mutant("a text says what was planned, whatever was paid since", _planned_words),
    Mutant("what is given back goes again, wanted or not", _instead(record, "_no_longer_wanted", _all_wanted)),
    Mutant(
        "an acceptance counts only while the reminder is SENDING", _instead(record, "_accepted", _only_while_sending)
    ),
    Mutant("the last report wins, not the furthest", _instead(record_reports, "moves_forward", _in_any_order)),
    Mutant("a retry goes though the first text has arrived", _instead(record_reports, "take_back", _nobody)),
    Mutant("marking does not look at opt-outs", _blind_to(opted_out=False)),
    Mutant("marking does not look whether a person has sent it again", _blind_to(is_resent=False)),
    Mutant("one look at the carrier's list is proof enough", _instead(look_up, "is_proven", _always)),
    Mutant("the carrier's list is proof from the first moment", _instead(look_up, "is_looking_for_proof", _always)),
    Mutant("a message found in the list may be another text's", _instead(look_up, "_own_texts", _none_known)),
]

# Not among them, because no schedule can tell it from the product: that marking does not look whether the case is
# closed. Whatever closes a case cancels what is scheduled, and giving back asks by itself. What keeps transactions
# apart that run at the same time is taken away in test_races.
