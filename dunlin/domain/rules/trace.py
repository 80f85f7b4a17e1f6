"""The decisions about one step of a case, stored small: what every check found, when it was planned and ever since.

A decision is `[milliseconds, codes of what passed with its usual sentence, [[code, outcome, sentence], ...]]`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dunlin.domain.choices import Check, CheckOutcome
from dunlin.domain.rules.finding import PASSED, Finding

MOST_DECISIONS = 20

# Stored: never give a letter a second meaning.
_CODES = {
    Check.DEBTOR: "d",
    Check.METHOD: "m",
    Check.INTEGRATION: "i",
    Check.CASE: "c",
    Check.OPT_OUT: "o",
    Check.NUMBER: "n",
    Check.EMAIL_ADDRESS: "e",
    Check.TEXT: "t",
    Check.WINDOW: "w",
    Check.HOLIDAY: "h",
    Check.MINIMUM_GAP: "g",
    Check.WEEKLY_MAXIMUM: "x",
    Check.SPENDING_LIMIT: "s",
    Check.PLANNING: "p",
}
_CHECKS = {code: check for check, code in _CODES.items()}
_ORDER = {check: place for place, check in enumerate(Check)}

Decision = list[Any]


@dataclass(frozen=True, slots=True)
class DecidedCheck:
    finding: Finding
    decided_at: datetime  # to the millisecond


def decision(findings: Sequence[Finding], now: datetime) -> Decision:
    """Return what is stored of one decision."""
    usual = [finding.check for finding in findings if _is_usual(finding)]
    told = [[_CODES[one.check], one.outcome.value[0], one.sentence] for one in findings if not _is_usual(one)]
    return [round(now.timestamp() * 1_000), "".join(_CODES[check] for check in usual), told]


def followed_by(trace: Sequence[Decision], findings: Sequence[Finding], now: datetime) -> list[Decision] | None:
    """Return the trace with one more decision, or None if that says nothing new.

    New is what holds or stops a reminder, but not the same again and again; and that it goes after it was held.
    Of very many decisions the first, the one of planning, and the latest are kept.
    """
    was_held = bool(trace and trace[-1][2])
    if not was_held and all(map(_is_usual, findings)):
        return None
    new = decision(findings, now)
    if trace and trace[-1][1:] == new[1:]:
        return None
    return [*trace[:1], *trace[1:][-MOST_DECISIONS + 2 :], new]


def checks_of(trace: Sequence[Decision]) -> Iterator[DecidedCheck]:
    """Yield every check of every decision, oldest first, in the order in which checks are made."""
    for milliseconds, usual, told in trace:
        decided_at = datetime.fromtimestamp(milliseconds / 1_000, UTC)
        findings = [Finding(_CHECKS[code], CheckOutcome.PASSED, PASSED[_CHECKS[code]]) for code in usual]
        findings += [Finding(_CHECKS[code], _OUTCOMES[outcome], sentence) for code, outcome, sentence in told]
        for finding in sorted(findings, key=lambda one: _ORDER[one.check]):
            yield DecidedCheck(finding, decided_at)


_OUTCOMES = {outcome.value[0]: outcome for outcome in CheckOutcome}


def _is_usual(finding: Finding) -> bool:
    return finding.outcome is CheckOutcome.PASSED and finding.sentence == PASSED[finding.check]
