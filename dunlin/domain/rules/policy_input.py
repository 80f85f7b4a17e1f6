"""What a sending policy may be changed to. An empty list of problems means good."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dunlin.domain.choices import Weekday
from dunlin.domain.errors import Problem, ProblemCode
from dunlin.domain.rules.caps import MAX_GAP_HOURS, MAX_PER_WEEK

_START = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_END = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


@dataclass(frozen=True, slots=True)
class PolicyEdit:
    """A new window, and what is to change besides; None leaves that as it is. A limit of 0 is no limit."""

    start: str  # local HH:MM
    end: str  # local HH:MM, exclusive; 24:00 is midnight
    days: Sequence[Weekday]
    skip_holidays: bool | None = None
    minimum_gap_hours: int | None = None
    maximum_per_week: int | None = None


def check_policy(edit: PolicyEdit) -> list[Problem]:
    return _check_window(edit) + _check_limits(edit)


def _check_window(edit: PolicyEdit) -> list[Problem]:
    problems: list[Problem] = []
    if not _START.fullmatch(edit.start):
        problems.append(Problem(ProblemCode.INVALID, "A window starts at 00:00 to 23:59.", ("windowStart",)))
    if not _END.fullmatch(edit.end):
        problems.append(Problem(ProblemCode.INVALID, "A window ends at 00:01 to 24:00.", ("windowEnd",)))
    if not problems and edit.start >= edit.end:
        problems.append(Problem(ProblemCode.INVALID, "A window ends after its start.", ("windowEnd",)))
    if not edit.days:
        problems.append(Problem(ProblemCode.REQUIRED, "A window needs at least one day.", ("days",)))
    return problems


def _check_limits(edit: PolicyEdit) -> list[Problem]:
    problems: list[Problem] = []
    if edit.minimum_gap_hours is not None and not 0 <= edit.minimum_gap_hours <= MAX_GAP_HOURS:
        message = f"The gap is 0 (none) to {MAX_GAP_HOURS} hours."
        problems.append(Problem(ProblemCode.INVALID, message, ("minimumGapHours",)))
    if edit.maximum_per_week is not None and not 0 <= edit.maximum_per_week <= MAX_PER_WEEK:
        message = f"The most a week is 1 to {MAX_PER_WEEK}, or 0 for no limit."
        problems.append(Problem(ProblemCode.INVALID, message, ("maximumPerWeek",)))
    return problems
