"""What a new token may be. An empty list of problems means good."""

from collections.abc import Sequence

from dunlin.domain.choices import Permission
from dunlin.domain.errors import Problem, ProblemCode
from dunlin.domain.rules.step_input import check_name

MAX_DAYS = 3650


def check_token(name: str, permissions: Sequence[Permission], days: int) -> list[Problem]:
    problems = check_name(name)
    if not permissions:
        problems.append(Problem(ProblemCode.REQUIRED, "A token needs at least one permission.", ("permissions",)))
    if not 1 <= days <= MAX_DAYS:
        problems.append(Problem(ProblemCode.INVALID, f"A token is in force for 1 to {MAX_DAYS} days.", ("days",)))
    return problems


def check_granted(permissions: Sequence[Permission], held: frozenset[Permission]) -> list[Problem]:
    """Nobody grants what they lack."""
    return [
        Problem(ProblemCode.INVALID, f"Your own token lacks {permission}.", ("permissions", str(place)))
        for place, permission in enumerate(permissions)
        if permission not in held
    ]
