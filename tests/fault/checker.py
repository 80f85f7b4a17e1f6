"""What became of everything: our record beside the carrier's."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.fault.ledger import Acceptance

_NOTHING_SENT = {"CANCELED", "FAILED", "SKIPPED"}
_ARRIVED = {"SENT", "DELIVERED", "UNDELIVERED"}
_UNRESOLVED = {"SCHEDULED", "SENDING", "PENDING", "UNCONFIRMED"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Each is a list of numbers that were to be texted, or were.

    `lost`: acknowledged, never accepted, and no state says or admits it. `twice`: accepted more than once.
    `phantom`: accepted without being asked for. `untrue`: our record says something else than the carrier's.
    `unresolved`: not done yet, or UNCONFIRMED. `asked`: UNCONFIRMED for good, and a person is asked. `longest_s` is the
    longest time from acknowledging to accepting.
    """

    accepted: int
    lost: Sequence[str]
    twice: Sequence[str]
    phantom: Sequence[str]
    untrue: Sequence[str]
    unresolved: Sequence[str]
    asked: Sequence[str]
    longest_s: float

    def assert_all_is_well(self) -> None:
        """All was sent once, or it is said why not, and the record knows it."""
        wrong = (self.lost, self.twice, self.phantom, self.untrue, self.unresolved)
        assert not any(wrong), self


def judge(
    acknowledged: Mapping[str, float],
    asked: set[str],
    states: Sequence[tuple[str, str]],
    ledger: Sequence[Acceptance],
) -> Verdict:
    """Judge by what was acknowledged when, all that was `asked` for, the states by number, and the ledger.

    A state is a reminder's status, ASKED for an UNCONFIRMED one that a person is asked about, or that of its step where
    there is none.
    """
    counts = Counter(one.number for one in ledger)
    said: defaultdict[str, set[str]] = defaultdict(set)
    for number, state in states:
        said[number].add(state)
    first: dict[str, float] = {}
    for one in ledger:
        first.setdefault(one.number, one.at)
    return Verdict(
        accepted=len(ledger),
        lost=[n for n in acknowledged if not counts[n] and not _is_accounted_for(said[n])],
        twice=[n for n, count in counts.items() if count > 1],
        phantom=[n for n in counts if n not in asked],
        untrue=[n for n in said if _is_untrue(said[n], accepted=bool(counts[n]))],
        unresolved=[n for n in said if said[n] & _UNRESOLVED],
        asked=[n for n in said if "ASKED" in said[n]],
        longest_s=max((first.get(n, time.time()) - at for n, at in acknowledged.items() if counts[n]), default=0.0),
    )


def _is_accounted_for(states: set[str]) -> bool:
    """Return whether it is said that nothing was sent, or admitted that nobody knows."""
    return bool(states) and states <= {*_NOTHING_SENT, "UNCONFIRMED", "ASKED"}


def _is_untrue(states: set[str], *, accepted: bool) -> bool:
    if accepted:
        return bool(states) and states <= _NOTHING_SENT
    return bool(states & _ARRIVED)
