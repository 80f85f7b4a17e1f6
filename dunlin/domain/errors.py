"""What the domain refuses, as one tree.

DomainError
  Forbidden             the viewer lacks a permission
  Refusal               an expected failure: a list of problems, each with its code and place
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dunlin.domain.choices import Permission


class ProblemCode(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID"
    REQUIRED = "REQUIRED"
    CONFIRMATION_REQUIRED = "CONFIRMATION_REQUIRED"
    IMPACT_CHANGED = "IMPACT_CHANGED"
    ALREADY_CONNECTED = "ALREADY_CONNECTED"
    NOT_CONNECTED = "NOT_CONNECTED"
    METHOD_UNAVAILABLE = "METHOD_UNAVAILABLE"
    CREDENTIALS_REJECTED = "CREDENTIALS_REJECTED"
    SENDER_REJECTED = "SENDER_REJECTED"
    CARRIER_UNAVAILABLE = "CARRIER_UNAVAILABLE"
    STALE_VERSION = "STALE_VERSION"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    UNKNOWN_PLACEHOLDER = "UNKNOWN_PLACEHOLDER"
    CASE_CLOSED = "CASE_CLOSED"
    WRONG_STATE = "WRONG_STATE"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    DUPLICATE = "DUPLICATE"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `path` names the place in the input, e.g. ("cases", "2", "customer", "phone")."""

    code: ProblemCode
    message: str
    path: tuple[str, ...] = ()


class DomainError(Exception):
    pass


class Forbidden(DomainError):
    def __init__(self, permission: Permission) -> None:
        super().__init__(permission)
        self.permission = permission

    def __str__(self) -> str:
        return f"This token lacks the permission {self.permission}."


class Refusal(DomainError):
    """Nothing was changed. `found` is what stands in the way, where that helps the caller."""

    def __init__(self, problems: Sequence[Problem], found: object = None) -> None:
        super().__init__(tuple(problems))
        self.problems = tuple(problems)
        self.found = found

    def __str__(self) -> str:
        return " ".join(problem.message for problem in self.problems)


def refuse(code: ProblemCode, message: str, *path: str, found: object = None) -> Refusal:
    """Return the refusal for one problem, to be raised."""
    return Refusal([Problem(code, message, path)], found)


def not_found(what: str, *path: str) -> Refusal:
    return refuse(ProblemCode.NOT_FOUND, f"There is no such {what}.", *path)
