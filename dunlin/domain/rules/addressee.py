"""Whom a text is meant for that came to a number which several organizations use."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Concerned:
    """One organization that sends from the number.

    `is_known`: it has a customer with the writer's number, or a refusal of it. `newest_reminder`: the id of the last
    reminder that went there; ids grow over all organizations.
    """

    organization_id: int
    is_known: bool
    newest_reminder: int | None


def addressee(concerned: Sequence[Concerned], *, own: int) -> int:
    """Return the organization that texted the writer last; without any such one that knows them, else `own`.

    `own` is whose address the carrier has been given.
    """

    def nearness(one: Concerned) -> tuple[int, bool, bool, int]:
        return one.newest_reminder or 0, one.is_known, one.organization_id == own, -one.organization_id

    return max(concerned, key=nearness).organization_id
